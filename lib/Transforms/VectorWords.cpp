//===- VectorWords.cpp - words put together from neighbours ---------------===//
// Law: field i of a word is element i of its run; registers of fields are registers of words, since the lowest lane has the lowest bits.

#include "VectorLoops.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit {

/// Whether `value` is the loop `dim`, times `factor`.
static bool isIndexTimes(Value value, unsigned dim, int64_t factor) {
  APInt constant;
  if (auto multiply = value.getDefiningOp<arith::MulIOp>(); multiply && matchPattern(multiply.getRhs(), m_ConstantInt(&constant)))
    return constant.getSExtValue() == factor && isIndexTimes(multiply.getLhs(), dim, 1);
  if (auto cast = value.getDefiningOp<arith::IndexCastOp>())
    value = cast.getIn();
  auto index = value.getDefiningOp<linalg::IndexOp>();
  return factor == 1 && index && index.getDim() == dim;
}

/// The field whose bits the body puts at their place of the word, if that is all it does to the accumulator.
static Value getField(linalg::GenericOp op) {
  unsigned dim = op.getNumLoops() - 1;
  auto join = op.getBlock()->getTerminator()->getOperand(0).getDefiningOp<arith::OrIOp>();
  if (!join)
    return {};
  Value accumulator = op.getRegionOutputArgs()[0];
  Value placed = join.getLhs() == accumulator ? join.getRhs() : join.getRhs() == accumulator ? join.getLhs() : Value();
  auto shift = placed ? placed.getDefiningOp<arith::ShLIOp>() : arith::ShLIOp();
  auto extended = shift ? shift.getLhs().getDefiningOp<arith::ExtUIOp>() : arith::ExtUIOp();
  if (!extended || !accumulator.hasOneUse())
    return {};
  Value field = extended.getIn();
  int64_t bits = field.getType().getIntOrFloatBitWidth();
  bool fillsWord = bits * op.getStaticLoopRanges()[dim] == accumulator.getType().getIntOrFloatBitWidth();
  return fillsWord && isIndexTimes(shift.getRhs(), dim, bits) ? field : Value();
}

/// The ops of the body that make `field`.
static SetVector<Operation *> getFieldOps(linalg::GenericOp op, Value field) {
  SetVector<Operation *> ops;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.filter = [&](Operation *other) { return other->getBlock() == op.getBlock(); };
  (void)getBackwardSlice(field, &ops, options);
  return ops;
}

/// Words and their fields as one axis.
static SmallVector<ReassociationIndices> getRunGroups(int64_t rank) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t axis = 0; axis + 1 < rank; ++axis)
    groups.push_back({axis});
  groups.back().push_back(rank - 1);
  return groups;
}

/// Whether the operand has a run of fields for each word, or is the same for all of them.
static bool isInRuns(linalg::GenericOp op, OpOperand &operand) {
  unsigned field = op.getNumLoops() - 1, word = field - 1;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!map.isFunctionOfDim(field) && !map.isFunctionOfDim(word))
    return true;
  int64_t rank = map.getNumResults();
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  auto isDim = [&](int64_t axis, unsigned dim) { return map.getResult(axis) == getAffineDimExpr(dim, op.getContext()); };
  if (!type || rank < 2 || !isDim(rank - 1, field) || !isDim(rank - 2, word) || type.getElementTypeBitWidth() % 8 != 0)
    return false;
  for (AffineExpr expr : map.getResults().drop_back(2))
    if (expr.isFunctionOfDim(field) || expr.isFunctionOfDim(word))
      return false;
  return memref::CollapseShapeOp::isGuaranteedCollapsible(type, getRunGroups(rank));
}

FailureOr<WordPlan> planWords(linalg::LinalgOp linalgOp, QuantTargetAttrInterface target) {
  auto op = dyn_cast<linalg::GenericOp>(linalgOp.getOperation());
  if (!op || !op.hasPureBufferSemantics() || op.getNumDpsInits() != 1 || op.getNumLoops() < 2 || op.getNumReductionLoops() != 1 ||
      op.getIteratorTypesArray().back() != utils::IteratorType::reduction || ShapedType::isDynamicShape(op.getStaticLoopRanges()))
    return failure();
  AffineMap identity = AffineMap::getMultiDimIdentityMap(op.getNumLoops(), op.getContext());
  OpOperand &init = *op.getDpsInitOperand(0);
  auto type = cast<MemRefType>(init.get().getType());
  if (op.getMatchingIndexingMap(&init) != identity.getMajorSubMap(op.getNumLoops() - 1) || !type.isLastDimUnitStride() ||
      !isa<IntegerType>(type.getElementType()))
    return failure();
  Value field = getField(op);
  if (!field || !llvm::all_of(op.getDpsInputOperands(), [&](OpOperand *input) { return isInRuns(op, *input); }))
    return failure();
  for (Operation *fieldOp : getFieldOps(op, field))
    if (!OpTrait::hasElementwiseMappableTraits(fieldOp))
      return failure();
  int64_t vectorBytes = (target ? target.getVectorBits() : 128) / 8, fields = op.getStaticLoopRanges().back();
  return WordPlan{field, std::max<int64_t>(1, vectorBytes / fields)};
}

namespace {
class WordLoopBuilder {
public:
  WordLoopBuilder(RewriterBase &rewriter, linalg::GenericOp op, const WordPlan &plan, Value start)
      : b(rewriter), op(op), plan(plan), start(start), loc(op.getLoc()), sizes(op.getStaticLoopRanges()), words(op.getNumLoops() - 2) {}

  void build() {
    ops = llvm::to_vector(getFieldOps(op, plan.field));
    llvm::sort(ops, [](Operation *a, Operation *other) { return a->isBeforeInBlock(other); });
    for (OpOperand *input : op.getDpsInputOperands())
      runs.push_back(dependsOnLanes(*input)
                         ? memref::CollapseShapeOp::create(b, loc, input->get(), getRunGroups(getRank(*input))).getResult()
                         : input->get());
    buildNest(0);
  }

private:
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  int64_t getRank(OpOperand &operand) { return op.getMatchingIndexingMap(&operand).getNumResults(); }
  bool dependsOnLanes(OpOperand &operand) { return op.getMatchingIndexingMap(&operand).isFunctionOfDim(op.getNumLoops() - 1); }

  void buildLoop(int64_t begin, int64_t end, int64_t step, function_ref<void()> body) {
    if (begin + step == end) {
      ivs.push_back(constant(begin));
      body();
    } else if (begin < end) {
      auto loop = scf::ForOp::create(b, loc, constant(begin), constant(end), constant(step));
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(loop.getBody()->getTerminator());
      ivs.push_back(loop.getInductionVar());
      body();
    } else {
      return;
    }
    ivs.pop_back();
  }

  void buildNest(unsigned dim) {
    if (dim != words)
      return buildLoop(0, sizes[dim], 1, [&] { buildNest(dim + 1); });
    int64_t whole = sizes[dim] - sizes[dim] % plan.wordsPerStep;
    buildLoop(0, whole, plan.wordsPerStep, [&] { buildWords(plan.wordsPerStep); });
    if (int64_t rest = sizes[dim] - whole)
      buildLoop(whole, sizes[dim], rest, [&] { buildWords(rest); });
  }

  Value load(OpOperand &operand, Value buffer, int64_t lanes) {
    auto type = dyn_cast<MemRefType>(buffer.getType());
    if (!type)
      return buffer; // a scalar
    AffineMap map = op.getMatchingIndexingMap(&operand);
    bool isRun = dependsOnLanes(operand);
    SmallVector<OpFoldResult> coordinates(ivs.begin(), ivs.end());
    coordinates.push_back(b.getIndexAttr(0));
    SmallVector<Value> indices;
    for (AffineExpr expr : map.getResults().drop_back(isRun ? 1 : 0)) {
      if (isRun && static_cast<int64_t>(indices.size()) + 2 == map.getNumResults())
        expr = expr * sizes.back();
      indices.push_back(getValueOrCreateConstantIndexOp(
          b, loc, affine::makeComposedFoldedAffineApply(b, loc, AffineMap::get(map.getNumDims(), 0, expr), coordinates)));
    }
    if (!isRun)
      return memref::LoadOp::create(b, loc, buffer, indices);
    return vector::LoadOp::create(b, loc, VectorType::get({lanes}, type.getElementType()), buffer, indices);
  }

  /// `fieldOp` on scalars if all operands are, else on vectors.
  void rebuild(Operation *fieldOp, IRMapping &mapping, int64_t lanes) {
    SmallVector<Value> operands;
    for (Value operand : fieldOp->getOperands())
      operands.push_back(mapping.lookupOrDefault(operand));
    Type type = fieldOp->getResult(0).getType();
    if (llvm::any_of(operands, [](Value value) { return isa<VectorType>(value.getType()); })) {
      for (Value &operand : operands)
        operand = toLanes(operand, lanes);
      type = VectorType::get({lanes}, type);
    }
    OperationState state(loc, fieldOp->getName(), operands, type, fieldOp->getAttrs());
    mapping.map(fieldOp->getResult(0), b.create(state)->getResult(0));
  }

  Value toLanes(Value value, int64_t lanes) {
    if (isa<VectorType>(value.getType()))
      return value;
    return vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, value.getType()), value);
  }

  void buildWords(int64_t count) {
    int64_t lanes = count * sizes.back();
    IRMapping mapping;
    for (auto [input, buffer] : llvm::zip_equal(op.getDpsInputOperands(), runs))
      mapping.map(op.getMatchingBlockArgument(input), load(*input, buffer, lanes));
    for (Operation *fieldOp : ops)
      rebuild(fieldOp, mapping, lanes);
    Value init = op.getDpsInitOperand(0)->get();
    auto type = VectorType::get({count}, cast<MemRefType>(init.getType()).getElementType());
    Value packed = vector::BitCastOp::create(b, loc, type, toLanes(mapping.lookupOrDefault(plan.field), lanes));
    if (!start || !matchPattern(start, m_Zero())) {
      Value before = start ? toLanes(start, count) : vector::LoadOp::create(b, loc, type, init, ivs).getResult();
      packed = arith::OrIOp::create(b, loc, packed, before);
    }
    vector::StoreOp::create(b, loc, packed, init, ivs);
  }

  RewriterBase &b;
  linalg::GenericOp op;
  const WordPlan &plan;
  Value start;
  Location loc;
  SmallVector<int64_t> sizes;
  unsigned words; ///< The loop over words.
  SmallVector<Operation *> ops;
  SmallVector<Value> runs; ///< Inputs, words and fields one axis.
  SmallVector<Value> ivs;
};
} // namespace

void buildWordLoops(RewriterBase &rewriter, linalg::LinalgOp op, const WordPlan &plan, Value start) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  WordLoopBuilder(rewriter, cast<linalg::GenericOp>(op.getOperation()), plan, start).build();
}

} // namespace mlir::lowbit
