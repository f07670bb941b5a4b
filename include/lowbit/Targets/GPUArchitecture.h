//===- GPUArchitecture.h - what a generation of GPUs can do ---------------===//
#ifndef LOWBIT_TARGETS_GPUARCHITECTURE_H
#define LOWBIT_TARGETS_GPUARCHITECTURE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::lowbit {

/// Capabilities that kernels ask for; a schedule asks these, never a name.
struct GPUArchitecture {
  llvm::StringLiteral chip; ///< As LLVM and ptxas name it, such as `sm_90a`.
  llvm::StringLiteral ptx;  ///< The PTX version that has all of it, as an LLVM feature.
  unsigned maxSharedBytes;  ///< Dynamic shared memory that one block can have.
  unsigned sharedBytesPerMultiprocessor;
  unsigned multiprocessors;        ///< Of the usual card: how many blocks make a wave.
  bool hasByteMma = false;         ///< mma.sync m16n8k32 of 8-bit integers (before it: m8n8k16).
  bool hasSmallByteMma = false;    ///< mma.sync m8n8k16 of 8-bit integers.
  bool hasBinaryMma = false;       ///< mma.sync m16n8k256 of bits with and-popc, in hardware.
  bool hasAsyncCopy = false;       ///< cp.async.
  bool hasBulkCopy = false;        ///< Tensor maps, mbarrier with transaction counts, cp.async.bulk.
  bool hasWarpgroupMma = false;    ///< wgmma.
  bool hasTensorMemoryMma = false; ///< tcgen05.mma kind::i8.

  static constexpr unsigned maxThreads = 1024, registersPerMultiprocessor = 65536, maxRegistersPerThread = 255;
};

/// The triple of the machine whose code launches kernels: this one.
llvm::StringRef getHostTriple();

/// All that there are, from the oldest.
llvm::ArrayRef<GPUArchitecture> getGPUArchitectures();
/// The one of that chip, or null.
const GPUArchitecture *findGPUArchitecture(llvm::StringRef chip);

} // namespace mlir::lowbit

#endif // LOWBIT_TARGETS_GPUARCHITECTURE_H
