//===- Passes.td - passes that keep the dialect ---------------------------===//

#ifndef LOWBIT_TRANSFORMS_PASSES_TD
#define LOWBIT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def VerifyLoweredPass : Pass<"lowbit-verify-lowered"> {
  let summary = "Refuse what upstream conversions leave behind in silence";
  let description = [{
    Ends every pipeline. Any op or type of the dialect that is left is an error that names it and where it came from.

    ```text
    func.func @f(%m: memref<4x!lowbit.code<#lowbit.ternary>>) { return }
    // ==> error: 'func.func' op type `memref<4x!lowbit.code<#lowbit.ternary>>` was not lowered
    ```
  }];
}

def NameSitesPass : Pass<"lowbit-name-sites", "::mlir::ModuleOp"> {
  let summary = "Name the ops that can be quantized";
  let description = [{
    Every contraction, convolution and table lookup of floats gets `lowbit.site`, by which recipes, statistics and reports know it: the
    name of its location, or its kind with a number where the location has no name. A name taken already gets `#2`, `#3`, …;
    a name that is there stays.

    ```mlir
    %r = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32> loc("layer.0.query")
    // ==>
    %r = linalg.matmul {lowbit.site = "layer.0.query"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
    ```
  }];
}

#endif
