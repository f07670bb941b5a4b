//===- RowKernel.cpp - the code of one lane for ops over the same rows ----===//
// Law: what passes between ops stays in the registers of the lane that computed it.

#include "RowKernel.h"
#include "ElementAccess.h"
#include "KernelModule.h"
#include "RowProduct.h"
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
/// What a step wrote, of the lane's rows: one value a row, or one a row and column.
struct Tile {
  SmallVector<Value> values;
  int64_t perRow = 1;
  bool hasColumns = false;

  Value get(int64_t row, int64_t column) const { return values[row * perRow + (hasColumns ? column : 0)]; }
};

class Emitter {
public:
  Emitter(KernelBuilder &b, const RowKernel &kernel, ValueRange arguments)
      : b(b), kernel(kernel), layout(kernel.layout), elements(b, kernel.loop, kernel.values, arguments, findInductions(b, kernel)) {
    Value thread = b.threadId(), warp = b.div(thread, 32);
    lane = b.rem(thread, 32);
    share = b.rem(warp, layout.shares);
    bool isWhole = kernel.rows % layout.getWarpRows() == 0;
    for (int64_t i = 0; i < layout.getLaneRows(); ++i) {
      Value row = layout.areFragments ? b.add(b.add(b.mul(warp, 16), b.div(lane, 4)), 8 * i) : kernel.rows == 1 ? b.i32(0) : warp;
      insideRows.push_back(isWhole ? Value() : b.lessThan(row, b.i32(kernel.rows)));
      rows.push_back(isWhole ? row : b.min(row, b.i32(kernel.rows - 1)));
    }
  }

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
  static SmallVector<Value> findInductions(KernelBuilder &b, const RowKernel &kernel) {
    scf::ForallOp loop = kernel.loop;
    Value rest = b.blockId();
    SmallVector<Value> inductions(loop.getRank());
    for (int64_t i = loop.getRank() - 1; i >= 0; --i) {
      int64_t lower = loop.getStaticLowerBound()[i], step = loop.getStaticStep()[i];
      int64_t count = llvm::divideCeil(loop.getStaticUpperBound()[i] - lower, step);
      inductions[i] = b.add(b.mul(i == 0 ? rest : b.rem(rest, count), step), lower);
      rest = b.div(rest, count);
    }
    return inductions;
  }

  /// Where the lane's columns of a row of `count` are.
  SmallVector<ColumnPiece> getPieces(int64_t count) {
    int64_t width = layout.vector, stride = layout.getLanes() * width;
    Value first = b.mul(layout.areFragments ? b.rem(lane, 4) : lane, width);
    SmallVector<ColumnPiece> pieces;
    for (int64_t offset = 0; offset < count; offset += stride) {
      if (offset + stride <= count)
        pieces.push_back({first, offset, Value()});
      else
        pieces.push_back({b.min(first, b.i32(count - width - offset)), offset, b.lessThan(first, b.i32(count - offset))});
    }
    return pieces;
  }

  /// The elements of an operand that is a buffer in memory, for the rows and columns that a step has.
  class MemoryOperand {
  public:
    MemoryOperand(Emitter &emitter, const RowStep &step, OpOperand &operand)
        : emitter(emitter), step(step), map(step.op.getMatchingIndexingMap(&operand)), view(emitter.elements.getView(operand.get())) {
      variesByRow = step.varies(operand, step.row);
      variesByColumn = step.varies(operand, step.column);
      int64_t multiple = view.alignment;
      if (!variesByColumn)
        return;
      AffineExpr column = getAffineDimExpr(*step.column, map.getContext());
      for (auto [expr, stride] : llvm::zip_equal(map.getResults(), view.strides)) {
        if (expr == column)
          columnStride += stride;
        else if (expr.isFunctionOfDim(*step.column))
          isPlain = false;
        else if (auto constant = dyn_cast<AffineConstantExpr>(expr))
          multiple = std::gcd(multiple, constant.getValue() * stride);
        else
          multiple = std::gcd(multiple, stride);
      }
      isAligned = isPlain && multiple % emitter.layout.vector == 0;
    }

    SmallVector<Value> load(int64_t row, unsigned piece, const ColumnPiece &place, const LoopIndices &indices) {
      if (!variesByColumn)
        return {loadElement(emitter.b, view.element, getStart(row, Value(), indices))};
      if (!isPlain) {
        SmallVector<Value> values;
        for (int64_t i = 0; i < emitter.layout.vector; ++i)
          values.push_back(loadElement(emitter.b, view.element, getStart(row, emitter.getColumn(place, i), indices)));
        return values;
      }
      return emitter.elements.loadNeighbours(view, getPlace(row, place, indices), columnStride, emitter.layout.vector, isAligned);
    }

    void store(int64_t row, const ColumnPiece &place, const LoopIndices &indices, ArrayRef<Value> values) {
      if (!variesByColumn)
        storeElement(emitter.b, values[0], getStart(row, Value(), indices));
      else
        emitter.elements.storeNeighbours(view, getPlace(row, place, indices), columnStride, values, isAligned);
    }

    bool variesByRow, variesByColumn;

  private:
    Value getPlace(int64_t row, const ColumnPiece &place, const LoopIndices &indices) {
      int64_t bytes = llvm::divideCeil(view.element.getIntOrFloatBitWidth(), 8);
      return emitter.b.offset(getStart(row, place.base, indices), place.offset * columnStride * bytes);
    }

    /// Lanes begin at few places: their addresses are computed once.
    Value getStart(int64_t row, Value column, const LoopIndices &indices) {
      LoopIndices all(indices);
      all[step.row] = emitter.rows[row];
      if (step.column)
        all[*step.column] = column;
      return emitter.elements.getAddress(view, map, all);
    }

    Emitter &emitter;
    const RowStep &step;
    AffineMap map;
    RowView view;
    int64_t columnStride = 0;
    bool isPlain = true, isAligned = false;
  };

  Value getColumn(const ColumnPiece &piece, int64_t i) { return b.add(piece.base, piece.offset + i); }

  /// The region of a step, for all places of the lane.
  class Region {
  public:
    Region(Emitter &emitter, const RowStep &step) : emitter(emitter), step(step) {
      linalg::LinalgOp op = step.op;
      pieces = emitter.getPieces(step.getColumns());
      for (OpOperand &operand : op->getOpOperands()) {
        if (!op.payloadUsesValueFromOperand(&operand))
          continue;
        bool isMemory = isa<MemRefType>(operand.get().getType()) && !emitter.tiles.contains(operand.get());
        if (isMemory && !RowElements::isLocal(operand.get()))
          memory.try_emplace(&operand, emitter, step, operand);
      }
      findVarying();
    }

    /// What the terminator yields for every row and column: results, then rows, then columns. With `combiners` one value a row instead:
    /// what these make of the lane's columns.
    SmallVector<Tile> evaluate(const LoopIndices &indices, ArrayRef<Operation *> combiners, ArrayRef<Tile> sums) {
      linalg::LinalgOp op = step.op;
      bool hasColumns = step.column.has_value(), areMany = hasColumns && combiners.empty();
      SmallVector<Tile> results(op->getNumOperands() - op.getNumDpsInputs());
      for (Tile &result : results) {
        result.perRow = areMany ? static_cast<int64_t>(pieces.size()) * emitter.layout.vector : 1;
        result.hasColumns = areMany;
      }
      DenseMap<std::pair<OpOperand *, unsigned>, SmallVector<Value>> loadedColumns;
      for (int64_t row = 0; row < emitter.layout.getLaneRows(); ++row) {
        IRMapping uniform;
        LoopIndices places(indices);
        places[step.row] = emitter.rows[row];
        mapOperands(uniform, /*areVarying=*/false, [&](OpOperand &operand) -> Value {
          if (auto it = memory.find(&operand); it != memory.end())
            return it->second.load(row, 0, {}, indices)[0];
          return emitter.getKnown(operand.get(), row, 0);
        });
        for (Operation &nested : op.getBlock()->without_terminator())
          if (!varying.contains(&nested) && !llvm::is_contained(combiners, &nested))
            emitter.elements.clone(nested, uniform, places);
        SmallVector<Value> joined(combiners.size());
        for (auto [number, piece] : llvm::enumerate(pieces)) {
          DenseMap<OpOperand *, SmallVector<Value>> loaded;
          for (auto &[operand, source] : memory)
            if (source.variesByColumn) {
              SmallVector<Value> *kept = source.variesByRow ? nullptr : &loadedColumns[{operand, static_cast<unsigned>(number)}];
              loaded[operand] = kept && !kept->empty() ? *kept : source.load(row, number, piece, indices);
              if (kept)
                *kept = loaded[operand];
            }
          for (int64_t i = 0; i < (hasColumns ? emitter.layout.vector : 1); ++i) {
            IRMapping mapping(uniform);
            int64_t column = static_cast<int64_t>(number) * emitter.layout.vector + i;
            if (hasColumns)
              places[*step.column] = emitter.getColumn(piece, i);
            mapOperands(mapping, /*areVarying=*/true, [&](OpOperand &operand) -> Value {
              if (auto it = loaded.find(&operand); it != loaded.end())
                return it->second[i];
              return emitter.getKnown(operand.get(), row, column);
            });
            for (auto [argument, sum] : llvm::zip(op.getRegionOutputArgs(), sums))
              mapping.map(argument, sum.get(row, column));
            for (Operation &nested : op.getBlock()->without_terminator())
              if (varying.contains(&nested) && !llvm::is_contained(combiners, &nested))
                emitter.elements.clone(nested, mapping, places);
            if (!combiners.empty()) {
              joinElements(combiners, mapping, piece.inside, joined);
              continue;
            }
            for (auto [result, tile] : llvm::enumerate(results))
              tile.values.push_back(emitter.elements.resolve(op.getBlock()->getTerminator()->getOperand(result), mapping));
          }
        }
        for (auto [tile, value] : llvm::zip(results, joined))
          tile.values.push_back(value);
      }
      return results;
    }

    ArrayRef<ColumnPiece> getPieces() const { return pieces; }

  private:
    /// Ops and arguments of the region that are not the same for a whole row.
    void findVarying() {
      linalg::LinalgOp op = step.op;
      DenseSet<Value> values;
      for (OpOperand &operand : op->getOpOperands())
        if (step.varies(operand, step.column) || !step.serial.empty() || op.isDpsInit(&operand))
          values.insert(op.getMatchingBlockArgument(&operand));
      for (Operation &nested : op.getBlock()->without_terminator()) {
        auto index = dyn_cast<linalg::IndexOp>(nested);
        if ((index && step.column && index.getDim() == *step.column) ||
            llvm::any_of(nested.getOperands(), [&](Value operand) { return values.contains(operand); })) {
          varying.insert(&nested);
          values.insert(nested.result_begin(), nested.result_end());
        }
      }
    }

    void mapOperands(IRMapping &mapping, bool areVarying, function_ref<Value(OpOperand &)> get) {
      linalg::LinalgOp op = step.op;
      for (OpOperand &operand : op->getOpOperands()) {
        if (!op.payloadUsesValueFromOperand(&operand) || step.varies(operand, step.column) != areVarying)
          continue;
        BlockArgument argument = op.getMatchingBlockArgument(&operand);
        if (!isa<MemRefType>(operand.get().getType())) {
          IRMapping nothing;
          mapping.map(argument, emitter.elements.resolve(operand.get(), nothing));
        } else if (Value value = get(operand)) {
          mapping.map(argument, value);
        }
      }
    }

    /// The elements of one place join what there is of the row; those beyond its end do not.
    void joinElements(ArrayRef<Operation *> combiners, IRMapping &mapping, Value inside, MutableArrayRef<Value> joined) {
      linalg::LinalgOp op = step.op;
      KernelBuilder &b = emitter.b;
      auto get = [&](Value value) { return emitter.elements.resolve(value, mapping); };
      for (auto [result, combiner] : llvm::enumerate(combiners)) {
        Value &before = joined[result];
        Value after = join(b, combiner, op.getRegionOutputArgs()[result], before, get);
        if (inside)
          after = b.select(inside, after, before ? before : arith::ConstantOp::create(b, getNeutral(combiner)).getResult());
        before = after;
      }
    }

    Emitter &emitter;
    const RowStep &step;
    SmallVector<ColumnPiece> pieces;
    llvm::MapVector<OpOperand *, MemoryOperand> memory;
    DenseSet<Operation *> varying;
  };

  Value getKnown(Value buffer, int64_t row, int64_t column) {
    auto found = tiles.find(buffer);
    return found == tiles.end() ? Value() : found->second.get(row, column);
  }

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
  SmallVector<Tile> loadInits(const RowStep &step, Region &region, bool hasColumns) {
    linalg::LinalgOp op = step.op;
    SmallVector<Tile> tiles;
    for (OpOperand &init : op.getDpsInitsMutable()) {
      Tile tile;
      tile.hasColumns = hasColumns;
      tile.perRow = hasColumns ? static_cast<int64_t>(region.getPieces().size()) * layout.vector : 1;
      std::optional<MemoryOperand> source;
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
    Region region(*this, step);
    if (step.serial.empty())
      return finish(step, region, region.evaluate(indices, {}, {}));
    SmallVector<Tile> sums = loadInits(step, region, step.column.has_value());
    if (kernel.parts.contains(step.op))
      sums = emitShared(step, region, indices, sums);
    else
      sums = emitSerial(step, region, indices, 0, sums);
    finish(step, region, sums);
  }

  /// Each warp takes every n-th element of the first reduction; then all combine the parts of all, in the order of the warps.
  SmallVector<Tile> emitShared(const RowStep &step, Region &region, LoopIndices &indices, ArrayRef<Tile> inits) {
    linalg::LinalgOp op = step.op;
    SmallVector<Tile> sums(inits);
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
    SmallVector<Tile> totals(inits);
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
  SmallVector<Tile> emitSerial(const RowStep &step, Region &region, LoopIndices &indices, unsigned depth, ArrayRef<Tile> sums) {
    if (depth == step.serial.size())
      return region.evaluate(indices, {}, sums);
    SmallVector<Value> carried;
    for (const Tile &tile : sums)
      llvm::append_range(carried, tile.values);
    auto unpack = [&](ValueRange values) {
      SmallVector<Tile> tiles(sums.begin(), sums.end());
      for (Tile &tile : tiles)
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
      for (const Tile &tile : emitSerial(step, region, indices, depth + 1, unpack(values)))
        llvm::append_range(next, tile.values);
      return next;
    });
    indices[step.serial[depth]] = Value();
    return unpack(results);
  }

  void emitReduce(const RowStep &step, LoopIndices &indices) {
    Region region(*this, step);
    linalg::LinalgOp op = step.op;
    SmallVector<Tile> parts = region.evaluate(indices, step.combiners, {}), inits = loadInits(step, region, /*hasColumns=*/false);
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
    Region region(*this, step);
    SmallVector<Tile> sums = loadInits(step, region, /*hasColumns=*/true);
    auto known = tiles.find(step.lhs->get());
    SmallVector<Value> left =
        known == tiles.end() ? products->loadLeft(step, rows) : products->packLeft(known->second.values, step.sizes[step.serial[0]]);
    products->wait();
    products->multiply(step, left, sums[0].values);
    finish(step, region, sums);
  }

  /// Keeps what a step computed, and writes it where others look for it.
  void finish(const RowStep &step, Region &region, ArrayRef<Tile> results) {
    linalg::LinalgOp op = step.op;
    for (auto [init, tile] : llvm::zip(op.getDpsInitsMutable(), results)) {
      tiles[init.get()] = tile;
      if (RowElements::isLocal(init.get()))
        continue;
      MemoryOperand target(*this, step, init);
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

  KernelBuilder &b;
  const RowKernel &kernel;
  RowLayout layout;
  RowElements elements;
  Value lane, share;                   ///< `share`: which of the warps that have the same rows.
  SmallVector<Value> rows, insideRows; ///< Of the lane; rows beyond the end are the last one.
  DenseMap<Value, Tile> tiles;         ///< Of buffers, by what the lane has of them.
  RowProducts *products = nullptr;
};
} // namespace

void RowKernel::emit(KernelBuilder &b, ValueRange arguments) const { Emitter(b, *this, arguments).emit(); }

} // namespace mlir::lowbit
