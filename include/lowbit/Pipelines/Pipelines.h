//===- Pipelines.h - the ways of a whole model ----------------------------===//
//
// Calling convention of a compiled module. Every public function with a body
//
//   func.func @f(%x: tensor<1x128xi64>, …) -> (tensor<1x384xf32>, …)
//
// becomes `void` and takes one row-major memref for each tensor argument, in order, followed by one for each result, in order:
//
//   func.func @f(%x: memref<1x128xi64>, …, %r: memref<1x384xf32>, …) attributes {llvm.emit_c_interface}
//
// so that `_mlir_ciface_f` takes pointers to memref descriptors. Arguments are only read; results are overwritten in whole and must overlap
// neither one another nor an argument. Scalar arguments stay what they are; a scalar result becomes a memref of rank 0.
// Attributes of a result (`lowbit.name`) move to its argument, which also bears `lowbit.result`.
// A result with `lowbit.updates = "NAME"` gets no argument of its own: the argument of that `lowbit.name` and type, which is then not only
// read, holds it when the call ends.
// A function that needs memory to work in takes it as one more argument, the last: `memref<Nxi8>`, whose address 64 divides, where
// `lowbit.signature` says `workspace = N`. Calls that run at the same time need one each; what it holds between calls does not matter.
// Names, shapes and types of a model are read from its functions before they are compiled.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PIPELINES_PIPELINES_H
#define LOWBIT_PIPELINES_PIPELINES_H

#include "mlir/Pass/Pass.h"
#include <string>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::lowbit {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lowbit/Pipelines/Passes.h.inc"

struct CompileOptions {
  /// `host`, `reference`, or the name of a target (QuantTargetAttrInterface::getName).
  std::string target = "host";
  /// Threads that share loops over rows. One makes no parallel region.
  unsigned threads = 1;
  /// Whether code in this process reads large constants from pages that the system can take back. Slower, and of no meaning for files.
  bool pageConstants = false;
};

/// From linalg, tensor, arith and lowbit ops on tensors to the LLVM dialect; runs on a module. The first pass puts the resolved target on
/// the module as `lowbit.target` (lowbit/Targets/Resolve.h), where it stays: the code generator takes triple, processor and features from
/// it.
void buildCompilePipeline(OpPassManager &pm, const CompileOptions &options);

} // namespace mlir::lowbit

#endif // LOWBIT_PIPELINES_PIPELINES_H
