//===- GPUArchitecture.h - what a generation of GPUs can do ---------------===//
#ifndef LOWBIT_TARGETS_GPUARCHITECTURE_H
#define LOWBIT_TARGETS_GPUARCHITECTURE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::lowbit {

/// What kernels are written as.
enum class KernelCode { PTX, AMDGCN, SPIRV };

/// Files that hold kernels alone, and whether there is a run time for libraries that bring it with them.
struct KernelFiles {
  llvm::StringLiteral text, binary; ///< Suffixes.
  llvm::StringLiteral tool;         ///< The program that makes the binary; empty where none is needed.
  bool hasLibraries;
};

KernelFiles getKernelFiles(KernelCode code);

/// Capabilities that kernels ask for; a schedule asks these, never a name.
struct GPUArchitecture {
  llvm::StringLiteral chip;     ///< As LLVM and ptxas name it, such as `sm_90a`.
  llvm::StringLiteral features; ///< For LLVM, such as the PTX version that has all of it.
  unsigned maxSharedBytes;      ///< Dynamic shared memory that one block can have.
  unsigned sharedBytesPerMultiprocessor;
  unsigned multiprocessors; ///< Of the usual card: how many blocks make a wave.
  KernelCode code = KernelCode::PTX;
  unsigned warpThreads = 32;       ///< Threads that share out a tile; they run in step where there is such a thing.
  bool hasShuffle = true;          ///< 32 threads in a row can read each other's registers.
  bool hasBFloat16 = true;         ///< Its backend knows the type.
  bool hasByteDot = false;         ///< Four products of bytes and a sum, of any signs.
  bool hasByteMma = false;         ///< mma.sync m16n8k32 of 8-bit integers (before it: m8n8k16).
  bool hasSmallByteMma = false;    ///< mma.sync m8n8k16 of 8-bit integers.
  bool hasBinaryMma = false;       ///< mma.sync m16n8k256 of bits with and-popc, in hardware.
  bool hasFloat8Mma = false;       ///< mma.sync m16n8k32 of 8-bit floats.
  bool hasAsyncCopy = false;       ///< cp.async.
  bool hasBulkCopy = false;        ///< Tensor maps, mbarrier with transaction counts, cp.async.bulk.
  bool hasWarpgroupMma = false;    ///< wgmma.
  bool hasTensorMemoryMma = false; ///< tcgen05.mma kind::i8.
  unsigned mfmaDepth = 0;          ///< Bytes of the reduction that v_mfma_i32_16x16 takes; 0: there is none.

  /// Whether a matrix unit multiplies bytes.
  bool hasByteMatrices() const { return hasByteMma || hasSmallByteMma || mfmaDepth != 0; }
  /// Whether signs are multiplied faster as bits than as bytes: lanes can count bits, but not as fast as a matrix unit multiplies.
  bool prefersBits() const { return hasBinaryMma || !hasByteMatrices(); }

  static constexpr unsigned maxThreads = 1024, maxBlocksAcross = 65535, registersPerMultiprocessor = 65536, maxRegistersPerThread = 255;
};

/// The triple of the machine whose code launches kernels: this one.
llvm::StringRef getHostTriple();

/// All that there are, from the oldest.
llvm::ArrayRef<GPUArchitecture> getGPUArchitectures();
/// The one of that chip, or null.
const GPUArchitecture *findGPUArchitecture(llvm::StringRef chip);

} // namespace mlir::lowbit

#endif // LOWBIT_TARGETS_GPUARCHITECTURE_H
