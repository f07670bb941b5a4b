//===- RowKernel.cpp - the code of one lane for ops over the same rows ----===//
// Law: what passes between ops stays in the registers of the lane that computed it.

#include "RowKernel.h"
#include "ElementAccess.h"
#include "KernelModule.h"
#include "RowProduct.h"
#include "RowRegion.h"
#include "WarpReduce.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include <numeric>

namespace mlir::lowbit {

FailureOr<RowKernel> RowKernel::find(scf::ForallOp loop, const GPUArchitecture &architecture) {
  RowKernel kernel;
  kernel.loop = loop;
  kernel.rows = 1;
  std::string obstacle;
  for (Operation &op : loop.getBody()->without_terminator()) {
    auto apply = dyn_cast<affine::AffineApplyOp>(op);
    if (apply && !canEvaluate(apply.getAffineMap()))
      return op.emitOpError("divides by what is not known, or what may be negative; expected indices that a lane can compute");
    if (isa<memref::AllocOp, memref::DeallocOp, memref::SubViewOp, affine::AffineApplyOp, arith::ConstantOp>(op))
      continue;
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    auto row = op.getAttrOfType<IntegerAttr>(rowAttrName);
    if (!linalgOp || !row)
      return op.emitOpError("is in a loop over rows; expected ops that `lowbit-form-rows` put there");
    FailureOr<RowStep> step = findRowStep(linalgOp, {static_cast<unsigned>(row.getInt())}, obstacle);
    if (failed(step))
      return op.emitOpError() << "cannot be computed row by row: " << obstacle;
    kernel.rows = std::max(kernel.rows, step->sizes[step->row]);
    kernel.steps.push_back(*step);
  }
  FailureOr<RowLayout> layout = findRowLayout(kernel.steps, architecture, obstacle);
  if (failed(layout))
    return loop.emitOpError() << "cannot be one kernel: " << obstacle;
  kernel.layout = *layout;
  for (const RowStep &step : kernel.steps)
    if (failed(verifySumOrder(step.op, findSumOrder(step, kernel.layout))))
      return failure();
  if (kernel.layout.shares > 1 && kernel.rows != 1)
    return loop.emitOpError() << "has " << kernel.rows << " rows; expected one where warps share long reductions";
  kernel.values = getCapturedValues(loop->getRegions());
  for (const RowStep &step : kernel.steps)
    if (step.kind == RowStepKind::Product) {
      SharedSide side = layOutSide(step, kernel.sharedBytes);
      kernel.sharedBytes += side.rows * side.pitch;
      kernel.sides.insert({step.op, side});
    } else if (kernel.layout.shares > 1 && step.isShareable()) {
      kernel.parts.insert({step.op, kernel.sharedBytes});
      int64_t elements = step.op.getNumDpsInits() * kernel.layout.getLaneColumns(step.getColumns());
      kernel.sharedBytes += elements * kernel.layout.shares * 32 * step.getPartBytes();
    }
  return kernel;
}

int64_t RowKernel::getBlocks() const {
  int64_t blocks = 1;
  scf::ForallOp handle = loop;
  for (auto [lower, upper, step] : llvm::zip_equal(handle.getStaticLowerBound(), handle.getStaticUpperBound(), handle.getStaticStep()))
    blocks *= llvm::divideCeil(upper - lower, step);
  return blocks;
}

namespace {
class Emitter : public RowLane {
public:
  using RowLane::RowLane;

  void emit() {
    std::optional<RowProducts> made;
    if (!kernel.sides.empty()) {
      products = &made.emplace(b, kernel, elements);
      products->startCopies();
    }
    for (const RowStep &step : kernel.steps)
      emitStep(step);
  }

private:
  void emitStep(const RowStep &step) {
    LoopIndices indices = elements.startIndices(step);
    switch (step.kind) {
    case RowStepKind::Map:
      return emitMap(step, indices);
    case RowStepKind::Reduce:
      return emitReduce(step, indices);
    case RowStepKind::Product:
      return emitProduct(step, indices);
    }
  }

  /// What the step starts from, in every place.
  SmallVector<RowTile> loadInits(const RowStep &step, RowRegion &region, bool hasColumns) {
    linalg::LinalgOp op = step.op;
    SmallVector<RowTile> tiles;
    for (OpOperand &init : op.getDpsInitsMutable()) {
      RowTile tile;
      tile.hasColumns = hasColumns;
      tile.perRow = hasColumns ? static_cast<int64_t>(region.getPieces().size()) * layout.vector : 1;
      std::optional<RowMemory> source;
      if (!this->tiles.contains(init.get()))
        source.emplace(*this, step, init);
      for (int64_t row = 0; row < layout.getLaneRows(); ++row)
        for (auto [number, piece] : llvm::enumerate(region.getPieces())) {
          if (!hasColumns && number != 0)
            break;
          SmallVector<Value> loaded;
          if (source)
            loaded = source->load(row, number, piece, elements.startIndices(step));
          for (int64_t i = 0; i < (hasColumns ? layout.vector : 1); ++i)
            tile.values.push_back(source ? loaded[i] : getKnown(init.get(), row, static_cast<int64_t>(number) * layout.vector + i));
        }
      tiles.push_back(tile);
    }
    return tiles;
  }

  void emitMap(const RowStep &step, LoopIndices &indices) {
    RowRegion region(*this, step);
    if (step.serial.empty())
      return finish(step, region, region.evaluate(indices, {}, {}));
    SmallVector<RowTile> sums = loadInits(step, region, step.column.has_value());
    if (kernel.parts.contains(step.op))
      sums = emitShared(step, region, indices, sums);
    else
      sums = emitSerial(step, region, indices, 0, sums);
    finish(step, region, sums);
  }

  /// Each warp takes every n-th element of the first reduction; then all combine the parts of all, in the order of the warps.
  SmallVector<RowTile> emitShared(const RowStep &step, RowRegion &region, LoopIndices &indices, ArrayRef<RowTile> inits) {
    linalg::LinalgOp op = step.op;
    SmallVector<RowTile> sums(inits);
    for (auto [tile, combiner] : llvm::zip_equal(sums, step.combiners)) {
      Value neutral = arith::ConstantOp::create(b, getNeutral(combiner));
      llvm::fill(tile.values, neutral);
    }
    sums = emitSerial(step, region, indices, 0, sums);
    int64_t bytes = step.getPartBytes(), row = 32 * bytes, elements = 0; // of a warp's lanes
    Value start = b.offset(b.sharedMemory(), b.add(b.mul(lane, bytes), kernel.parts.lookup(step.op)));
    auto forEach = [&](function_ref<void(unsigned, size_t, int64_t)> body) {
      elements = 0;
      for (auto [result, tile] : llvm::enumerate(sums))
        for (size_t i = 0; i < tile.values.size(); ++i)
          body(result, i, elements++ * layout.shares * row);
    };
    Value mine = b.offset(start, b.mul(share, row));
    forEach([&](unsigned result, size_t i, int64_t offset) { b.store(sums[result].values[i], b.offset(mine, offset), bytes); });
    gpu::BarrierOp::create(b);
    SmallVector<RowTile> totals(inits);
    forEach([&](unsigned result, size_t i, int64_t offset) {
      Value &total = totals[result].values[i];
      for (int64_t other = 0; other < layout.shares; ++other) {
        Value part = b.load(total.getType(), b.offset(start, offset + other * row), bytes);
        total = buildCombined(b, step.combiners[result], op.getRegionOutputArgs()[result], total, part);
      }
    });
    return totals;
  }

  /// Loops over reductions from `depth` on, around the region.
  SmallVector<RowTile> emitSerial(const RowStep &step, RowRegion &region, LoopIndices &indices, unsigned depth, ArrayRef<RowTile> sums) {
    if (depth == step.serial.size())
      return region.evaluate(indices, {}, sums);
    SmallVector<Value> carried;
    for (const RowTile &tile : sums)
      llvm::append_range(carried, tile.values);
    auto unpack = [&](ValueRange values) {
      SmallVector<RowTile> tiles(sums.begin(), sums.end());
      for (RowTile &tile : tiles)
        for (Value &value : tile.values) {
          value = values.front();
          values = values.drop_front();
        }
      return tiles;
    };
    bool isShared = depth == 0 && kernel.parts.contains(step.op);
    Value first = isShared ? share : b.i32(0), end = b.i32(step.sizes[step.serial[depth]]);
    SmallVector<Value> results = b.loop(first, end, isShared ? layout.shares : 1, carried, [&](Value index, ValueRange values) {
      indices[step.serial[depth]] = index;
      SmallVector<Value> next;
      for (const RowTile &tile : emitSerial(step, region, indices, depth + 1, unpack(values)))
        llvm::append_range(next, tile.values);
      return next;
    });
    indices[step.serial[depth]] = Value();
    return unpack(results);
  }

  void emitReduce(const RowStep &step, LoopIndices &indices) {
    RowRegion region(*this, step);
    linalg::LinalgOp op = step.op;
    SmallVector<RowTile> parts = region.evaluate(indices, step.combiners, {}), inits = loadInits(step, region, /*hasColumns=*/false);
    for (auto [result, combiner] : llvm::enumerate(step.combiners)) {
      Value accumulator = op.getRegionOutputArgs()[result];
      for (int64_t row = 0; row < layout.getLaneRows(); ++row) {
        Value sum = parts[result].get(row, 0);
        for (int64_t distance = layout.getLanes() / 2; distance > 0; distance /= 2)
          sum = buildCombined(b, combiner, accumulator, sum, exchangeLanes(b, sum, distance));
        Value &total = inits[result].values[row];
        total = buildCombined(b, combiner, accumulator, total, sum);
      }
    }
    finish(step, region, inits);
  }

  void emitProduct(const RowStep &step, LoopIndices &indices) {
    RowRegion region(*this, step);
    SmallVector<RowTile> sums = loadInits(step, region, /*hasColumns=*/true);
    auto known = tiles.find(step.lhs->get());
    SmallVector<Value> left =
        known == tiles.end() ? products->loadLeft(step, rows) : products->packLeft(known->second.values, step.sizes[step.serial[0]]);
    products->wait();
    products->multiply(step, left, sums[0].values);
    finish(step, region, sums);
  }

  /// Keeps what a step computed, and writes it where others look for it.
  void finish(const RowStep &step, RowRegion &region, ArrayRef<RowTile> results) {
    linalg::LinalgOp op = step.op;
    for (auto [init, tile] : llvm::zip(op.getDpsInitsMutable(), results)) {
      tiles[init.get()] = tile;
      if (RowElements::isLocal(init.get()))
        continue;
      RowMemory target(*this, step, init);
      for (int64_t row = 0; row < layout.getLaneRows(); ++row)
        for (auto [number, piece] : llvm::enumerate(region.getPieces())) {
          if (!tile.hasColumns && number != 0)
            break;
          auto values = ArrayRef(tile.values)
                            .slice(row * tile.perRow + (tile.hasColumns ? number * layout.vector : 0), tile.hasColumns ? layout.vector : 1);
          Value inside = insideRows[row];
          auto also = [&](Value condition) {
            if (condition)
              inside = inside ? arith::AndIOp::create(b, inside, condition).getResult() : condition;
          };
          if (tile.hasColumns)
            also(piece.inside);
          else
            also(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, b.rem(lane, layout.getLanes()), b.i32(0)));
          if (layout.shares > 1)
            also(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, share, b.i32(0)));
          auto store = [&, &piece = piece] { target.store(row, piece, elements.startIndices(step), values); };
          if (inside)
            b.when(inside, store);
          else
            store();
        }
    }
  }

  RowProducts *products = nullptr;
};
} // namespace

void RowKernel::emit(KernelBuilder &b, ValueRange arguments) const { Emitter(b, *this, arguments).emit(); }

} // namespace mlir::lowbit
