//===- AOT.h - objects and shared libraries for C programs ----------------===//
//
// Every public function of a module becomes a C function that takes pointers to arrays, inputs first, and returns nothing. Objects need the
// C library and libm only, and OpenMP's library where loops are shared among threads.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_AOT_H
#define LOWBIT_EXECUTION_AOT_H

#include "lowbit/Pipelines/Pipelines.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {

struct ObjectOptions {
  CompileOptions compile;
  /// `….o` is an object, `….so` a shared library; for a GPU's target `….ptx` and `….cubin` (`….s` and `….hsaco` for AMD's, `….spvasm` and
  /// `….spv` for SPIR-V) are its kernels alone. Functions are called by the stem of the name: `minilm_main` in minilm.o.
  std::string outputPath;
  /// Where to write the C header; empty for none.
  std::string headerPath;
};

/// Compiles `module`, in place, and writes what was asked for: all of it or nothing. Failure has been reported.
LogicalResult compileToFile(ModuleOp module, const ObjectOptions &options);

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_AOT_H
