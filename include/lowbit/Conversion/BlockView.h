//===- BlockView.h - a tensor seen in the blocks of its scheme ------------===//
#ifndef LOWBIT_CONVERSION_BLOCKVIEW_H
#define LOWBIT_CONVERSION_BLOCKVIEW_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

/// The sizes known from either of two compatible shapes.
SmallVector<int64_t> mergeShapes(ArrayRef<int64_t> shape, ArrayRef<int64_t> other);
/// `tensor` with `shape`, through `tensor.cast` where more (or less) is known.
Value castToShape(OpBuilder &builder, Location loc, Value tensor, ArrayRef<int64_t> shape);
/// An uninitialized tensor with the shape of `like` and elements of `elementType`.
Value buildEmptyLike(OpBuilder &builder, Location loc, Value like, Type elementType);
/// A tensor with the shape of `like`, filled with `value`.
Value buildFilledLike(OpBuilder &builder, Location loc, Value like, TypedAttr value);

/// Zeros of this shape.
Value buildZeros(OpBuilder &builder, Location loc, ArrayRef<int64_t> shape, Type element);

using ElementBuilder = function_ref<Value(OpBuilder &, Location, ValueRange)>;
/// One `linalg.generic`: `body` makes the element of the result from elements of `inputs`, and, last, of `init`. `maps` are those of
/// the inputs and of the result; loops that the last map does not use are reductions.
Value buildGeneric(OpBuilder &builder, Location loc, ValueRange inputs, Value init, ArrayRef<AffineMap> maps, ElementBuilder body);

/// A tensor whose axes are split so that the index of a scale is a choice of axes: a block of 32 along an axis makes two axes
/// of it, and axes along which one scale serves all do not appear in the scales. All maps are then projected permutations.
class BlockView {
public:
  /// `tensor` has the shape that `scheme` is to cover.
  BlockView(OpBuilder &builder, Location loc, SchemeAttr scheme, Value tensor);

  /// Whether scales of blocks of `share` have an axis after squeezing for an axis of `size`.
  static bool hasScaleAxis(int64_t share, int64_t size) { return share != 0 && share != size; }

  /// A tensor of the covered shape, with its axes split.
  Value split(Value tensor);
  /// The inverse of `split`, as `type`.
  Value merge(Value tensor, Type type);
  /// Scales or zero points without the axes that all elements share.
  Value squeeze(Value scales);
  /// The inverse of `squeeze`, as `type`.
  Value unsqueeze(Value scales, Type type);
  /// An uninitialized tensor of squeezed scales.
  Value buildEmptyScales(Type elementType);
  /// The number of elements that share a scale, as f32.
  Value buildBlockElements();

  AffineMap getElementMap() const { return builder.getMultiDimIdentityMap(loops.size()); }
  AffineMap getScaleMap() const;
  /// The element map of a loop order in which the loops that the scales keep come first.
  AffineMap getReductionElementMap() const;
  /// The scale map of that order.
  AffineMap getReductionScaleMap() const;

private:
  OpBuilder &builder;
  Location loc;
  SmallVector<OpFoldResult> loops;               ///< Sizes of the split axes.
  SmallVector<unsigned> keptLoops;               ///< Split axes that scales have.
  SmallVector<ReassociationIndices> splitGroups; ///< Split axes of each axis.
  SmallVector<int64_t> shape, scaleShape;        ///< Before splitting and squeezing.
  SmallVector<bool> isKeptAxis;                  ///< Axes of scales that squeezing keeps.
  SmallVector<ReassociationIndices> getSqueezeGroups() const;
};

} // namespace mlir::lowbit

#endif // LOWBIT_CONVERSION_BLOCKVIEW_H
