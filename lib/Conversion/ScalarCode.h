//===- ScalarCode.h - scalar arithmetic on the host -----------------------===//
#ifndef LOWBIT_LIB_CONVERSION_SCALARCODE_H
#define LOWBIT_LIB_CONVERSION_SCALARCODE_H

#include "mlir/IR/Block.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include <optional>
#include <vector>

namespace mlir::lowbit {

/// An f32, or an integer (of one bit: 0 or 1, else with its sign).
struct Scalar {
  bool isReal;
  float real = 0;
  int64_t integer = 0;

  static Scalar get(float value) { return {true, value, 0}; }
  static Scalar get(int64_t value) { return {false, 0, value}; }
};

/// How a value moves when one argument grows, if at all.
enum class Direction { Constant, Up, Down };

/// A block of scalar operations of `arith` and `math` on f32 and integers, with each operation's own rounding.
class ScalarCode {
public:
  /// Nothing when an operation is not known here.
  static std::optional<ScalarCode> create(Block &block);

  /// Sets an argument. What the block yields is known once all are set.
  void set(BlockArgument argument, Scalar value) { values[slots.lookup(argument)] = value; }
  Scalar evaluate();

  /// Whether every f32 of the last evaluation was finite.
  bool isFinite() const;
  /// All values of the last evaluation.
  const std::vector<Scalar> &getValues() const { return values; }

  /// How what is yielded moves with `argument`, where the values of the others are those that are set, and `low` and `high` are all values
  /// at the ends of its range; nothing when the operations alone do not tell.
  std::optional<Direction> getDirection(BlockArgument argument, ArrayRef<Scalar> low, ArrayRef<Scalar> high) const;

private:
  struct Step {
    Operation *op;
    SmallVector<unsigned, 3> inputs;
    unsigned result;
  };
  unsigned getSlot(Value value);

  Block *block = nullptr;
  std::vector<Step> steps;
  std::vector<Scalar> values;
  llvm::DenseMap<Value, unsigned> slots;
  unsigned yielded = 0;
  bool knowsAll = true;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_SCALARCODE_H
