//===- FuseRows.cpp - chains of ops a few rows at a time ------------------===//
// Law: every member computes what it computed, in the same order within a row; only how many rows are between two members changes.

#include "lowbit/IR/Remarks.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/RowGroups.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_FUSEROWSPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {
/// Builds the loops over the rows of one group.
class RowLoops {
public:
  RowLoops(const RowGroup &group, RowSteps steps) : group(group), steps(steps), b(group.position), loc(group.ops.back().op.getLoc()) {}

  LogicalResult build() {
    bringConstants();
    for (const RowOp &member : group.ops)
      for (OpResult result : member.op->getResults())
        if (group.isReadOutside(result))
          outputs.push_back(result);
    SmallVector<Value> destinations;
    for (OpResult output : outputs) {
      auto type = cast<RankedTensorType>(output.getType());
      destinations.push_back(tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType()));
    }
    SmallVector<Value> results = steps.areParallel ? buildParallel(destinations) : buildNest(0, destinations);
    if (isBroken)
      return group.ops.front().op.emitOpError("could not be computed row by row with its readers");
    for (auto [output, result] : llvm::zip_equal(outputs, results))
      output.replaceUsesWithIf(result, [&](OpOperand &use) { return !group.find(use.getOwner()); });
    return success();
  }

private:
  using Values = SmallVector<Value>;

  /// Constants that members read stand before the loop, wherever they stood, and so do empty tensors, whose shapes are windows.
  void bringConstants() {
    for (const RowOp &member : group.ops)
      member.op->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands()) {
          Operation *source = operand.getDefiningOp();
          bool isFree = source && source->getBlock() == group.position->getBlock() && source->getNumOperands() == 0 &&
                        (source->hasTrait<OpTrait::ConstantLike>() || isa<tensor::EmptyOp>(source));
          if (isFree && group.position->isBeforeInBlock(source))
            source->moveBefore(group.position);
        }
      });
  }

  Values buildNest(unsigned dim, ValueRange destinations) {
    int64_t size = group.sizes[dim], rows = dim + 1 == group.sizes.size() ? steps.rows : 1, whole = size - size % rows;
    Values values = buildLoop(dim, whole, rows, destinations);
    if (whole == size)
      return values;
    starts.push_back(b.getIndexAttr(whole));
    values = buildInner(dim, size - whole, values);
    starts.pop_back();
    return values;
  }

  /// Takes rows [0, end) of a dimension `step` at a time.
  Values buildLoop(unsigned dim, int64_t end, int64_t step, ValueRange destinations) {
    if (end == step) {
      starts.push_back(b.getIndexAttr(0));
      Values values = buildInner(dim, step, destinations);
      starts.pop_back();
      return values;
    }
    auto constant = [&](int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); };
    auto loop = scf::ForOp::create(b, loc, constant(0), constant(end), constant(step), destinations);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    starts.push_back(loop.getInductionVar());
    Values values = buildInner(dim, step, loop.getRegionIterArgs());
    starts.pop_back();
    if (!destinations.empty())
      scf::YieldOp::create(b, loc, values);
    return loop.getResults();
  }

  Values buildInner(unsigned dim, int64_t rows, ValueRange destinations) {
    return dim + 1 == group.sizes.size() ? buildTile(rows, destinations) : buildNest(dim + 1, destinations);
  }

  /// One loop over all dimensions at once, and one for what is left at the end of the innermost.
  Values buildParallel(ValueRange destinations) {
    int64_t size = group.sizes.back(), whole = size - size % steps.rows;
    Values values = destinations;
    if (whole != 0)
      values = buildForall(0, whole, steps.rows, values);
    if (whole != size)
      values = buildForall(whole, size, size - whole, values);
    return values;
  }

  /// Over rows [begin, end) of the innermost dimension.
  Values buildForall(int64_t begin, int64_t end, int64_t step, ValueRange destinations) {
    size_t rank = group.sizes.size();
    SmallVector<OpFoldResult> lower(rank, b.getIndexAttr(0)), upper = getAsIndexOpFoldResult(b.getContext(), group.sizes);
    SmallVector<OpFoldResult> strides(rank, b.getIndexAttr(1));
    lower.back() = b.getIndexAttr(begin);
    upper.back() = b.getIndexAttr(end);
    strides.back() = b.getIndexAttr(step);
    auto loop = scf::ForallOp::create(b, loc, lower, upper, strides, destinations, std::nullopt);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    starts = getAsOpFoldResult(ValueRange(loop.getInductionVars()));
    writes.clear();
    (void)buildTile(step, loop.getRegionIterArgs());
    b.setInsertionPointToStart(loop.getTerminator().getBody());
    for (const Write &write : writes) {
      SmallVector<OpFoldResult> ones(write.offsets.size(), b.getIndexAttr(1));
      tensor::ParallelInsertSliceOp::create(b, loc, write.tile, loop.getRegionIterArgs()[write.output], write.offsets, write.sizes, ones);
    }
    return loop.getResults();
  }

  /// All members on the `rows` rows from `starts` on.
  Values buildTile(int64_t rows, ValueRange destinations) {
    DenseMap<Value, Value> tiles;
    Values next = destinations;
    for (const RowOp &member : group.ops) {
      SmallVector<OpFoldResult> offsets(member.op.getNumLoops(), b.getIndexAttr(0)), sizes;
      for (int64_t size : member.op.getStaticLoopRanges())
        sizes.push_back(b.getIndexAttr(size));
      for (auto [dim, loop] : llvm::enumerate(member.rowLoops)) {
        offsets[loop] = starts[dim];
        sizes[loop] = b.getIndexAttr(dim + 1 == group.sizes.size() ? rows : 1);
      }
      auto interface = cast<TilingInterface>(member.op.getOperation());
      FailureOr<TilingResult> tiled = interface.getTiledImplementation(b, offsets, sizes);
      if (failed(tiled) || tiled->tiledOps.size() != 1)
        return isBroken = true, next;
      readTiles(member.op, tiled->tiledOps.front(), tiles, offsets, sizes, next);
      for (Operation *slice : tiled->generatedSlices)
        if (slice->use_empty())
          slice->erase();
      for (auto [result, tile] : llvm::zip_equal(member.op->getResults(), tiled->tiledValues)) {
        tiles[result] = tile;
        write(interface, result, tile, offsets, sizes, next);
      }
    }
    return next;
  }

  /// Position of the tile in the whole result.
  static void getPosition(OpBuilder &b, TilingInterface op, OpResult result, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
                          SmallVector<OpFoldResult> &resultOffsets, SmallVector<OpFoldResult> &resultSizes) {
    (void)op.getResultTilePosition(b, result.getResultNumber(), offsets, sizes, resultOffsets, resultSizes);
  }

  /// Lets a tile read tiles of other members, and start from its place in the destination or from nothing.
  void readTiles(linalg::LinalgOp op, Operation *tiled, const DenseMap<Value, Value> &tiles, ArrayRef<OpFoldResult> offsets,
                 ArrayRef<OpFoldResult> sizes, ValueRange destinations) {
    for (auto [whole, part] : llvm::zip_equal(op->getOpOperands(), tiled->getOpOperands())) {
      Type type = part.get().getType();
      if (Value tile = tiles.lookup(whole.get())) {
        isBroken |= tile.getType() != type;
        part.set(tile);
      } else if (whole.get().getDefiningOp<tensor::EmptyOp>() && op.isDpsInit(&whole)) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(tiled);
        OpResult result = op.getTiedOpResult(&whole);
        auto *output = llvm::find(outputs, result);
        if (output == outputs.end()) {
          part.set(tensor::EmptyOp::create(b, loc, cast<RankedTensorType>(type).getShape(), cast<RankedTensorType>(type).getElementType()));
          continue;
        }
        SmallVector<OpFoldResult> resultOffsets, resultSizes, strides(cast<RankedTensorType>(type).getRank(), b.getIndexAttr(1));
        getPosition(b, cast<TilingInterface>(op.getOperation()), result, offsets, sizes, resultOffsets, resultSizes);
        part.set(tensor::ExtractSliceOp::create(b, loc, cast<RankedTensorType>(type), destinations[output - outputs.begin()], resultOffsets,
                                                resultSizes, strides));
      }
    }
  }

  void write(TilingInterface op, OpResult result, Value tile, ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes, Values &next) {
    auto *output = llvm::find(outputs, result);
    if (output == outputs.end())
      return;
    SmallVector<OpFoldResult> resultOffsets, resultSizes, strides(cast<RankedTensorType>(result.getType()).getRank(), b.getIndexAttr(1));
    getPosition(b, op, result, offsets, sizes, resultOffsets, resultSizes);
    if (steps.areParallel) {
      writes.push_back({tile, static_cast<size_t>(output - outputs.begin()), resultOffsets, resultSizes});
      return;
    }
    Value &destination = next[output - outputs.begin()];
    destination = tensor::InsertSliceOp::create(b, loc, tile, destination, resultOffsets, resultSizes, strides);
  }

  /// What a parallel loop puts into a result at its end.
  struct Write {
    Value tile;
    size_t output;
    SmallVector<OpFoldResult> offsets, sizes;
  };

  const RowGroup &group;
  RowSteps steps;
  OpBuilder b;
  Location loc;
  SmallVector<OpResult> outputs;
  SmallVector<OpFoldResult> starts;
  SmallVector<Write> writes;
  bool isBroken = false;
};

} // namespace

LogicalResult buildRowLoops(const RowGroup &group, RowSteps steps) { return RowLoops(group, steps).build(); }

namespace {
struct FuseRowsPass final : impl::FuseRowsPassBase<FuseRowsPass> {
  void runOnOperation() override {
    SmallVector<Block *> blocks;
    getOperation()->walk([&](FunctionOpInterface function) {
      for (Block &block : function.getFunctionBody())
        blocks.push_back(&block);
    });
    for (Block *block : blocks) {
      SmallVector<RowGroup> groups = findRowGroups(*block);
      for (const RowGroup &group : groups) {
        if (failed(buildRowLoops(group, {group.getRowsAtOnce()})))
          return signalPassFailure();
        remark::passed(group.ops.back().op.getLoc(), getRemarkOptions("rows", group.position))
            << remark::metric("ops", group.ops.size()) << remark::metric("rows", group.getRowsAtOnce());
      }
      // Only now: a group may stand before an op of another one.
      for (const RowGroup &group : llvm::reverse(groups))
        for (const RowOp &member : llvm::reverse(group.ops))
          if (member.op->use_empty())
            member.op->erase();
    }
  }
};
} // namespace
} // namespace mlir::lowbit
