//===- Passes.td - pipelines, each a documented pass ----------------------===//

#ifndef LOWBIT_PIPELINES_PASSES_TD
#define LOWBIT_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def CompilePass : Pass<"lowbit-compile", "::mlir::ModuleOp"> {
  let summary = "From linalg and lowbit ops on tensors to the LLVM dialect";
  let description = [{
    Compiles for one machine. Public functions become `void`: a result is written into a buffer that the caller hands in, as trailing
    arguments in the order of the results (see lowbit/Pipelines/Pipelines.h for the calling convention). Nothing of the dialect is left:
    `lowbit-verify-lowered` comes last.

    With `target=reference` every lowbit op means what `lowbit-lower-reference` says and everything runs as plain loops
    with the C library's mathematics: slow, and what the other targets are compared with.

    ```mlir
    func.func @f(%x: tensor<4xf32>) -> tensor<4xf32>
    // ==>
    llvm.func @f(%x_pointer: !llvm.ptr, …, %result_pointer: !llvm.ptr, …) attributes {llvm.emit_c_interface}
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"host\"", "The machine to compile for: host, reference, or a target's name">,
    Option<"threads", "threads", "unsigned", /*default=*/"1", "Threads that share the loops over rows; with one no parallel region is made">,
  ];
}

def QuantizePass : Pass<"lowbit-quantize", "::mlir::ModuleOp"> {
  let summary = "From a float model to one that computes on codes";
  let description = [{
    Names sites, chooses their schemes by a recipe, puts quantize and dequantize around them, folds weights to codes, and fuses all
    that into `lowbit.contract`. The result is the model that is saved; `lowbit-compile` takes it from there. Passes, each testable
    alone: `lowbit-name-sites`, `lowbit-assign-schemes`, `lowbit-insert-qdq`, `lowbit-fold-weights`, `lowbit-fuse-qdq`.

    ```mlir
    %r = linalg.matmul ins(%x, %weight : tensor<128x384xf32>, tensor<384x384xf32>) outs(%zeros : tensor<128x384xf32>) -> tensor<128x384xf32>
    // ==>
    %r = lowbit.contract […] lhs(%codes scales %scales <#lowbit.int<8>, block = [1, 0]> : …) rhs(…) outs(…) -> tensor<128x384xf32>
    ```
  }];
  let options = [
    Option<"recipe", "recipe", "std::string", /*default=*/"", "A recipe's name, a file, or a document in place">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics, for recipes with static activations">,
  ];
}

#endif
