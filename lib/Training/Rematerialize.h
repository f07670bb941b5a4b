//===- Rematerialize.h - what the backward pass keeps of the forward pass -===//
#ifndef LOWBIT_LIB_TRAINING_REMATERIALIZE_H
#define LOWBIT_LIB_TRAINING_REMATERIALIZE_H

#include "mlir/IR/Block.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::lowbit {

/// How a block's forward pass is kept for its backward pass.
class Rematerializer {
public:
  /// Nothing that can be computed again is kept at this price.
  static constexpr int64_t kHighestPrice = int64_t(1) << 20;

  /// Ops of `body` in `forward` are the forward pass; others, but the terminator, the backward pass.
  Rematerializer(Block &body, const llvm::DenseSet<Operation *> &forward);

  /// Chooses what costs least where a byte that is kept costs `price` (in kBytePrice of RecomputeCost.h) besides being moved; the bytes
  /// that are kept.
  int64_t choose(int64_t price);
  /// Chooses what costs least and keeps `kept` bytes, at most `budget`; where nothing keeps so few, false, with the fewest in `kept`.
  bool chooseWithin(int64_t budget, int64_t &kept);
  /// The bytes that the backward pass reads as it is.
  int64_t countKept() const;
  /// Computes again, before its first reader of the backward pass, what was chosen; the number of ops.
  unsigned rewrite();

private:
  bool isBackward(Operation *op) const { return op->getBlock() == &body && op != body.getTerminator() && !forward.contains(op); }
  Operation *getOwner(OpOperand &use) const { return body.findAncestorOpInBlock(*use.getOwner()); }
  /// An op that reads a value, perhaps in another shape, and whether what makes the value may join it.
  struct Reader {
    Operation *op;
    bool joins;
  };
  SmallVector<Reader> getReaders(Value value) const;
  /// Storing costs nothing where the forward pass does it anyway.
  int64_t getKeepCost(ArrayRef<Reader> readers, int64_t bytes, int64_t price) const;

  Block &body;
  const llvm::DenseSet<Operation *> &forward;
  SmallVector<Operation *> ops; ///< Of the forward pass, in order.
  llvm::DenseSet<Operation *> again;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_TRAINING_REMATERIALIZE_H
