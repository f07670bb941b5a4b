//===- ReductionLoops.cpp - the loops over the reduction of a tile --------===//
// Law: products are summed in the order of the reduction; a byte of codes is read once for all rows of the tile.

#include "ReductionLoops.h"
#include "WindowLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {
namespace {

/// An operand of a generic: a value and its map.
struct Operand {
  Value value;
  AffineMap map;
};

class LoopBuilder {
public:
  LoopBuilder(RewriterBase &rewriter, const PackedMatmul &matmul, const MatmulTile &tile)
      : rewriter(rewriter), matmul(matmul), tile(tile), loc(matmul.getLoc()), loops(matmul.getReduction()) {}

  void build() {
    if (!tile.blockSum) {
      rewriter.setInsertionPoint(tile.dots);
      Value start = tile.start.getResult(0);
      rewriter.replaceOp(tile.dots, matmul.getWindows() ? buildTaps(start) : buildGroups(getOperands(tile.dots), start));
      return;
    }
    rewriter.setInsertionPoint(tile.blockSum);
    Value sum = buildLoop(tile.blockSum.getStaticLoopRanges()[*loops.block], tile.blockSum.getDpsInits()[0],
                          [&](Value block, Value carried) { return buildBlock(block, carried); });
    rewriter.replaceOp(tile.blockSum, sum);
    for (linalg::GenericOp op : {tile.dots, tile.start}) {
      // Slices of what it is replaced by were taken for their maps alone.
      for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
        rewriter.eraseOp(user);
      rewriter.eraseOp(op);
    }
  }

private:
  static SmallVector<Operand> getOperands(linalg::GenericOp op) {
    SmallVector<Operand> operands;
    for (auto [value, map] : llvm::zip(op->getOperands(), op.getIndexingMapsArray()))
      operands.push_back({value, map});
    return operands;
  }

  Value buildLoop(int64_t trips, Value init, function_ref<Value(Value, Value)> body) {
    return buildLoop(rewriter.getIndexAttr(0), rewriter.getIndexAttr(trips), init, body);
  }

  Value buildLoop(OpFoldResult first, OpFoldResult end, Value init, function_ref<Value(Value, Value)> body) {
    auto getValue = [&](OpFoldResult value) { return getValueOrCreateConstantIndexOp(rewriter, loc, value); };
    auto loop = scf::ForOp::create(rewriter, loc, getValue(first), getValue(end), getValue(rewriter.getIndexAttr(1)), init);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(loop.getBody());
    Value result = body(loop.getInductionVar(), loop.getRegionIterArg(0));
    scf::YieldOp::create(rewriter, loc, result);
    return loop.getResult(0);
  }

  /// The operand where `loop` is at `index`: its axis for the loop is gone, and the map takes one loop less.
  Operand at(Operand operand, unsigned loop, OpFoldResult index) {
    std::optional<unsigned> axis = operand.map.getResultPosition(rewriter.getAffineDimExpr(loop));
    if (axis) {
      auto type = cast<RankedTensorType>(operand.value.getType());
      SmallVector<OpFoldResult> offsets(type.getRank(), rewriter.getIndexAttr(0)), strides(type.getRank(), rewriter.getIndexAttr(1));
      SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(rewriter.getContext(), type.getShape());
      offsets[*axis] = index;
      sizes[*axis] = rewriter.getIndexAttr(1);
      SmallVector<int64_t> shape(type.getShape());
      shape.erase(shape.begin() + *axis);
      // A slice of an axis of one would be folded by canonicalization as if another axis had gone.
      if (type.getDimSize(*axis) == 1)
        operand.value = tensor::CollapseShapeOp::create(rewriter, loc, type.clone(shape), operand.value, getGroupsWithout(type, *axis));
      else
        operand.value = tensor::ExtractSliceOp::create(rewriter, loc, type.clone(shape), operand.value, offsets, sizes, strides);
    }
    return {operand.value, getMapWithout(operand.map, loop)};
  }

  /// The map of an operand whose axis for `loop`, if it has one, is gone.
  AffineMap getMapWithout(AffineMap map, unsigned loop) {
    if (std::optional<unsigned> axis = map.getResultPosition(rewriter.getAffineDimExpr(loop)))
      map = map.dropResult(*axis);
    SmallVector<AffineExpr> dims;
    for (unsigned i = 0; i < map.getNumDims(); ++i)
      dims.push_back(rewriter.getAffineDimExpr(i > loop ? i - 1 : i));
    return map.replaceDimsAndSymbols(dims, {}, map.getNumDims() - 1, 0);
  }

  /// How axes join where `axis`, of size one, goes: it joins its neighbour.
  static SmallVector<ReassociationIndices> getGroupsWithout(RankedTensorType type, int64_t axis) {
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < type.getRank(); ++i) {
      bool joins = i != 0 && (i == axis || (axis == 0 && i == 1));
      if (!joins)
        groups.emplace_back();
      groups.back().push_back(i);
    }
    return groups;
  }

  SmallVector<Operand> allAt(ArrayRef<Operand> operands, unsigned loop, OpFoldResult index) {
    SmallVector<Operand> result;
    for (const Operand &operand : operands)
      result.push_back(at(operand, loop, index));
    return result;
  }

  /// `op` over fewer loops: the given operands, the last of which is the init, and the iterators that are left.
  Value clone(linalg::GenericOp op, ArrayRef<Operand> operands, ArrayRef<utils::IteratorType> iterators) {
    SmallVector<Value> values;
    SmallVector<AffineMap> maps;
    for (const Operand &operand : operands) {
      values.push_back(operand.value);
      maps.push_back(operand.map);
    }
    auto result =
        linalg::GenericOp::create(rewriter, loc, values.back().getType(), ArrayRef(values).drop_back(), values.back(), maps, iterators);
    IRMapping mapping;
    op.getRegion().cloneInto(&result.getRegion(), mapping);
    result->setAttr(vectorizeAttrName, rewriter.getUnitAttr());
    return result.getResult(0);
  }

  /// One step of the loop over blocks: dots of the block, added to the sum.
  Value buildBlock(Value block, Value sum) {
    unsigned loop = *loops.block;
    SmallVector<utils::IteratorType> parallel(loop, utils::IteratorType::parallel);
    SmallVector<Operand> starts = allAt(getOperands(tile.start), loop, block);
    starts.back().value = buildEmptyLike(starts.back().value);
    Value dots = buildGroups(allAt(getOperands(tile.dots), loop, block), clone(tile.start, starts, parallel));
    SmallVector<Operand> sums = allAt(getOperands(tile.blockSum), loop, block);
    sums.front().value = dots;
    sums.back().value = sum;
    return clone(tile.blockSum, sums, parallel);
  }

  Value buildEmptyLike(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return tensor::EmptyOp::create(rewriter, loc, type.getShape(), type.getElementType());
  }

  /// The loops over the window, the last of them around the loops over groups.
  Value buildTaps(Value start) {
    WindowTile window(rewriter, matmul, tile.dots);
    return buildTap(window, getOperands(tile.dots), start);
  }

  /// The loop over the next place of the window; what is left of the border is known at each place, or in bounds of the loop.
  Value buildTap(WindowTile &window, const SmallVector<Operand> &operands, Value start) {
    if (window.isDone()) {
      SmallVector<Operand> inWindow = operands;
      inWindow[0].value = window.buildSlice();
      rows = window.getRows();
      return buildGroups(inWindow, start);
    }
    auto step = [&](OpFoldResult index, Value carried) {
      SmallVector<Operand> next = operands;
      next[0].map = getMapWithout(next[0].map, loops.tap);
      for (Operand &operand : llvm::drop_begin(next))
        operand = at(operand, loops.tap, index);
      window.enter(index);
      Value sum = buildTap(window, next, carried);
      window.leave();
      return sum;
    };
    if (!window.dependsOnPlace()) {
      auto [first, end] = window.getBounds();
      return buildLoop(first, end, start, [&](Value index, Value carried) { return step(index, carried); });
    }
    Value carried = start;
    for (int64_t place : window.getPlaces())
      carried = step(rewriter.getIndexAttr(place), carried);
    return carried;
  }

  /// The loop over groups: operands are the codes of both sides, without an axis for blocks, and accumulators.
  Value buildGroups(SmallVector<Operand> operands, Value start) {
    unsigned gone = (tile.blockSum ? 1 : 0) + loops.numTaps, group = loops.group - gone;
    int64_t trips = tile.dots.getStaticLoopRanges()[loops.group];
    return buildLoop(trips, start, [&](Value index, Value carried) {
      SmallVector<Operand> step = allAt(operands, group, index);
      if (!loops.place)
        return buildDots(step, carried);
      Operand bytes = at(step[1], group, rewriter.getIndexAttr(0));
      for (int64_t place = 0; place < tile.dots.getStaticLoopRanges()[*loops.place]; ++place) {
        SmallVector<Operand> codes = allAt(step, group, rewriter.getIndexAttr(place));
        codes[1].value = buildCodes(bytes.value, place);
        carried = buildDots(codes, carried);
      }
      return carried;
    });
  }

  Value buildDots(MutableArrayRef<Operand> operands, Value carried) {
    bool isPart = rows && rows->second != tile.dots.getStaticLoopRanges()[matmul.getRowLoop()];
    operands.back().value = isPart ? sliceRows(operands.back(), carried) : carried;
    unsigned numLoops = operands.back().map.getNumDims();
    SmallVector<utils::IteratorType> iterators(numLoops, utils::IteratorType::parallel);
    if (loops.depth)
      iterators.back() = utils::IteratorType::reduction;
    Value sums = clone(tile.dots, operands, iterators);
    if (!isPart)
      return sums;
    auto slice = operands.back().value.getDefiningOp<tensor::ExtractSliceOp>();
    return tensor::InsertSliceOp::create(rewriter, loc, sums, carried, slice.getMixedOffsets(), slice.getMixedSizes(),
                                         slice.getMixedStrides());
  }

  /// Accumulators of the rows that take part.
  Value sliceRows(const Operand &operand, Value carried) {
    unsigned axis = *operand.map.getResultPosition(rewriter.getAffineDimExpr(matmul.getRowLoop()));
    auto type = cast<RankedTensorType>(carried.getType());
    SmallVector<OpFoldResult> offsets(type.getRank(), rewriter.getIndexAttr(0)), strides(type.getRank(), rewriter.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(rewriter.getContext(), type.getShape());
    offsets[axis] = rewriter.getIndexAttr(rows->first);
    sizes[axis] = rewriter.getIndexAttr(rows->second);
    return tensor::ExtractSliceOp::create(rewriter, loc, carried, offsets, sizes, strides);
  }

  /// The codes at one place of each byte, a byte a code.
  Value buildCodes(Value bytes, int64_t place) {
    auto type = cast<RankedTensorType>(bytes.getType());
    SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(type.getRank()));
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    PackingAttrInterface packing = matmul.getPacking();
    auto codes = linalg::GenericOp::create(
        rewriter, loc, type, bytes, buildEmptyLike(bytes), maps, iterators, [&](OpBuilder &b, Location nested, ValueRange elements) {
          linalg::YieldOp::create(b, nested, packing.buildReadCode(b, nested, elements[0], matmul.getRhsWidth(), place));
        });
    codes->setAttr(vectorizeAttrName, rewriter.getUnitAttr());
    return codes.getResult(0);
  }

  RewriterBase &rewriter;
  const PackedMatmul &matmul;
  MatmulTile tile;
  Location loc;
  const PackedMatmul::ReductionLoops &loops;
  std::optional<std::pair<int64_t, int64_t>> rows; ///< The first and the number of those that take part; all if there is none.
};

} // namespace

void buildReductionLoops(RewriterBase &rewriter, const PackedMatmul &matmul, const MatmulTile &tile) {
  LoopBuilder(rewriter, matmul, tile).build();
}

} // namespace mlir::lowbit
