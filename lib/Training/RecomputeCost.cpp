//===- RecomputeCost.cpp - what computing a value once more costs ---------===//
// Law: only what gives the same bits each time has a cost: pure ops of static shape that reduce nothing.

#include "RecomputeCost.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lowbit {

// Of one element, in vectors of 512 bits; from the throughputs of cores with AVX-512 and of the polynomials of `lowbit-approximate-math`.
constexpr int64_t kSimple = 8, kDivision = 32, kTranscendental = 128;
/// A division, a rounding, two comparisons and a product.
constexpr int64_t kFakeQuant = kDivision + 5 * kSimple;

std::optional<int64_t> getTensorBytes(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !type.hasStaticShape() || !type.getElementType().isIntOrFloat())
    return std::nullopt;
  return llvm::divideCeil(type.getNumElements() * type.getElementTypeBitWidth(), 8);
}

bool isViewOp(Operation *op) { return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(op); }

bool isElementwiseOp(Operation *op) {
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return linalgOp.hasPureTensorSemantics() && linalgOp.getNumReductionLoops() == 0;
  return isa<FakeQuantOp>(op);
}

bool canJoin(OpOperand &use) {
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(use.getOwner())) {
    bool isContraction = linalgOp.getNumReductionLoops() != 0 && linalgOp.getNumDpsInputs() > 1;
    return linalgOp.isDpsInput(&use) && linalgOp.getMatchingIndexingMap(&use).getNumResults() == linalgOp.getNumLoops() && !isContraction;
  }
  return isa<FakeQuantOp>(use.getOwner());
}

static std::optional<int64_t> getScalarCost(Operation &op) {
  if (isa<arith::ConstantOp, linalg::YieldOp, linalg::IndexOp>(op))
    return 0;
  if (isa<arith::DivFOp, arith::RemFOp, math::SqrtOp, math::RsqrtOp>(op))
    return kDivision;
  bool isSimple = isa<math::AbsFOp, math::CopySignOp, math::RoundEvenOp, math::FloorOp, math::CeilOp, math::FmaOp>(op);
  if (isSimple || (isa<arith::ArithDialect>(op.getDialect()) && isPure(&op)))
    return kSimple;
  if (isa<math::MathDialect>(op.getDialect()))
    return kTranscendental;
  return std::nullopt; // such as a lookup
}

std::optional<int64_t> getRecomputeCost(Operation *op) {
  if (isViewOp(op) || isa<tensor::EmptyOp>(op) || op->hasTrait<OpTrait::ConstantLike>())
    return 0;
  if (op->getNumResults() == 0 || !isElementwiseOp(op))
    return std::nullopt;
  int64_t cost = 0;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
    for (Operation &each : *linalgOp.getBlock()) {
      std::optional<int64_t> scalar = getScalarCost(each);
      if (!scalar)
        return std::nullopt;
      cost += *scalar;
    }
  } else
    cost = kFakeQuant;
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.hasStaticShape() || llvm::any_of(op->getResults(), [](Value result) { return !getTensorBytes(result); }))
    return std::nullopt;
  return cost * type.getNumElements();
}

} // namespace mlir::lowbit
