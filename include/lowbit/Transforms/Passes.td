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

#endif
