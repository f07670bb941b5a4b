//===- Passes.td - passes that keep the dialect ---------------------------===//

#ifndef LOWBIT_TRANSFORMS_PASSES_TD
#define LOWBIT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ResultsToArgumentsPass : Pass<"lowbit-results-to-arguments", "::mlir::ModuleOp"> {
  let summary = "Entry points write their results where the caller says";
  let description = [{
    A public function with a body becomes `void`: each result becomes a trailing memref argument, with the result's attributes and
    `lowbit.result`. Tensor arguments are marked as not writable, so that no buffer of the caller is used for
    anything else. Private functions stay as they are; a call of an entry point is refused.

    ```mlir
    func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {lowbit.name = "y"}) {
      return %x : tensor<4xf32>
    }
    // ==>
    func.func @f(%x: tensor<4xf32> {bufferization.writable = false},
                 %y: memref<4xf32> {lowbit.name = "y", lowbit.result}) attributes {llvm.emit_c_interface} {
      bufferization.materialize_in_destination %x in restrict writable %y : (tensor<4xf32>, memref<4xf32>) -> ()
      return
    }
    ```
  }];
  let dependentDialects = ["bufferization::BufferizationDialect", "memref::MemRefDialect", "LLVM::LLVMDialect"];
}

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
