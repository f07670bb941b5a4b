//===- VectorDots.cpp - products of two operands as the target's dot product ===//
// Law: the products of the op, in sums that say `fastmath<reassoc>`, as the target's instruction adds them; what is padded multiplies
// zeros.

#include "VectorLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {

/// The operand of `op` that `value` extends to f32, if that is all; null otherwise.
static OpOperand *getExtendedInput(linalg::LinalgOp op, Value value) {
  auto extend = value.getDefiningOp<arith::ExtFOp>();
  auto argument = extend ? dyn_cast<BlockArgument>(extend.getIn()) : BlockArgument();
  if (!argument || argument.getOwner() != op.getBlock() || !argument.getType().isBF16() || !argument.hasOneUse())
    return nullptr;
  OpOperand *operand = op.getMatchingOpOperand(argument);
  return op.isDpsInput(operand) ? operand : nullptr;
}

/// The two inputs whose elements, extended, are multiplied and added to the result; nulls when the body does anything else.
static std::pair<OpOperand *, OpOperand *> getFactors(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 || op.getBlock()->getOperations().size() != 5)
    return {};
  auto add = dyn_cast_or_null<arith::AddFOp>(getCombiner(op, 0));
  if (!add || !isReorderable(add) || add.getResult() != op.getBlock()->getTerminator()->getOperand(0))
    return {};
  Value sum = op.getRegionOutputArgs()[0], other = add.getLhs() == sum ? add.getRhs() : add.getLhs();
  auto multiply = other.getDefiningOp<arith::MulFOp>();
  if (!multiply || !multiply.getType().isF32() || !multiply->hasOneUse())
    return {};
  return {getExtendedInput(op, multiply.getLhs()), getExtendedInput(op, multiply.getRhs())};
}

/// Accumulators take three quarters of the registers.
static void planTile(linalg::LinalgOp op, QuantTargetAttrInterface target, DotPlan &plan) {
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  // One load of a row has the elements of two vectors of sums.
  plan.numVectors = sizes[plan.laneDim] > plan.dot.lanes ? 2 : 1;
  AffineMap shared = op.getMatchingIndexingMap(plan.rhs);
  for (unsigned dim = op.getNumLoops(); dim-- > 0 && !plan.rowDim;)
    if (dim != plan.laneDim && dim != plan.depthDim && sizes[dim] != 1 && !shared.isFunctionOfDim(dim))
      plan.rowDim = dim;
  if (!plan.rowDim)
    return;
  int64_t rows = sizes[*plan.rowDim], most = target.getNumVectorRegisters() * 3 / 4 / plan.numVectors;
  plan.numRows = llvm::divideCeil(rows, llvm::divideCeil(rows, most)); // as even as they can be
}

FailureOr<DotPlan> planDots(linalg::LinalgOp op, QuantTargetAttrInterface target) {
  std::optional<DotProduct> dot = target ? target.getBFloat16DotProduct() : std::nullopt;
  if (!dot || dot->depth != 2 || !op.hasPureBufferSemantics() || op.hasDynamicShape() || op.getNumReductionLoops() != 1)
    return failure();
  auto [first, second] = getFactors(op);
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto lane = result.getNumResults() == 0 ? AffineDimExpr(nullptr) : dyn_cast<AffineDimExpr>(result.getResults().back());
  if (!first || !second || !lane)
    return failure();
  DotPlan plan;
  plan.dot = *dot;
  plan.laneDim = lane.getPosition();
  bool isSecondShared = op.getMatchingIndexingMap(second).isFunctionOfDim(plan.laneDim);
  std::tie(plan.lhs, plan.rhs) = isSecondShared ? std::pair(first, second) : std::pair(second, first);
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  plan.depthDim = reductions.front();
  AffineMap lhs = op.getMatchingIndexingMap(plan.lhs), rhs = op.getMatchingIndexingMap(plan.rhs);
  bool isProduct = !lhs.isFunctionOfDim(plan.laneDim) && lhs.isFunctionOfDim(plan.depthDim) && rhs.isFunctionOfDim(plan.laneDim) &&
                   rhs.isFunctionOfDim(plan.depthDim) && isUnitStrideOrInvariant(op, *plan.lhs, plan.depthDim) &&
                   isUnitStrideOrInvariant(op, *plan.rhs, plan.laneDim) &&
                   isUnitStrideOrInvariant(op, *op.getDpsInitOperand(0), plan.laneDim);
  // Without neighbours in memory, or with less than a vector of them, the loops over lanes know better.
  if (!isProduct || op.getStaticLoopRanges()[plan.laneDim] < dot->lanes || op.getStaticLoopRanges()[plan.depthDim] < dot->depth)
    return failure();
  planTile(op, target, plan);
  return plan;
}

namespace {
using Values = SmallVector<Value>;

class DotLoopBuilder {
public:
  DotLoopBuilder(RewriterBase &rewriter, linalg::LinalgOp op, const DotPlan &plan, Value start)
      : b(rewriter), op(op), plan(plan), start(start), loc(op.getLoc()), sizes(op.getStaticLoopRanges()), ivs(op.getNumLoops()) {}

  void build() {
    for (Value &iv : ivs)
      iv = constant(0);
    buildNest(0);
  }

private:
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }

  Values buildLoop(int64_t end, int64_t step, ValueRange inits, function_ref<Values(Value, ValueRange)> body) {
    if (end == 0)
      return inits;
    if (end == step)
      return body(constant(0), inits);
    return buildFor(b, loc, constant(0), constant(end), constant(step), inits, body);
  }

  /// Plain loops over what is neither lanes, rows nor depth.
  void buildNest(unsigned dim) {
    if (dim == op.getNumLoops())
      return buildInSteps(plan.laneDim, plan.numVectors * plan.dot.lanes, [&](int64_t columns) {
        if (!plan.rowDim)
          return buildTile(1, columns);
        buildInSteps(*plan.rowDim, plan.numRows, [&](int64_t rows) { buildTile(rows, columns); });
      });
    if (dim == plan.laneDim || dim == plan.depthDim || plan.rowDim == dim)
      return buildNest(dim + 1);
    buildInSteps(dim, 1, [&](int64_t) { buildNest(dim + 1); });
  }

  /// `body` on each whole step of `dim` and on what is left; sets its index.
  void buildInSteps(unsigned dim, int64_t step, function_ref<void(int64_t)> body) {
    int64_t rest = sizes[dim] % step;
    buildLoop(sizes[dim] - rest, step, {}, [&](Value iv, ValueRange) {
      ivs[dim] = iv;
      body(step);
      return Values();
    });
    ivs[dim] = constant(sizes[dim] - rest);
    if (rest != 0)
      body(rest);
  }

  /// Indices of the operand, `steps` further along `dim`, and as many as `more` along another.
  Values getIndices(OpOperand &operand, std::optional<unsigned> dim, int64_t steps, std::optional<unsigned> other = {}, int64_t more = 0) {
    SmallVector<OpFoldResult> coordinates(ivs.begin(), ivs.end());
    auto move = [&](std::optional<unsigned> along, int64_t by) {
      if (along && by != 0)
        coordinates[*along] = arith::AddIOp::create(b, loc, ivs[*along], constant(by)).getResult();
    };
    move(dim, steps);
    move(other, more);
    AffineMap map = op.getMatchingIndexingMap(&operand);
    Values indices;
    for (AffineExpr expr : map.getResults())
      indices.push_back(getValueOrCreateConstantIndexOp(
          b, loc, affine::makeComposedFoldedAffineApply(b, loc, AffineMap::get(map.getNumDims(), 0, expr), coordinates)));
    return indices;
  }

  Value loadVector(OpOperand &operand, ValueRange indices, int64_t lanes) {
    auto type = VectorType::get({lanes}, getElementTypeOrSelf(operand.get().getType()));
    return vector::LoadOp::create(b, loc, type, operand.get(), indices);
  }

  Value getZeros(int64_t lanes) {
    return arith::ConstantOp::create(b, loc, b.getZeroAttr(VectorType::get({lanes}, getElementTypeOrSelf(plan.rhs->get().getType()))));
  }

  int64_t getLanes(int64_t columns, int64_t vector) { return std::min(plan.dot.lanes, columns - vector * plan.dot.lanes); }

  /// Groups of `depth` elements along the depth, in lanes that go along `columns`; of the last group only `depth` are there.
  Values loadGroups(int64_t columns, int64_t depth) {
    int64_t lanes = plan.dot.lanes;
    bool isWhole = columns == 2 * lanes;
    Values groups;
    auto append = [&](int64_t first, int64_t loaded) {
      Values rows;
      for (int64_t step = 0; step < depth; ++step)
        rows.push_back(loadVector(*plan.rhs, getIndices(*plan.rhs, plan.depthDim, step, plan.laneDim, first), loaded));
      if (depth == 1)
        rows.push_back(getZeros(loaded));
      for (int64_t vector = 0; vector * lanes < loaded; ++vector) {
        SmallVector<int64_t> mask;
        for (int64_t lane = vector * lanes; lane < (vector + 1) * lanes; ++lane) {
          int64_t known = std::min(lane, loaded - 1); // lanes past the last column are computed and not stored
          mask.append({known, loaded + known});
        }
        groups.push_back(vector::ShuffleOp::create(b, loc, rows[0], rows[1], mask));
      }
    };
    if (isWhole)
      append(0, columns);
    for (int64_t first = 0; first < columns && !isWhole; first += lanes)
      append(first, std::min(lanes, columns - first));
    return groups;
  }

  /// The group that all lanes of a row share.
  Value loadGroup(int64_t row, int64_t depth) {
    Value group = loadVector(*plan.lhs, getIndices(*plan.lhs, plan.rowDim, row), depth);
    if (depth == 2)
      return group;
    return vector::ShuffleOp::create(b, loc, group, getZeros(1), ArrayRef<int64_t>{0, 1});
  }

  Value extend(Value vector, ArrayRef<int64_t> shape) {
    auto type = VectorType::get(shape, getElementTypeOrSelf(vector.getType()));
    Value shaped = vector.getType() == type ? vector : vector::ShapeCastOp::create(b, loc, type, vector).getResult();
    return arith::ExtFOp::create(b, loc, type.clone(b.getF32Type()), shaped);
  }

  /// One group of the depth.
  Values buildStep(int64_t rows, int64_t columns, int64_t depth, ValueRange sums) {
    AffineExpr lane = b.getAffineDimExpr(0), element = b.getAffineDimExpr(1);
    SmallVector<AffineMap> maps{AffineMap::get(2, 0, element), AffineMap::get(2, 0, {lane, element}, b.getContext()),
                                AffineMap::get(2, 0, lane)};
    ArrayAttr iterators = b.getArrayAttr({vector::IteratorTypeAttr::get(b.getContext(), vector::IteratorType::parallel),
                                          vector::IteratorTypeAttr::get(b.getContext(), vector::IteratorType::reduction)});
    Values groups = loadGroups(columns, depth), next;
    for (Value &group : groups)
      group = extend(group, {plan.dot.lanes, plan.dot.depth});
    for (int64_t row = 0; row < rows; ++row) {
      Value shared = extend(loadGroup(row, depth), plan.dot.depth);
      for (Value group : groups)
        next.push_back(vector::ContractionOp::create(b, loc, shared, group, sums[next.size()], b.getAffineMapArrayAttr(maps), iterators));
    }
    return next;
  }

  /// The sums of `rows` by `columns` results, in registers over the whole depth.
  void buildTile(int64_t rows, int64_t columns) {
    OpOperand &init = *op.getDpsInitOperand(0);
    int64_t numVectors = llvm::divideCeil(columns, plan.dot.lanes), depth = sizes[plan.depthDim], rest = depth % plan.dot.depth;
    auto type = VectorType::get({plan.dot.lanes}, b.getF32Type());
    auto getResultIndices = [&](int64_t row, int64_t vector) {
      return getIndices(init, plan.rowDim, row, plan.laneDim, vector * plan.dot.lanes);
    };
    Values sums;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t vector = 0; vector < numVectors; ++vector) {
        int64_t lanes = getLanes(columns, vector);
        Value sum =
            start ? vector::BroadcastOp::create(b, loc, type, start).getResult() : loadVector(init, getResultIndices(row, vector), lanes);
        if (!start && lanes != plan.dot.lanes) {
          SmallVector<int64_t> mask(plan.dot.lanes);
          for (auto [lane, from] : llvm::enumerate(mask))
            from = std::min<int64_t>(lane, lanes - 1);
          sum = vector::ShuffleOp::create(b, loc, sum, sum, mask);
        }
        sums.push_back(sum);
      }
    sums = buildLoop(depth - rest, plan.dot.depth, sums, [&](Value iv, ValueRange partial) {
      ivs[plan.depthDim] = iv;
      return buildStep(rows, columns, plan.dot.depth, partial);
    });
    ivs[plan.depthDim] = constant(depth - rest);
    if (rest != 0)
      sums = buildStep(rows, columns, rest, sums);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t vector = 0; vector < numVectors; ++vector) {
        int64_t lanes = getLanes(columns, vector);
        Value sum = sums[row * numVectors + vector];
        if (lanes != plan.dot.lanes)
          sum = vector::ExtractStridedSliceOp::create(b, loc, sum, 0, lanes, 1);
        vector::StoreOp::create(b, loc, sum, init.get(), getResultIndices(row, vector));
      }
  }

  RewriterBase &b;
  linalg::LinalgOp op;
  const DotPlan &plan;
  Value start;
  Location loc;
  SmallVector<int64_t> sizes;
  Values ivs;
};
} // namespace

void buildDotLoops(RewriterBase &rewriter, linalg::LinalgOp op, const DotPlan &plan, Value start) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  DotLoopBuilder(rewriter, op, plan, start).build();
}

} // namespace mlir::lowbit
