//===- WarpgroupMma.h - wgmma.mma_async -----------------------------------===//
//
// The product is computed at once; that it is asynchronous on the GPU belongs to the simulator.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_WARPGROUPMMA_H
#define LOWBIT_EXECUTION_SIM_WARPGROUPMMA_H

#include "lowbit/Execution/Sim/Copies.h"
#include "lowbit/Execution/Sim/FloatMma.h"
#include "lowbit/Execution/Sim/IntegerMma.h"

namespace mlir::lowbit::sim {

constexpr unsigned kGroupThreads = 128;

/// A matrix in shared memory as wgmma's 64-bit descriptor has it.
struct MatrixDescriptor {
  uint32_t start, leading, stride; // bytes
  uint32_t baseOffset;             // rows of 128 bytes by which the swizzle's pattern begins later
  Swizzle swizzle;

  explicit MatrixDescriptor(uint64_t bits);

  /// The shared address of byte `byte` of row `row`, where K runs along memory.
  uint32_t getKMajor(unsigned row, unsigned byte) const;

  /// The shared address of the 16-bit element (row, k), where M or N runs along memory.
  uint32_t getMNMajor(unsigned row, unsigned k) const;

private:
  uint32_t swizzled(uint32_t address) const;
};

/// m64nN with K of 32 bytes. A comes from shared memory or, in fragments like mma.sync's, from registers.
struct WarpgroupShape {
  unsigned n = 8;
  bool aTransposed = false, bTransposed = false; // M or N runs along memory; 16-bit types only
};

/// Where operands are; `a` (registers of 128 threads) is null when A is in shared memory.
struct WarpgroupOperands {
  SharedMemory shared;
  Reads a;
  uint64_t aDescriptor, bDescriptor;
};

/// d = a * b, plus d with `accumulate`; the registers of 128 threads.
Illegal mmaWarpgroup(const IntegerProduct &form, WarpgroupShape shape, const WarpgroupOperands &operands, bool accumulate, Writes d);

struct WarpgroupFloat {
  FloatType a, b;
  bool half = false;   // f16 accumulators, two in a register
  bool negate = false; // one of the factors' signs (scale-a, scale-b) is -1
};

Illegal mmaWarpgroup(const WarpgroupFloat &form, WarpgroupShape shape, const WarpgroupOperands &operands, bool accumulate, Writes d);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_WARPGROUPMMA_H
