//===- LinalgModels.cpp - linalg ops that can be quantized ----------------===//

#include "LinalgModels.h"
#include "Moves.h"
#include "lowbit/ExternalModels/Register.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

namespace mlir::lowbit {

std::string getObservedName(StringRef site, const QuantizableOperand &operand) {
  return operand.name == "activation" ? site.str() : (site + ":" + operand.name).str();
}

namespace {

template <typename OpT> struct ContractionModel final : QuantizableOpInterface::ExternalModel<ContractionModel<OpT>, OpT> {
  SmallVector<QuantizableOperand> getQuantizableOperands(Operation *op, std::string &reason) const {
    return getContractionOperands(cast<linalg::LinalgOp>(op), reason);
  }
  FailureOr<Value> buildQuantized(Operation *op, RewriterBase &rewriter, ArrayRef<DequantizeOp> operands) const {
    return buildQuantizedContraction(cast<linalg::LinalgOp>(op), rewriter, operands);
  }
  StringRef getSiteKind(Operation *op) const { return getContractionKind(cast<linalg::LinalgOp>(op)); }
};

/// A generic is a table lookup, a contraction, or of no interest.
struct GenericModel final : QuantizableOpInterface::ExternalModel<GenericModel, linalg::GenericOp> {
  SmallVector<QuantizableOperand> getQuantizableOperands(Operation *op, std::string &reason) const {
    auto generic = cast<linalg::GenericOp>(op);
    return getTableLookup(generic) ? getTableOperands(generic, reason) : getContractionOperands(generic, reason);
  }
  FailureOr<Value> buildQuantized(Operation *op, RewriterBase &rewriter, ArrayRef<DequantizeOp> operands) const {
    auto generic = cast<linalg::GenericOp>(op);
    if (getTableLookup(generic))
      return operands.size() == 1 && operands[0] ? buildQuantizedLookup(generic, rewriter, operands[0]) : FailureOr<Value>(failure());
    return buildQuantizedContraction(generic, rewriter, operands);
  }
  StringRef getSiteKind(Operation *op) const {
    auto generic = cast<linalg::GenericOp>(op);
    return getTableLookup(generic) ? StringRef("embedding") : getContractionKind(generic);
  }
};

/// Axes change places, and blocks and scales with them, whatever their size.
struct TransposeModel final : ScaleTransparentOpInterface::ExternalModel<TransposeModel, linalg::TransposeOp> {
  OpOperand &getMovedOperand(Operation *op) const { return cast<linalg::TransposeOp>(op).getInputMutable(); }

  FailureOr<Value> buildMoved(Operation *op, RewriterBase &rewriter, DequantizeOp dequantize) const {
    auto transpose = cast<linalg::TransposeOp>(op);
    if (op->getNumResults() != 1)
      return failure();
    SmallVector<int64_t> block;
    if (SchemeAttr scheme = dequantize.getScheme(); !scheme.isPerTensor())
      block = applyPermutation(scheme.getBlock().asArrayRef(), transpose.getPermutation());
    auto move = [&](OpBuilder &builder, Value value, bool) -> Value {
      SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, op->getLoc(), value);
      applyPermutationToVector(sizes, transpose.getPermutation());
      Value init = tensor::EmptyOp::create(builder, op->getLoc(), sizes, getElementTypeOrSelf(value.getType()));
      return linalg::TransposeOp::create(builder, op->getLoc(), value, init, transpose.getPermutation())->getResult(0);
    };
    return buildMovedDequantize(rewriter, dequantize, op->getResult(0), block, move);
  }
};

/// Shares of a whole.
struct SoftmaxModel final : FixedRangeOpInterface::ExternalModel<SoftmaxModel, linalg::SoftmaxOp> {
  std::optional<std::pair<double, double>> getFixedRange(Operation *) const { return std::pair(0.0, 1.0); }
};

/// A generic that yields a function whose range is known.
struct GenericRangeModel final : FixedRangeOpInterface::ExternalModel<GenericRangeModel, linalg::GenericOp> {
  std::optional<std::pair<double, double>> getFixedRange(Operation *op) const {
    auto generic = cast<linalg::GenericOp>(op);
    Operation *yielded = generic.getNumResults() == 1 ? generic.getBody()->getTerminator()->getOperand(0).getDefiningOp() : nullptr;
    if (isa_and_nonnull<math::TanhOp, math::ErfOp, math::SinOp, math::CosOp>(yielded))
      return std::pair(-1.0, 1.0);
    return std::nullopt;
  }
};

template <typename... OpTs> void attachContractions(MLIRContext *context) {
  (OpTs::template attachInterface<ContractionModel<OpTs>>(*context), ...);
}

} // namespace

void registerLinalgModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    attachContractions<linalg::MatmulOp, linalg::BatchMatmulOp, linalg::MatvecOp, linalg::VecmatOp, linalg::BatchMatvecOp,
                       linalg::BatchVecmatOp, linalg::BatchReduceMatmulOp, linalg::DotOp, linalg::ContractOp, linalg::Conv1DNwcWcfOp,
                       linalg::Conv1DNcwFcwOp, linalg::Conv2DNhwcHwcfOp, linalg::Conv2DNhwcFhwcOp, linalg::Conv2DNchwFchwOp,
                       linalg::Conv2DNgchwFgchwOp, linalg::Conv2DNgchwGfchwOp, linalg::DepthwiseConv1DNwcWcOp,
                       linalg::DepthwiseConv1DNcwCwOp, linalg::DepthwiseConv2DNhwcHwcOp, linalg::DepthwiseConv2DNchwChwOp>(context);
    linalg::GenericOp::attachInterface<GenericModel, GenericRangeModel>(*context);
    linalg::TransposeOp::attachInterface<TransposeModel>(*context);
    linalg::SoftmaxOp::attachInterface<SoftmaxModel>(*context);
  });
}

} // namespace mlir::lowbit
