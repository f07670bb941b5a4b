//===- PlanVectors.cpp - which dimension becomes lanes --------------------===//
// Law: a plan never changes a result but by the order of a sum, and that only where the sum says `fastmath<reassoc>`.

#include "VectorLoops.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::lowbit {

Operation *getCombiner(linalg::LinalgOp op, unsigned i) {
  SmallVector<Operation *> combiners;
  if (!matchReduction(op.getRegionOutputArgs(), i, combiners) || combiners.size() != 1)
    return nullptr;
  return combiners.front();
}

bool isReorderable(Operation *combiner) {
  if (!combiner)
    return false;
  if (isa<arith::AddIOp, arith::MulIOp, arith::MaxSIOp, arith::MaxUIOp, arith::MinSIOp, arith::MinUIOp, arith::AndIOp, arith::OrIOp,
          arith::XOrIOp, arith::MaximumFOp, arith::MinimumFOp>(combiner))
    return true;
  auto fast = dyn_cast<arith::ArithFastMathInterface>(combiner);
  return fast && isa<arith::AddFOp, arith::MulFOp>(combiner) && fast.getFastMathFlagsAttr() &&
         bitEnumContainsAll(fast.getFastMathFlagsAttr().getValue(), arith::FastMathFlags::reassoc);
}

static int64_t getLoopSize(linalg::LinalgOp op, unsigned dim) { return op.getStaticLoopRanges()[dim]; }

bool isUnitStrideOrInvariant(linalg::LinalgOp op, OpOperand &operand, unsigned dim) {
  AffineMap map = op.getMatchingIndexingMap(&operand);
  if (!map.isFunctionOfDim(dim))
    return true;
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  if (!type || map.getNumResults() == 0 || !type.isLastDimUnitStride())
    return false;
  for (AffineExpr expr : map.getResults().drop_back())
    if (expr.isFunctionOfDim(dim))
      return false;
  // A place before the lanes may depend on other dimensions, as in a row of a window.
  AffineExpr last = map.getResults().back(), lane = getAffineDimExpr(dim, op.getContext());
  AffineExpr start = last.replace(lane, getAffineConstantExpr(0, op.getContext()));
  return last == lane || simplifyAffineExpr(last - start - lane, map.getNumDims(), 0) == getAffineConstantExpr(0, op.getContext());
}

/// Whether a vector of elements lies in memory as the elements do: LLVM packs lanes of fewer than eight bits, buffers do not.
static bool hasWholeBytes(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isIndex() || element.getIntOrFloatBitWidth() % 8 == 0;
}

static bool isLaneIndex(Value value, unsigned dim) {
  auto index = value.getDefiningOp<linalg::IndexOp>();
  return index && index.getDim() == dim;
}

/// Whether `value`, computed in `body`, differs from lane to lane.
static bool dependsOnLanes(Value value, Block *body, unsigned dim) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.filter = [&](Operation *other) { return other->getBlock() == body; };
  (void)getBackwardSlice(value, &slice, options);
  return llvm::any_of(
      slice, [&](Operation *op) { return llvm::any_of(op->getResults(), [&](Value result) { return isLaneIndex(result, dim); }); });
}

FailureOr<LaneIndices> getLaneIndices(affine::AffineApplyOp apply, unsigned dim, int64_t lanes) {
  AffineMap map = apply.getAffineMap();
  MLIRContext *context = apply.getContext();
  auto getAtLane = [&](int64_t lane) {
    SmallVector<AffineExpr> dims, symbols;
    for (auto [i, operand] : llvm::enumerate(apply.getMapOperands())) {
      bool isDim = i < map.getNumDims();
      AffineExpr expr = isDim ? getAffineDimExpr(i, context) : getAffineSymbolExpr(i - map.getNumDims(), context);
      // Told that vectors begin at multiples, quotients and remainders by a divisor of `lanes` come apart.
      (isDim ? dims : symbols).push_back(isLaneIndex(operand, dim) ? expr * lanes + lane : expr);
    }
    AffineExpr expr = map.getResult(0).replaceDimsAndSymbols(dims, symbols);
    return simplifyAffineExpr(expr, map.getNumDims(), map.getNumSymbols());
  };
  for (Value operand : apply.getMapOperands())
    if (!isLaneIndex(operand, dim) && dependsOnLanes(operand, apply->getBlock(), dim))
      return failure();
  LaneIndices indices{isa<AffineConstantExpr>(getAtLane(0)) ? getAtLane(0) : map.getResult(0), {}};
  for (int64_t lane = 0; lane < lanes; ++lane) {
    auto offset = dyn_cast<AffineConstantExpr>(simplifyAffineExpr(getAtLane(lane) - getAtLane(0), map.getNumDims(), map.getNumSymbols()));
    if (!offset)
      return failure();
    indices.offsets.push_back(offset.getValue());
  }
  return indices;
}

/// Whether `index` takes the lanes through neighbours in memory, of which several may read one, as several codes do their byte.
static bool runsAlongLanes(Value index, unsigned dim, int64_t lanes) {
  if (isLaneIndex(index, dim))
    return true;
  auto apply = index.getDefiningOp<affine::AffineApplyOp>();
  if (!apply || !dependsOnLanes(index, apply->getBlock(), dim))
    return false;
  FailureOr<LaneIndices> indices = getLaneIndices(apply, dim, lanes);
  if (failed(indices))
    return false;
  for (int64_t lane = 1; lane < lanes; ++lane)
    if (int64_t step = indices->offsets[lane] - indices->offsets[lane - 1]; step != 0 && step != 1)
      return false;
  return true;
}

/// Whether an op of the body has a vector form; `dim` is the dimension of lanes.
static bool hasVectorForm(Operation &op, unsigned dim, int64_t lanes) {
  if (isa<linalg::YieldOp, linalg::IndexOp>(op) || OpTrait::hasElementwiseMappableTraits(&op))
    return true;
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return succeeded(getLaneIndices(apply, dim, lanes));
  auto load = dyn_cast<memref::LoadOp>(op);
  if (!load || load.getIndices().empty())
    return false;
  auto isUniform = [&](Value index) { return !dependsOnLanes(index, op.getBlock(), dim); };
  if (llvm::all_of(load.getIndices(), isUniform))
    return true;
  // A row of a table: only the last index runs along the lanes.
  return hasWholeBytes(load.getMemRefType()) && load.getMemRefType().isLastDimUnitStride() &&
         runsAlongLanes(load.getIndices().back(), dim, lanes) && llvm::all_of(load.getIndices().drop_back(), isUniform);
}

/// Why lanes cannot run along `dim`; empty when they can.
static StringRef refuse(linalg::LinalgOp op, unsigned dim, int64_t lanes) {
  bool isReduction = op.getIteratorTypesArray()[dim] == utils::IteratorType::reduction;
  for (OpOperand &operand : op->getOpOperands())
    if (isa<MemRefType>(operand.get().getType()) && !isUnitStrideOrInvariant(op, operand, dim))
      return "an operand is not contiguous along it";
  for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable())) {
    if (isReduction && !isReorderable(getCombiner(op, i)))
      return "its sum has a fixed order";
    if (!isReduction && !op.getMatchingIndexingMap(&init).isFunctionOfDim(dim))
      return "a result does not depend on it";
  }
  for (Operation &bodyOp : *op.getBlock())
    if (!hasVectorForm(bodyOp, dim, lanes))
      return "an op of the body has no vector form";
  return {};
}

static bool isSupported(linalg::LinalgOp op, std::string &reason) {
  auto refuse = [&](StringRef text) { return reason = text.str(), false; };
  if (!op.hasPureBufferSemantics())
    return refuse("it is not on buffers");
  if (op.getNumDpsInits() == 0)
    return refuse("it has no result");
  for (OpOperand &init : op.getDpsInitsMutable())
    if (!llvm::all_of(op.getMatchingIndexingMap(&init).getResults(), llvm::IsaPred<AffineDimExpr, AffineConstantExpr>))
      return refuse("a result's map is not a projection");
  for (Type type : op->getOperandTypes())
    if (!getElementTypeOrSelf(type).isIntOrIndexOrFloat())
      return refuse("an element type is neither integer nor float");
  for (Type type : op->getOperandTypes())
    if (isa<MemRefType>(type) && !hasWholeBytes(type))
      return refuse("an element takes a part of its byte, which vectors in memory would share");
  return true;
}

/// Lanes follow the widest type up to 32 bits: i64 beside f32 takes two registers, i8 beside f32 a quarter of one.
static int64_t getLanes(linalg::LinalgOp op, QuantTargetAttrInterface target) {
  unsigned width = 8;
  for (Type type : op->getOperandTypes()) {
    Type element = getElementTypeOrSelf(type);
    width = std::max(width, element.isIndex() ? 32 : element.getIntOrFloatBitWidth());
  }
  return std::max<int64_t>(2, (target ? target.getVectorBits() : 128) / std::min(width, 32u));
}

/// Chooses the register tile of a sum over other dimensions than the lanes'.
static void planRegisterTile(linalg::LinalgOp op, QuantTargetAttrInterface target, VectorPlan &plan) {
  int64_t size = getLoopSize(op, plan.vectorDim);
  int64_t accumulators = (target ? target.getNumVectorRegisters() : 16) * 3 / 4;
  int64_t vectors = ShapedType::isDynamic(size) ? 1 : std::max<int64_t>(1, size / plan.lanes);
  for (int64_t candidate : {3, 4, 2})
    if (vectors % candidate == 0 && candidate * 2 <= accumulators) {
      plan.numVectors = candidate;
      break;
    }
  // Rows that share a vector of the other operand: a parallel dimension that not every input uses.
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (unsigned dim = op.getNumLoops(); dim-- > 0;) {
    if (dim == plan.vectorDim || iterators[dim] != utils::IteratorType::parallel || getLoopSize(op, dim) == 1)
      continue;
    bool shares = llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
      AffineMap map = op.getMatchingIndexingMap(input);
      return !map.isFunctionOfDim(dim) && map.isFunctionOfDim(plan.vectorDim);
    });
    if (!shares)
      continue;
    plan.rowDim = dim;
    int64_t rows = getLoopSize(op, dim), most = accumulators / plan.numVectors;
    plan.numRows = ShapedType::isDynamic(rows) ? most : std::min(rows, most);
    for (int64_t divisor = plan.numRows; divisor * 3 >= plan.numRows * 2; --divisor)
      if (!ShapedType::isDynamic(rows) && rows % divisor == 0) {
        plan.numRows = divisor;
        break;
      }
    return;
  }
}

/// Lets reductions that take one step each share it with their neighbours, so that their results are vectors, too.
static void planRows(linalg::LinalgOp op, VectorPlan &plan) {
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (getLoopSize(op, plan.vectorDim) != plan.numVectors * plan.lanes || op.getNumReductionLoops() != 1 || result.getNumResults() == 0)
    return;
  auto row = dyn_cast<AffineDimExpr>(result.getResults().back());
  int64_t size = row ? getLoopSize(op, row.getPosition()) : ShapedType::kDynamic;
  if (ShapedType::isDynamic(size))
    return;
  for (OpOperand &init : op.getDpsInitsMutable())
    if (!op.getMatchingIndexingMap(&init).isFunctionOfDim(row.getPosition()) || !isUnitStrideOrInvariant(op, init, row.getPosition()))
      return;
  int64_t rows = int64_t(1) << llvm::countr_zero(static_cast<uint64_t>(size));
  if (rows == 1)
    return;
  plan.rowDim = row.getPosition();
  plan.numRows = std::min(rows, plan.lanes);
}

FailureOr<VectorPlan> planVectors(linalg::LinalgOp op, QuantTargetAttrInterface target, std::string &reason) {
  if (!isSupported(op, reason))
    return failure();
  SmallVector<unsigned> candidates;
  AffineMap result = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (result.getNumResults() != 0)
    if (auto dim = dyn_cast<AffineDimExpr>(result.getResults().back()))
      candidates.push_back(dim.getPosition());
  for (unsigned dim = op.getNumLoops(); dim-- > 0;)
    candidates.push_back(dim);

  VectorPlan plan;
  int64_t most = getLanes(op, target);
  reason = "it has one element";
  for (unsigned dim : candidates) {
    int64_t size = getLoopSize(op, dim);
    if (size == 1)
      continue;
    plan.isReduction = op.getIteratorTypesArray()[dim] == utils::IteratorType::reduction;
    bool isShort = plan.isReduction && !ShapedType::isDynamic(size) && size < most;
    plan.lanes = isShort ? llvm::bit_floor<uint64_t>(size) : most;
    if (StringRef why = refuse(op, dim, plan.lanes); !why.empty()) {
      reason = why.str();
      continue;
    }
    plan.vectorDim = dim;
    if (plan.isReduction)
      plan.numVectors = ShapedType::isDynamic(size) ? 1 : std::clamp<int64_t>(size / plan.lanes, 1, 4);
    if (plan.isReduction)
      planRows(op, plan);
    else if (op.getNumReductionLoops() != 0)
      planRegisterTile(op, target, plan);
    return plan;
  }
  return failure();
}

} // namespace mlir::lowbit
