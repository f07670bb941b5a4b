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

#endif
