//===- TensorModels.cpp - tensor ops that only move elements --------------===//
//
// Invariant: an element meets the scale it met before. Blocks of one element and blocks of the whole axis move with their axis; others
// could be torn apart, and are refused.
//
//===----------------------------------------------------------------------===//

#include "Moves.h"
#include "lowbit/ExternalModels/Register.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

Value buildMovedDequantize(RewriterBase &rewriter, DequantizeOp dequantize, Value result, ArrayRef<int64_t> block, MoveFn move) {
  SchemeAttr scheme = dequantize.getScheme();
  Value codes = move(rewriter, dequantize.getCodes(), /*isScale=*/false);
  Value scales = dequantize.getScales(), zeros = dequantize.getZeros();
  if (!scheme.isPerTensor()) {
    scales = move(rewriter, scales, /*isScale=*/true);
    if (zeros)
      zeros = move(rewriter, zeros, /*isScale=*/true);
    scheme = SchemeAttr::get(rewriter.getContext(), scheme.getFormat(), rewriter.getDenseI64ArrayAttr(block), scheme.getScale(),
                             scheme.getZero(), scheme.getScaling());
  }
  return DequantizeOp::create(rewriter, result.getLoc(), result.getType(), codes, scales, zeros, scheme);
}

/// Whether every block of `scheme` is one element or a whole axis, so that blocks move with their axes.
static bool hasMovableBlocks(SchemeAttr scheme) {
  return scheme.isPerTensor() || llvm::all_of(scheme.getBlock().asArrayRef(), [](int64_t size) { return size <= 1; });
}

namespace {

struct ExpandModel final : ScaleTransparentOpInterface::ExternalModel<ExpandModel, tensor::ExpandShapeOp> {
  OpOperand &getMovedOperand(Operation *op) const { return cast<tensor::ExpandShapeOp>(op).getSrcMutable(); }

  FailureOr<Value> buildMoved(Operation *op, RewriterBase &rewriter, DequantizeOp dequantize) const {
    auto expand = cast<tensor::ExpandShapeOp>(op);
    SchemeAttr scheme = dequantize.getScheme();
    SmallVector<ReassociationIndices> groups = expand.getReassociationIndices();
    auto type = cast<RankedTensorType>(expand.getResult().getType());
    if (!hasMovableBlocks(scheme) || !type.hasStaticShape())
      return failure();
    // An axis with a block of one gives axes with blocks of one, and likewise with whole axes.
    SmallVector<int64_t> block(type.getRank(), 0);
    if (!scheme.isPerTensor())
      for (auto [axis, group] : llvm::enumerate(groups))
        for (int64_t inner : group)
          block[inner] = scheme.getBlock()[axis];
    auto move = [&](OpBuilder &builder, Value value, bool isScale) -> Value {
      SmallVector<int64_t> shape(type.getShape());
      if (isScale)
        for (auto [size, share] : llvm::zip_equal(shape, block))
          size = share == 0 ? 1 : size;
      auto moved = RankedTensorType::get(shape, getElementTypeOrSelf(value.getType()));
      return tensor::ExpandShapeOp::create(builder, op->getLoc(), moved, value, groups);
    };
    return buildMovedDequantize(rewriter, dequantize, expand.getResult(), block, move);
  }
};

struct CollapseModel final : ScaleTransparentOpInterface::ExternalModel<CollapseModel, tensor::CollapseShapeOp> {
  OpOperand &getMovedOperand(Operation *op) const { return cast<tensor::CollapseShapeOp>(op).getSrcMutable(); }

  FailureOr<Value> buildMoved(Operation *op, RewriterBase &rewriter, DequantizeOp dequantize) const {
    auto collapse = cast<tensor::CollapseShapeOp>(op);
    SchemeAttr scheme = dequantize.getScheme();
    SmallVector<ReassociationIndices> groups = collapse.getReassociationIndices();
    if (!hasMovableBlocks(scheme))
      return failure();
    SmallVector<int64_t> block(groups.size(), 0);
    if (!scheme.isPerTensor())
      for (size_t axis = 0; axis < groups.size(); ++axis) {
        block[axis] = scheme.getBlock()[groups[axis].front()];
        if (llvm::any_of(groups[axis], [&](int64_t inner) { return scheme.getBlock()[inner] != block[axis]; }))
          return failure();
      }
    auto move = [&](OpBuilder &builder, Value value, bool) -> Value {
      return tensor::CollapseShapeOp::create(builder, op->getLoc(), value, groups);
    };
    return buildMovedDequantize(rewriter, dequantize, collapse.getResult(), block, move);
  }
};

struct ExtractSliceModel final : ScaleTransparentOpInterface::ExternalModel<ExtractSliceModel, tensor::ExtractSliceOp> {
  OpOperand &getMovedOperand(Operation *op) const { return cast<tensor::ExtractSliceOp>(op).getSourceMutable(); }

  FailureOr<Value> buildMoved(Operation *op, RewriterBase &rewriter, DequantizeOp dequantize) const {
    auto slice = cast<tensor::ExtractSliceOp>(op);
    SchemeAttr scheme = dequantize.getScheme();
    if (!hasMovableBlocks(scheme) || slice.getSourceType().getRank() != slice.getType().getRank())
      return failure();
    auto move = [&](OpBuilder &builder, Value value, bool isScale) -> Value {
      SmallVector<OpFoldResult> offsets = slice.getMixedOffsets(), sizes = slice.getMixedSizes(), strides = slice.getMixedStrides();
      if (isScale)
        for (auto [axis, share] : llvm::enumerate(scheme.getBlock().asArrayRef()))
          if (share == 0) {
            offsets[axis] = builder.getIndexAttr(0);
            sizes[axis] = strides[axis] = builder.getIndexAttr(1);
          }
      return tensor::ExtractSliceOp::create(builder, op->getLoc(), value, offsets, sizes, strides);
    };
    ArrayRef<int64_t> block = scheme.isPerTensor() ? ArrayRef<int64_t>() : scheme.getBlock().asArrayRef();
    return buildMovedDequantize(rewriter, dequantize, slice.getResult(), block, move);
  }
};
} // namespace

void registerTensorModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::ExpandShapeOp::attachInterface<ExpandModel>(*context);
    tensor::CollapseShapeOp::attachInterface<CollapseModel>(*context);
    tensor::ExtractSliceOp::attachInterface<ExtractSliceModel>(*context);
  });
}

} // namespace mlir::lowbit
