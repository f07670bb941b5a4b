//===- LinalgModels.cpp - linalg ops that can be quantized ----------------===//

#include "LinalgModels.h"
#include "lowbit/ExternalModels/Register.h"

namespace mlir::lowbit {

std::string getObservedName(StringRef site, const QuantizableOperand &operand) {
  return operand.name == "activation" ? site.str() : (site + ":" + operand.name).str();
}

namespace {

template <typename OpT>
struct ContractionModel final : QuantizableOpInterface::ExternalModel<ContractionModel<OpT>, OpT> {
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

template <typename... OpTs>
void attachContractions(MLIRContext *context) {
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
    linalg::GenericOp::attachInterface<GenericModel>(*context);
  });
}

} // namespace mlir::lowbit
