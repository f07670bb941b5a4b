//===- SumOrder.h - in which order a kernel combines elements -------------===//
//
// Floats have no sum without an order. Where a module allows any (`fastmath<reassoc>`), the one that a kernel takes is written on the op
// before there is a kernel, as `lowbit.order`, and is then part of what the op means. A dictionary of one of these forms:
//
//   {lanes = L, neighbours = V}   Of the reductions longer than one, counted as one, the last the fastest: element c belongs to lane
//                                 (c / V) mod L. A lane combines its
//                                 elements one after the other. Then, for d = L / 2, L / 4, …, 1, lane l < d combines what it has with
//                                 what lane l + d has. What the result held before is combined with that.
//   {parts = P}                   Of the first reduction longer than one: element k belongs to part k mod P. A part goes through its
//                                 elements, and through all other reductions within, one after the other. What the result held before is
//                                 combined with part 0, then with part 1, and so on.
//   {matrix = S}                  Products of f16, bf16 or floats of 8 bits, summed in f32 as a tensor core does, S at a time, of the
//                                 reductions longer than one, counted as one, the last the fastest: `buildMatrixStep`
//                                 (lib/Conversion/MatrixStep.h).
//
// Products say more:
//
//   {matrix = S, part = D}        `lowbit.matmul` of floats of 8 bits: each D of the reduction (or of a group of it) are a sum of their own
//                                 from zero, S at a time; these are added one after the other. With S = 16 the floats are f16, and of each
//                                 32 those with k mod 4 < 2 come first.
//   {matrix = 16, neighbours = L} `lowbit.grouped_matmul` of floats: of each 4 L neighbours of the reduction, step i takes from each L the
//   four
//                                 from 4 i on. Where a weight is a sum of halves, the nearest to it, then the nearest to what is left, and
//                                 so on, a step is one for each of them.
//   … parts = P, part = D         Without groups: D neighbours at a time are dealt to P sums in turn, which are added one after the other.
//   … exponent = E                Levels are 2^E times what is multiplied; dots are multiplied by that.
//
// Lanes and parts begin with the neutral element of the combination, so that an fma is the product alone at first. An op without the
// attribute goes through its loops one after the other.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_TRANSFORMS_SUMORDER_H
#define LOWBIT_TRANSFORMS_SUMORDER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <tuple>

namespace mlir::lowbit {

inline constexpr llvm::StringLiteral sumOrderAttrName = "lowbit.order";

/// Zeros where a form has no such number.
struct SumOrder {
  int64_t lanes = 0, neighbours = 0, parts = 0, matrix = 0, part = 0, exponent = 0;

  bool operator==(const SumOrder &other) const {
    auto all = [](const SumOrder &order) {
      return std::tie(order.lanes, order.neighbours, order.parts, order.matrix, order.part, order.exponent);
    };
    return all(*this) == all(other);
  }
  /// Whether the op's own loops are the order.
  bool isPlain() const { return *this == SumOrder(); }
  DictionaryAttr toAttr(MLIRContext *context) const;
};

/// The order that `op` says; plain where it says none. Failure after an error on `op` for an attribute that is none of the forms above.
FailureOr<SumOrder> getSumOrder(Operation *op);
/// Writes the order on `op`, unless it is plain.
void setSumOrder(Operation *op, const SumOrder &order);
/// Success if `op` says just this order, or none and so leaves it open; else failure, after an error that names both.
LogicalResult verifySumOrder(Operation *op, const SumOrder &taken);

/// Whether the order in which `combiner` joins elements makes no difference to the bits of the result, or need not make one.
bool isOrderFree(Operation *combiner);

/// The op that joins elements to result `result` of a reduction, where that is one op whose order makes no difference; else null. It has
/// two operands, of which one is what was there before, or is a fused multiply-add to that.
Operation *findCombiner(linalg::LinalgOp op, unsigned result);

/// The value with which the combiner changes nothing.
TypedAttr getNeutral(Operation *combiner);

/// `combiner` of two things that were combined before; `before` takes the place that `accumulator`, an operand of it, has.
Value buildCombined(OpBuilder &b, Operation *combiner, Value accumulator, Value before, Value after);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_SUMORDER_H
