//===- TensorMemory.h - tcgen05: tensor memory and products into it -------===//
//
// PTX ISA, "TensorCore 5th Generation Family Instructions". Tensor memory of a block has 128 lanes by 512 columns of 32 bits; an address
// has the lane in its upper half. tcgen05.mma multiplies M rows of A with N rows of B, both in shared memory, and adds 32 bytes of the
// reduction at a time; with M = 128 element (m, n) is in lane m, column n. A warp reads 32 lanes alone, by its number modulo 4.
// No recording of a GPU is there to compare with.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_TENSORMEMORY_H
#define LOWBIT_EXECUTION_SIM_TENSORMEMORY_H

#include "lowbit/Execution/Sim/Copies.h"
#include "lowbit/Execution/Sim/IntegerMma.h"

namespace mlir::lowbit::sim {

constexpr unsigned kTensorLanes = 128, kTensorColumns = 512, kTensorUnit = 32; ///< Columns are allocated 32 at a time.

struct TensorAddress {
  uint32_t lane, column;
  explicit TensorAddress(uint32_t bits) : lane(bits >> 16), column(bits & 0xFFFF) {}
};

/// What an instruction descriptor of kind::i8 says.
struct TensorProduct {
  IntegerProduct integers;
  unsigned rows = kTensorLanes, columns = 0;
};

/// Fills `product` in, or says why the descriptor is none, or of a product without a model.
Illegal decode(uint32_t descriptor, TensorProduct &product);

/// The same of a matrix in shared memory.
Illegal verifyDescriptor(uint64_t bits);

/// `cells` (by lanes, then columns) at `address` become a * b, plus what they were with `accumulate`.
Illegal mmaTensor(const TensorProduct &product, SharedMemory shared, uint64_t a, uint64_t b, bool accumulate, uint32_t *cells,
                  TensorAddress address);

/// Shapes of tcgen05.ld: lanes by bits of a lane, again and again along columns.
enum class TensorShape : uint8_t { Lanes32x32, Lanes16x256 };

/// Lanes of tensor memory that a shape takes.
constexpr unsigned getLanes(TensorShape shape) { return shape == TensorShape::Lanes32x32 ? 32 : 16; }
/// Columns that `registers` of a lane take.
constexpr unsigned getColumns(TensorShape shape, unsigned registers) {
  return shape == TensorShape::Lanes32x32 ? registers : registers * 2;
}
/// The cell that a lane's register `r` gets, relative to the address: of 16x256b as mma.sync has accumulators.
constexpr unsigned laneOfCell(TensorShape shape, unsigned lane, unsigned r) {
  return shape == TensorShape::Lanes32x32 ? lane : rowOfC(lane, r);
}
constexpr unsigned columnOfCell(TensorShape shape, unsigned lane, unsigned r) {
  return shape == TensorShape::Lanes32x32 ? r : columnOfC(lane, r);
}

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_TENSORMEMORY_H
