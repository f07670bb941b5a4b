//===- Copies.h - cp.async, bulk copies, tensor maps ----------------------===//
//
// What a copy does once it is done; when that is belongs to the simulator. Shared memory comes with its address on the GPU, because
// swizzles look at addresses.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_COPIES_H
#define LOWBIT_EXECUTION_SIM_COPIES_H

#include "lowbit/Execution/Sim/Fragments.h"

namespace mlir::lowbit::sim {

/// Shared memory of a block; `address` is that of its first byte.
struct SharedMemory {
  uint8_t *bytes;
  uint32_t address, size;
};

/// Which 16-byte pieces of a row change places: bits 4 and up of an address are xored with those from bit 7 up, as many as the span
/// has. The enumerators are the tensor map's.
enum class Swizzle : uint8_t { None = 0, Span32 = 1, Span64 = 2, Span128 = 3 };

uint32_t swizzle(Swizzle mode, uint32_t address);

/// Bytes of a row of the pattern; 16 where there is none.
constexpr uint32_t getSpan(Swizzle mode) { return 16u << static_cast<unsigned>(mode); }

/// cp.async of one lane: `read` bytes are copied and the rest of `size` (4, 8, 16) becomes zero.
Illegal copyAsync(void *shared, const void *global, uint32_t size, uint32_t read);

enum class BulkReduction : uint8_t { None, AddS32, AddF32 };

/// cp.async.bulk and cp.reduce.async.bulk in either direction; addresses and sizes are multiples of 16.
Illegal copyBulk(void *target, const void *source, uint32_t bytes, BulkReduction reduction = BulkReduction::None);

/// What cuTensorMapEncodeTiled is told: the innermost dimension first; element strides of 1, no interleave, zeros outside.
struct TensorMap {
  static constexpr unsigned kMaxRank = 5;
  uint8_t *global;
  uint32_t rank, elementBytes;
  uint64_t sizes[kMaxRank];
  uint64_t pitches[kMaxRank]; // bytes; [0] is elementBytes
  uint32_t box[kMaxRank];
  Swizzle swizzle;
};

/// What the driver would refuse.
Illegal verify(const TensorMap &map);

/// Bytes of a box, which is what an mbarrier counts, whatever part of the box lies outside. In shared memory a row of a swizzled box
/// takes a whole span, even where it is shorter.
uint32_t getBoxBytes(const TensorMap &map);

/// cp.async.bulk.tensor from and to the box at `coordinates`. A load makes zeros of what lies outside. A store begins inside or after
/// the tensor in every dimension, and writes whole pieces of 16 bytes: a row takes up to 15 bytes more than its size says.
Illegal loadTensor(const TensorMap &map, const int32_t *coordinates, SharedMemory shared, uint32_t address);
Illegal storeTensor(const TensorMap &map, const int32_t *coordinates, SharedMemory shared, uint32_t address);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_COPIES_H
