//===- BufferRing.h - buffers between bulk copies and products ------------===//
//
// One thread fills the buffers of a ring in turn, by bulk copies; warps read them. Each buffer has two mbarriers: `full` counts the bytes
// that arrive, `empty` the warps that are done with them. A phase ends when all have come, so a waiter needs only its parity: it turns
// each time round, and the first wait for an empty buffer, before anyone read it, is for the phase before the first.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_GPU_BUFFERRING_H
#define LOWBIT_LIB_GPU_BUFFERRING_H

#include "lowbit/GPU/KernelBuilder.h"

namespace mlir::lowbit {

/// The buffer that a thread takes next, and the parity of the phase it waits for.
struct RingPlace {
  Value stage, parity; ///< i32
};

struct BufferRing {
  unsigned stages = 0;
  int64_t stageBytes = 0; ///< A multiple of 1024, so that swizzles of every stage are alike; 0 where the buffers lie elsewhere.
  unsigned readers = 0;   ///< Warps that read each buffer, or 1 where a tensor core does.
  Value memory;           ///< `!llvm.ptr<3>`: the buffers, then the barriers.

  /// Shared memory of buffers and barriers.
  int64_t getBytes() const { return stages * (stageBytes + 2 * barrierBytes); }

  /// By one thread, before a barrier of all; the fence once, behind all rings.
  void initialize(KernelBuilder &b) const;
  static void fenceInitialization(KernelBuilder &b);
  RingPlace getReaderStart(KernelBuilder &b) const { return {b.i32(0), b.i32(0)}; }
  RingPlace getWriterStart(KernelBuilder &b) const { return {b.i32(0), b.i32(1)}; }
  RingPlace advance(KernelBuilder &b, RingPlace place) const;

  /// `!llvm.ptr<3>`
  Value getBuffer(KernelBuilder &b, Value stage) const { return b.offset(memory, b.mul(stage, stageBytes)); }
  Value getFullBarrier(KernelBuilder &b, Value stage) const;
  Value getEmptyBarrier(KernelBuilder &b, Value stage) const;

  void waitUntilFull(KernelBuilder &b, RingPlace place) const;
  void waitUntilEmpty(KernelBuilder &b, RingPlace place) const;
  /// The writer: the buffer is full when `bytes` have arrived.
  void expect(KernelBuilder &b, Value stage, int64_t bytes) const;
  /// A reading warp is done with the buffer. `lane` is the lane's number in its warp.
  void release(KernelBuilder &b, Value stage, Value lane) const;

private:
  static constexpr int64_t barrierBytes = 8;
  int64_t getFullOffset() const { return stages * stageBytes; }
  int64_t getEmptyOffset() const { return getFullOffset() + stages * barrierBytes; }
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_BUFFERRING_H
