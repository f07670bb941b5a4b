//===- Hadamard.h - rotations that cost additions only --------------------===//
//
// Law: `Q = D H` is orthogonal, and `x Q` and `Q^T w` are one and the same function of a vector: `D` a diagonal of signs, `H` blocks of
// normalized Hadamard matrices, which are symmetric.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PTQ_HADAMARD_H
#define LOWBIT_PTQ_HADAMARD_H

#include "mlir/IR/Builders.h"
#include <vector>

namespace mlir::lowbit {

class Rotation {
public:
  /// Of `size` channels in blocks of `block`, a power of two that divides it; the same signs for the same `seed` everywhere.
  Rotation(int64_t size, int64_t block, uint64_t seed);

  int64_t getSize() const { return signs.size(); }
  int64_t getBlock() const { return block; }

  /// Rotates every vector of `values`, row-major of `shape`, along `axis`.
  void apply(MLIRContext *context, std::vector<float> &values, llvm::ArrayRef<int64_t> shape, int64_t axis) const;

  /// `x Q` for the rows along the last axis of `x`, a tensor of f32: one addition an element in each of log2(block) stages.
  Value build(OpBuilder &builder, Location loc, Value x) const;

private:
  Value buildStage(OpBuilder &builder, Location loc, Value x, int64_t half) const;

  int64_t block;
  std::vector<float> signs;
};

} // namespace mlir::lowbit

#endif // LOWBIT_PTQ_HADAMARD_H
