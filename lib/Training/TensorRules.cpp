//===- TensorRules.cpp - derivatives of ops that move elements ------------===//
// Law: a cotangent goes back the way its element came; elements that were not moved get zero.

#include "lowbit/Training/Gradients.h"
#include "lowbit/Training/Register.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {
namespace {

/// Base of a rule for an op with one result: `Rule` adds to the cotangents of its operands, given that of the result.
template <typename Rule, typename OpT> struct MoveRule : DifferentiableOpInterface::ExternalModel<Rule, OpT> {
  LogicalResult buildGradients(Operation *op, OpBuilder &builder, Gradients &gradients) const {
    Rule::build(cast<OpT>(op), builder, gradients, gradients.lookup(op->getResult(0)));
    return success();
  }
};

struct ExpandRule final : MoveRule<ExpandRule, tensor::ExpandShapeOp> {
  static void build(tensor::ExpandShapeOp op, OpBuilder &b, Gradients &gradients, Value dy) {
    gradients.add(b, op.getLoc(), op.getSrc(),
                  tensor::CollapseShapeOp::create(b, op.getLoc(), op.getSrcType(), dy, op.getReassociationIndices()));
  }
};

struct CollapseRule final : MoveRule<CollapseRule, tensor::CollapseShapeOp> {
  static void build(tensor::CollapseShapeOp op, OpBuilder &b, Gradients &gradients, Value dy) {
    gradients.add(b, op.getLoc(), op.getSrc(),
                  tensor::ExpandShapeOp::create(b, op.getLoc(), op.getSrcType(), dy, op.getReassociationIndices(),
                                                tensor::getMixedSizes(b, op.getLoc(), op.getSrc())));
  }
};

struct CastRule final : MoveRule<CastRule, tensor::CastOp> {
  static void build(tensor::CastOp op, OpBuilder &b, Gradients &gradients, Value dy) {
    gradients.add(b, op.getLoc(), op.getSource(), tensor::CastOp::create(b, op.getLoc(), op.getSource().getType(), dy));
  }
};

struct ExtractSliceRule final : MoveRule<ExtractSliceRule, tensor::ExtractSliceOp> {
  static void build(tensor::ExtractSliceOp op, OpBuilder &b, Gradients &gradients, Value dy) {
    Value zeros = buildZerosLike(b, op.getLoc(), op.getSource());
    gradients.add(b, op.getLoc(), op.getSource(),
                  tensor::InsertSliceOp::create(b, op.getLoc(), dy, zeros, op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides()));
  }
};

struct InsertSliceRule final : MoveRule<InsertSliceRule, tensor::InsertSliceOp> {
  static void build(tensor::InsertSliceOp op, OpBuilder &b, Gradients &gradients, Value dy) {
    Location loc = op.getLoc();
    SmallVector<OpFoldResult> offsets = op.getMixedOffsets(), sizes = op.getMixedSizes(), strides = op.getMixedStrides();
    if (gradients.isActive(op.getSource()))
      gradients.add(b, loc, op.getSource(), tensor::ExtractSliceOp::create(b, loc, op.getSourceType(), dy, offsets, sizes, strides));
    if (gradients.isActive(op.getDest()))
      gradients.add(b, loc, op.getDest(),
                    tensor::InsertSliceOp::create(b, loc, buildZerosLike(b, loc, op.getSource()), dy, offsets, sizes, strides));
  }
};

struct ConcatRule final : MoveRule<ConcatRule, tensor::ConcatOp> {
  static void build(tensor::ConcatOp op, OpBuilder &b, Gradients &gradients, Value dy) {
    Location loc = op.getLoc();
    int64_t axis = op.getDim(), start = 0;
    for (Value input : op.getInputs()) {
      auto type = cast<RankedTensorType>(input.getType());
      SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)), strides(type.getRank(), b.getIndexAttr(1));
      offsets[axis] = b.getIndexAttr(start);
      start += type.getDimSize(axis);
      if (gradients.isActive(input))
        gradients.add(b, loc, input,
                      tensor::ExtractSliceOp::create(b, loc, type, dy, offsets, tensor::getMixedSizes(b, loc, input), strides));
    }
  }
};

struct PadRule final : DifferentiableOpInterface::ExternalModel<PadRule, tensor::PadOp> {
  LogicalResult buildGradients(Operation *op, OpBuilder &b, Gradients &gradients) const {
    auto pad = cast<tensor::PadOp>(op);
    if (!pad.getConstantPaddingValue())
      return op->emitError() << "has no derivative: its padding is computed; expected a constant";
    if (!gradients.isActive(pad.getSource()))
      return success();
    SmallVector<OpFoldResult> strides(pad.getSourceType().getRank(), b.getIndexAttr(1));
    gradients.add(b, op->getLoc(), pad.getSource(),
                  tensor::ExtractSliceOp::create(b, op->getLoc(), pad.getSourceType(), gradients.lookup(pad.getResult()),
                                                 pad.getMixedLowPad(), tensor::getMixedSizes(b, op->getLoc(), pad.getSource()), strides));
    return success();
  }
};

} // namespace

void registerTensorRules(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::ExpandShapeOp::attachInterface<ExpandRule>(*context);
    tensor::CollapseShapeOp::attachInterface<CollapseRule>(*context);
    tensor::CastOp::attachInterface<CastRule>(*context);
    tensor::ConcatOp::attachInterface<ConcatRule>(*context);
    tensor::ExtractSliceOp::attachInterface<ExtractSliceRule>(*context);
    tensor::InsertSliceOp::attachInterface<InsertSliceRule>(*context);
    tensor::PadOp::attachInterface<PadRule>(*context);
  });
}

} // namespace mlir::lowbit
