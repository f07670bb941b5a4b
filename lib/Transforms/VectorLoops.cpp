//===- VectorLoops.cpp - one linalg op on buffers as loops over vectors ---===//
// Law: every element is computed by the ops of the body in their order; what is the same for all lanes is computed once.

#include "VectorLoops.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {

SmallVector<Value> buildFor(OpBuilder &builder, Location loc, Value begin, Value end, Value step, ValueRange inits,
                            function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(builder, loc, begin, end, step, inits);
  OpBuilder::InsertionGuard guard(builder);
  if (inits.empty())
    builder.setInsertionPoint(loop.getBody()->getTerminator());
  else
    builder.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> results = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!inits.empty())
    scf::YieldOp::create(builder, loc, results);
  return loop.getResults();
}
namespace {

/// A range of a loop with what one step does: `width` steps at once, as vectors of `lanes` (0: a scalar).
struct Segment {
  Value begin, end;
  int64_t step;
  int64_t lanes, width;
  std::optional<int64_t> trips;
};

using Values = SmallVector<Value>;
using ValueMap = DenseMap<Value, Value>;
/// Loads of one iteration, by operand, row and vector.
using LoadCache = DenseMap<std::tuple<unsigned, int64_t, int64_t>, Value>;

class VectorLoopBuilder {
public:
  VectorLoopBuilder(RewriterBase &rewriter, linalg::LinalgOp op, const VectorPlan &plan)
      : b(rewriter), op(op), plan(plan), loc(op.getLoc()), iterators(op.getIteratorTypesArray()), ivs(op.getNumLoops()) {}

  void build() {
    SmallVector<unsigned> outer, reductions;
    for (unsigned dim = 0; dim < op.getNumLoops(); ++dim) {
      if (dim == plan.vectorDim || plan.rowDim == dim)
        continue;
      bool isInner = !plan.isReduction && iterators[dim] == utils::IteratorType::reduction;
      (isInner ? reductions : outer).push_back(dim);
    }
    buildNest(outer, {}, [&](ValueRange) {
      if (plan.isReduction && plan.rowDim)
        buildShortReductions();
      else if (plan.isReduction)
        buildLaneReduction();
      else if (reductions.empty())
        buildPointwise();
      else
        buildRegisterTiles(reductions);
      return Values();
    });
  }

private:
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }

  Value getSize(unsigned dim) {
    if (int64_t size = op.getStaticLoopRanges()[dim]; !ShapedType::isDynamic(size))
      return constant(size);
    for (OpOperand &operand : op->getOpOperands())
      for (auto [i, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
        if (expr == getAffineDimExpr(dim, op.getContext()))
          return memref::DimOp::create(b, loc, operand.get(), i);
    llvm_unreachable("linalg verifies that every loop has a size");
  }

  /// Cuts [0, size) into whole steps of `width * lanes` and what is left, in shorter vectors where the size is known.
  SmallVector<Segment> cut(unsigned dim, int64_t width, int64_t lanes, bool isVector) {
    SmallVector<Segment> segments;
    int64_t size = op.getStaticLoopRanges()[dim];
    if (ShapedType::isDynamic(size)) {
      Value end = getSize(dim), step = constant(lanes);
      Value whole = arith::SubIOp::create(b, loc, end, arith::RemUIOp::create(b, loc, end, step));
      segments.push_back({constant(0), whole, lanes, isVector ? lanes : 0, isVector ? 1 : width, std::nullopt});
      segments.push_back({whole, end, 1, 0, 1, std::nullopt});
      return segments;
    }
    int64_t begin = 0;
    auto append = [&](int64_t end, int64_t segmentLanes, int64_t segmentWidth) {
      int64_t step = std::max<int64_t>(1, segmentLanes) * segmentWidth;
      if (end > begin)
        segments.push_back({constant(begin), constant(end), step, segmentLanes, segmentWidth, (end - begin) / step});
      begin = end;
    };
    append(size - size % (width * lanes), isVector ? lanes : 0, isVector ? width : width * lanes);
    if (isVector && width > 1)
      append(size - size % lanes, lanes, 1);
    if (int64_t rest = size - begin; rest > 1)
      append(size, isVector ? rest : 0, isVector ? 1 : rest);
    append(size, 0, 1);
    return segments;
  }

  Values buildLoop(const Segment &segment, ValueRange inits, function_ref<Values(Value, ValueRange)> body) {
    if (segment.trips == 1)
      return body(segment.begin, inits);
    return buildFor(b, loc, segment.begin, segment.end, constant(segment.step), inits, body);
  }

  /// Plain loops over `dims`, which set `ivs`.
  Values buildNest(ArrayRef<unsigned> dims, ValueRange inits, function_ref<Values(ValueRange)> body) {
    if (dims.empty())
      return body(inits);
    int64_t size = op.getStaticLoopRanges()[dims.front()];
    Segment segment{constant(0), getSize(dims.front()), 1, 0, 1, ShapedType::isDynamic(size) ? std::nullopt : std::optional(size)};
    return buildLoop(segment, inits, [&](Value iv, ValueRange accumulators) {
      ivs[dims.front()] = iv;
      return buildNest(dims.drop_front(), accumulators, body);
    });
  }

  bool dependsOn(OpOperand &operand, std::optional<unsigned> dim) {
    return dim && op.getMatchingIndexingMap(&operand).isFunctionOfDim(*dim);
  }

  Values getIndices(OpOperand &operand) {
    Values indices;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<OpFoldResult> coordinates;
    for (Value iv : ivs) // a dimension that the operand does not use may have no loop yet
      coordinates.push_back(iv ? OpFoldResult(iv) : OpFoldResult(b.getIndexAttr(0)));
    for (AffineExpr expr : map.getResults())
      indices.push_back(getValueOrCreateConstantIndexOp(
          b, loc, affine::makeComposedFoldedAffineApply(b, loc, AffineMap::get(map.getNumDims(), 0, expr), coordinates)));
    return indices;
  }

  Value load(OpOperand &operand, int64_t lanes) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type)
      return operand.get(); // a scalar
    Values indices = getIndices(operand);
    if (lanes == 0 || !dependsOn(operand, plan.vectorDim))
      return memref::LoadOp::create(b, loc, operand.get(), indices);
    return vector::LoadOp::create(b, loc, VectorType::get({lanes}, type.getElementType()), operand.get(), indices);
  }

  /// What output `i` of a reduction starts from.
  Value loadStart(unsigned i, int64_t lanes) {
    if (i < plan.starts.size() && plan.starts[i])
      return toLanes(plan.starts[i], lanes);
    return load(*op.getDpsInitOperand(i), lanes);
  }

  void store(OpOperand &operand, Value value, int64_t lanes) {
    Values indices = getIndices(operand);
    if (lanes == 0 || !dependsOn(operand, plan.vectorDim)) {
      memref::StoreOp::create(b, loc, value, operand.get(), indices);
      return;
    }
    vector::StoreOp::create(b, loc, toLanes(value, lanes), operand.get(), indices);
  }

  Value toLanes(Value value, int64_t lanes) {
    if (lanes == 0 || isa<VectorType>(value.getType()))
      return value;
    return vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, value.getType()), value);
  }

  /// What `bodyOp` gives on `operands`: scalars if all are, else vectors.
  Values rebuild(Operation *bodyOp, Values operands, int64_t lanes) {
    bool isVector = llvm::any_of(operands, [](Value value) { return isa<VectorType>(value.getType()); });
    SmallVector<Type> types(bodyOp->getResultTypes());
    if (isVector) {
      if (auto divide = dyn_cast<arith::DivFOp>(bodyOp);
          divide && !isa<VectorType>(operands[1].getType()) && bitEnumContainsAll(divide.getFastmath(), arith::FastMathFlags::arcp)) {
        Value one = arith::ConstantOp::create(b, loc, b.getFloatAttr(types[0], 1.0));
        Value reciprocal = arith::DivFOp::create(b, loc, one, operands[1], divide.getFastmath());
        return {arith::MulFOp::create(b, loc, operands[0], toLanes(reciprocal, lanes), divide.getFastmath())};
      }
      for (Value &operand : operands)
        operand = toLanes(operand, lanes);
      for (Type &type : types)
        type = VectorType::get({lanes}, type);
    }
    OperationState state(loc, bodyOp->getName(), operands, types, bodyOp->getAttrs());
    return llvm::to_vector(llvm::map_range(b.create(state)->getResults(), [](OpResult result) -> Value { return result; }));
  }

  /// `bodyOp` on what `values` holds for its operands.
  void rebuildInto(ValueMap &values, Operation *bodyOp, int64_t lanes) {
    Values operands;
    for (Value operand : bodyOp->getOperands())
      operands.push_back(lookup(values, operand));
    for (auto [result, built] : llvm::zip_equal(bodyOp->getResults(), rebuild(bodyOp, operands, lanes)))
      values[result] = built;
  }

  Value buildIndex(unsigned dim, int64_t lanes) {
    if (dim != plan.vectorDim || lanes == 0)
      return ivs[dim];
    Value steps = vector::StepOp::create(b, loc, VectorType::get({lanes}, b.getIndexType()));
    return arith::AddIOp::create(b, loc, steps, toLanes(ivs[dim], lanes));
  }

  Value lookup(const ValueMap &values, Value value) {
    auto it = values.find(value);
    return it == values.end() ? value : it->second;
  }

  /// `apply` in the first lane, as `expr` of its operands.
  Value buildFirst(affine::AffineApplyOp apply, AffineExpr expr, const ValueMap &values) {
    SmallVector<OpFoldResult> operands;
    for (Value operand : apply.getMapOperands()) {
      auto index = operand.getDefiningOp<linalg::IndexOp>();
      operands.push_back(index ? ivs[index.getDim()] : lookup(values, operand));
    }
    AffineMap map = AffineMap::get(apply.getAffineMap().getNumDims(), apply.getAffineMap().getNumSymbols(), expr);
    return getValueOrCreateConstantIndexOp(b, loc, affine::makeComposedFoldedAffineApply(b, loc, map, operands));
  }

  Value buildApply(affine::AffineApplyOp apply, const ValueMap &values, int64_t lanes) {
    if (lanes == 0)
      return buildFirst(apply, apply.getAffineMap().getResult(0), values);
    LaneIndices indices = *getLaneIndices(apply, plan.vectorDim, plan.lanes);
    Value first = buildFirst(apply, indices.first, values);
    ArrayRef<int64_t> offsets = ArrayRef(indices.offsets).take_front(lanes);
    if (llvm::all_equal(offsets))
      return first;
    auto type = VectorType::get({lanes}, b.getIndexType());
    Value steps = arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, offsets));
    return arith::AddIOp::create(b, loc, steps, toLanes(first, lanes));
  }

  /// An element, or one for each of `lanes`, of a table whose row the body has computed.
  Value buildTableLoad(memref::LoadOp load, const ValueMap &values, int64_t lanes) {
    Values indices;
    for (Value index : load.getIndices())
      indices.push_back(lookup(values, index));
    if (llvm::none_of(indices, [](Value index) { return isa<VectorType>(index.getType()); }))
      return memref::LoadOp::create(b, loc, load.getMemRef(), indices);
    auto getType = [&](int64_t size) { return VectorType::get({size}, load.getMemRefType().getElementType()); };
    auto apply = load.getIndices().back().getDefiningOp<affine::AffineApplyOp>();
    if (!apply) {
      indices.back() = ivs[plan.vectorDim];
      return vector::LoadOp::create(b, loc, getType(lanes), load.getMemRef(), indices);
    }
    // Lanes may share an element: each is loaded once.
    LaneIndices last = *getLaneIndices(apply, plan.vectorDim, plan.lanes);
    indices.back() = buildFirst(apply, last.first, values);
    ArrayRef<int64_t> offsets = ArrayRef(last.offsets).take_front(lanes);
    Value loaded = vector::LoadOp::create(b, loc, getType(offsets.back() + 1), load.getMemRef(), indices);
    return offsets.back() + 1 == lanes ? loaded : vector::ShuffleOp::create(b, loc, loaded, loaded, offsets).getResult();
  }

  /// Computes into `values` what does not depend on the lanes, before their loop.
  void buildUniform(ValueMap &values) {
    for (OpOperand *input : op.getDpsInputOperands())
      if (!dependsOn(*input, plan.vectorDim))
        values[op.getMatchingBlockArgument(input)] = load(*input, 0);
    for (Operation &bodyOp : op.getBlock()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(bodyOp)) {
        if (index.getDim() != plan.vectorDim)
          values[index] = ivs[index.getDim()];
        continue;
      }
      bool isUniform = llvm::all_of(bodyOp.getOperands(),
                                    [&](Value operand) { return values.contains(operand) || operand.getParentBlock() != op.getBlock(); });
      if (!isUniform)
        continue;
      rebuildInto(values, &bodyOp, 0);
    }
  }

  /// One step of the body at `ivs`. `values` holds what is known before; accumulators come first in `outputs` where given.
  Values buildBody(ValueMap values, ValueRange outputs, int64_t lanes, LoadCache *cache = nullptr, int64_t row = 0, int64_t vector = 0) {
    for (OpOperand *input : op.getDpsInputOperands()) {
      Value argument = op.getMatchingBlockArgument(input);
      if (values.contains(argument))
        continue;
      std::tuple key(input->getOperandNumber(), dependsOn(*input, plan.rowDim) ? row : 0, dependsOn(*input, plan.vectorDim) ? vector : 0);
      Value loaded = cache ? cache->lookup(key) : Value();
      if (!loaded)
        loaded = load(*input, lanes);
      if (cache)
        (*cache)[key] = loaded;
      values[argument] = loaded;
    }
    for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable()))
      if (op.payloadUsesValueFromOperand(&init))
        values[op.getMatchingBlockArgument(&init)] = outputs.empty() ? load(init, lanes) : outputs[i];
    for (Operation &bodyOp : op.getBlock()->without_terminator()) {
      if (bodyOp.getNumResults() != 0 && values.contains(bodyOp.getResult(0)))
        continue;
      if (auto index = dyn_cast<linalg::IndexOp>(bodyOp))
        values[index] = buildIndex(index.getDim(), lanes);
      else if (auto apply = dyn_cast<affine::AffineApplyOp>(bodyOp))
        values[apply] = buildApply(apply, values, lanes);
      else if (auto load = dyn_cast<memref::LoadOp>(bodyOp))
        values[load] = buildTableLoad(load, values, lanes);
      else
        rebuildInto(values, &bodyOp, lanes);
    }
    Values yields;
    for (Value yielded : op.getBlock()->getTerminator()->getOperands())
      yields.push_back(lookup(values, yielded));
    return yields;
  }

  void storeAll(ValueRange values, int64_t lanes) {
    for (auto [init, value] : llvm::zip_equal(op.getDpsInitsMutable(), values))
      store(init, value, lanes);
  }

  /// No reduction: one vector after the other.
  void buildPointwise() {
    ValueMap uniform;
    buildUniform(uniform);
    for (const Segment &segment : cut(plan.vectorDim, 1, plan.lanes, true))
      buildLoop(segment, {}, [&](Value iv, ValueRange) {
        ivs[plan.vectorDim] = iv;
        storeAll(buildBody(uniform, {}, segment.lanes), segment.lanes);
        return Values();
      });
  }

  /// `buildAt` for each row and vector of a register tile whose corner is (`rowBase`, `laneBase`).
  void forEachVector(Value rowBase, int64_t rows, Value laneBase, const Segment &lanes, function_ref<void(int64_t, int64_t)> buildAt) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t vector = 0; vector < lanes.width; ++vector) {
        if (rowBase)
          ivs[*plan.rowDim] = row == 0 ? rowBase : arith::AddIOp::create(b, loc, rowBase, constant(row)).getResult();
        ivs[plan.vectorDim] = vector == 0 ? laneBase : arith::AddIOp::create(b, loc, laneBase, constant(vector * lanes.lanes)).getResult();
        buildAt(row, vector);
      }
  }

  /// Sums over `reductions` of a tile of rows by vectors that stays in registers.
  void buildRegisterTile(ArrayRef<unsigned> reductions, Value rowBase, int64_t rows, Value laneBase, const Segment &lanes) {
    Values accumulators;
    forEachVector(rowBase, rows, laneBase, lanes, [&](int64_t, int64_t) {
      for (unsigned i = 0; i < op.getNumDpsInits(); ++i)
        accumulators.push_back(loadStart(i, lanes.lanes));
    });
    unsigned numOutputs = op.getNumDpsInits();
    Values sums = buildNest(reductions, accumulators, [&](ValueRange partial) {
      Values next;
      LoadCache cache;
      forEachVector(rowBase, rows, laneBase, lanes, [&](int64_t row, int64_t vector) {
        ValueRange outputs = partial.slice((row * lanes.width + vector) * numOutputs, numOutputs);
        for (Value value : buildBody(ValueMap(), outputs, lanes.lanes, &cache, row, vector))
          next.push_back(toLanes(value, lanes.lanes));
      });
      return next;
    });
    forEachVector(rowBase, rows, laneBase, lanes, [&](int64_t row, int64_t vector) {
      storeAll(ValueRange(sums).slice((row * lanes.width + vector) * numOutputs, numOutputs), lanes.lanes);
    });
  }

  /// Lanes outermost: a panel of the shared operand is read again by every block of rows while it is in the cache.
  void buildRegisterTiles(ArrayRef<unsigned> reductions) {
    for (const Segment &lanes : cut(plan.vectorDim, plan.numVectors, plan.lanes, true))
      buildLoop(lanes, {}, [&](Value laneBase, ValueRange) {
        if (!plan.rowDim) {
          buildRegisterTile(reductions, Value(), 1, laneBase, lanes);
          return Values();
        }
        for (const Segment &rows : cut(*plan.rowDim, 1, plan.numRows, false))
          buildLoop(rows, {}, [&](Value rowBase, ValueRange) {
            buildRegisterTile(reductions, rowBase, rows.width, laneBase, lanes);
            return Values();
          });
        return Values();
      });
  }

  Value combine(unsigned i, Value a, Value c, int64_t lanes) { return rebuild(getCombiner(op, i), {a, c}, lanes).front(); }

  Value getNeutral(unsigned i, int64_t lanes) {
    TypedAttr neutral = *arith::getNeutralElement(getCombiner(op, i));
    return toLanes(arith::ConstantOp::create(b, loc, neutral), lanes);
  }

  /// Combines halves until one lane is left.
  Value reduceLanes(unsigned i, Value value) {
    for (int64_t lanes = plan.lanes; lanes > 1; lanes /= 2) {
      auto half = [&](int64_t begin) { return vector::ExtractStridedSliceOp::create(b, loc, value, begin, lanes / 2, 1).getResult(); };
      value = combine(i, half(0), half(lanes / 2), lanes / 2);
    }
    return vector::ExtractOp::create(b, loc, value, 0);
  }

  /// `partial` holds `numVectors` accumulators for each output; the rest of the row that fills no vector is combined one by one.
  Values finishLaneReduction(ValueRange partial, const ValueMap &uniform, const Segment &rest) {
    Values results;
    for (unsigned i = 0; i < op.getNumDpsInits(); ++i) {
      Value sum = partial[i];
      for (int64_t vector = 1; vector < plan.numVectors; ++vector)
        sum = combine(i, sum, partial[vector * op.getNumDpsInits() + i], plan.lanes);
      results.push_back(reduceLanes(i, sum));
    }
    for (unsigned i = 0; i < op.getNumDpsInits(); ++i)
      results[i] = combine(i, loadStart(i, 0), results[i], 0);
    return buildLoop(rest, results, [&](Value iv, ValueRange accumulators) {
      ivs[plan.vectorDim] = iv;
      return buildBody(uniform, accumulators, 0);
    });
  }

  /// Lanes and accumulators hold partial results; one row at a time.
  void buildLaneReduction() {
    ValueMap uniform;
    buildUniform(uniform);
    int64_t step = plan.numVectors * plan.lanes;
    Value size = getSize(plan.vectorDim);
    Value whole = b.createOrFold<arith::SubIOp>(loc, size, b.createOrFold<arith::RemUIOp>(loc, size, constant(step)));
    Values accumulators;
    for (int64_t vector = 0; vector < plan.numVectors; ++vector)
      for (unsigned i = 0; i < op.getNumDpsInits(); ++i)
        accumulators.push_back(getNeutral(i, plan.lanes));
    Values partial =
        buildLoop({constant(0), whole, step, plan.lanes, plan.numVectors, std::nullopt}, accumulators, [&](Value iv, ValueRange args) {
          Values next;
          for (int64_t vector = 0; vector < plan.numVectors; ++vector) {
            ivs[plan.vectorDim] = vector == 0 ? iv : arith::AddIOp::create(b, loc, iv, constant(vector * plan.lanes)).getResult();
            llvm::append_range(next, buildBody(uniform, args.slice(vector * op.getNumDpsInits(), op.getNumDpsInits()), plan.lanes));
          }
          return next;
        });
    storeAll(finishLaneReduction(partial, uniform, {whole, size, 1, 0, 1, std::nullopt}), 0);
  }

  /// One vector of the sums of all lanes of each of `rows`, whose number is a power of two. Halves are combined as `reduceLanes` does,
  /// but those of two vectors at once.
  Value reduceRows(unsigned i, Values rows) {
    int64_t width = plan.lanes;
    for (int64_t part = plan.lanes; part > 1; part /= 2) {
      bool isPaired = rows.size() > 1;
      int64_t numParts = width / part * (isPaired ? 2 : 1);
      SmallVector<int64_t> low, high;
      for (int64_t lane = 0; lane < numParts * part; ++lane)
        (lane % part < part / 2 ? low : high).push_back(lane);
      Values next;
      for (size_t row = 0; row < rows.size(); row += isPaired ? 2 : 1) {
        Value first = rows[row], second = isPaired ? rows[row + 1] : rows[row];
        next.push_back(combine(i, vector::ShuffleOp::create(b, loc, first, second, low),
                               vector::ShuffleOp::create(b, loc, first, second, high), low.size()));
      }
      rows = next;
      width = low.size();
    }
    return rows.front();
  }

  /// Reductions of one step each, whose results are neighbours: several of them become one vector.
  void buildShortReductions() {
    unsigned numOutputs = op.getNumDpsInits();
    for (const Segment &segment : cut(*plan.rowDim, 1, plan.numRows, true))
      buildLoop(segment, {}, [&](Value base, ValueRange) {
        SmallVector<Values> rows(numOutputs);
        for (int64_t row = 0; row < plan.numRows; ++row) {
          ivs[*plan.rowDim] = row == 0 ? base : arith::AddIOp::create(b, loc, base, constant(row)).getResult();
          ValueMap uniform;
          buildUniform(uniform);
          Values sums;
          for (int64_t vector = 0; vector < plan.numVectors; ++vector) {
            ivs[plan.vectorDim] = constant(vector * plan.lanes);
            Values neutral;
            for (unsigned i = 0; i < numOutputs; ++i)
              neutral.push_back(getNeutral(i, plan.lanes));
            Values partial = buildBody(uniform, neutral, plan.lanes);
            for (unsigned i = 0; i < numOutputs; ++i)
              partial[i] = vector == 0 ? partial[i] : combine(i, sums[i], partial[i], plan.lanes);
            sums = partial;
          }
          for (unsigned i = 0; i < numOutputs; ++i)
            rows[i].push_back(sums[i]);
        }
        ivs[*plan.rowDim] = base;
        for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable())) {
          auto type = VectorType::get({plan.numRows}, getElementTypeOrSelf(init.get().getType()));
          bool isKnown = i < plan.starts.size() && plan.starts[i];
          Value start = isKnown ? toLanes(plan.starts[i], plan.numRows)
                                : vector::LoadOp::create(b, loc, type, init.get(), getIndices(init)).getResult();
          vector::StoreOp::create(b, loc, combine(i, start, reduceRows(i, rows[i]), plan.numRows), init.get(), getIndices(init));
        }
        return Values();
      });
  }

  RewriterBase &b;
  linalg::LinalgOp op;
  const VectorPlan &plan;
  Location loc;
  SmallVector<utils::IteratorType> iterators;
  Values ivs;
};
} // namespace

void buildVectorLoops(RewriterBase &rewriter, linalg::LinalgOp op, const VectorPlan &plan) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  VectorLoopBuilder(rewriter, op, plan).build();
}

} // namespace mlir::lowbit
