//===- RowSteps.cpp - ops that a kernel computes row by row ---------------===//
// Law: a step reads of other steps only what the same lane has computed; all else is in memory.

#include "RowSteps.h"
#include "RowProduct.h"
#include "WarpReduce.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

/// Elements of one tile that a lane can have in registers, with others beside it.
static constexpr int64_t mostLaneElements = 128;

/// The float that is widened to f32, or the value itself.
static Value skipExtension(Value value) {
  auto extension = value.getDefiningOp<arith::ExtFOp>();
  return extension ? extension.getIn() : value;
}

/// The block arguments that the region multiplies, if it is `out + left * right` in f32 of f16 or bf16, in an order that may be changed.
static std::optional<std::pair<BlockArgument, BlockArgument>> matchProduct(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return std::nullopt;
  auto sum = op.getBlock()->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!sum || !isOrderFree(sum) || !sum.getType().isF32())
    return std::nullopt;
  BlockArgument out = op.getRegionOutputArgs()[0];
  Value other = sum.getLhs() == out ? sum.getRhs() : sum.getRhs() == out ? sum.getLhs() : Value();
  auto product = other ? other.getDefiningOp<arith::MulFOp>() : arith::MulFOp();
  if (!product || !product->hasOneUse())
    return std::nullopt;
  auto left = dyn_cast<BlockArgument>(skipExtension(product.getLhs())), right = dyn_cast<BlockArgument>(skipExtension(product.getRhs()));
  bool isHalf = left && right && left != right && left != out && right != out && left.getType() == right.getType() &&
                (left.getType().isBF16() || left.getType().isF16());
  return isHalf ? std::optional(std::pair(left, right)) : std::nullopt;
}

/// Whether a lane can compute what the region does.
static bool isScalarCode(linalg::LinalgOp op) {
  return llvm::all_of(op.getBlock()->without_terminator(), [](Operation &nested) {
    if (isa<linalg::IndexOp, tensor::ExtractOp, memref::LoadOp, affine::AffineApplyOp>(nested))
      return true;
    return nested.getNumRegions() == 0 && isa<arith::ArithDialect, math::MathDialect>(nested.getDialect());
  });
}

static LogicalResult findProduct(RowStep &step, unsigned depth, std::string &obstacle) {
  linalg::LinalgOp op = step.op;
  std::optional<std::pair<BlockArgument, BlockArgument>> factors = matchProduct(op);
  if (!factors) {
    obstacle = "it sums up along rows and columns other things than products of f16 or bf16 in f32";
    return failure();
  }
  for (BlockArgument factor : {factors->first, factors->second}) {
    OpOperand &operand = op->getOpOperand(factor.getArgNumber());
    bool isPlain = op.getMatchingIndexingMap(&operand).isProjectedPermutation(/*allowZeroInResults=*/true);
    if (!isPlain || !step.varies(operand, depth) || step.varies(operand, step.row) == step.varies(operand, step.column))
      continue;
    (step.varies(operand, step.row) ? step.lhs : step.rhs) = &operand;
  }
  if (!step.lhs || !step.rhs) {
    obstacle = "its sides are no rows by columns";
    return failure();
  }
  if (step.sizes[depth] % 16 != 0 || step.getColumns() % 8 != 0) {
    obstacle = "tensor cores multiply 16 of the reduction by 8 columns";
    return failure();
  }
  step.kind = RowStepKind::Product;
  return success();
}

/// Finds what joins elements to each result, if that may happen in any order.
static bool findCombiners(RowStep &step) {
  for (unsigned i = 0; i < static_cast<unsigned>(step.op.getNumDpsInits()); ++i) {
    Operation *combiner = findCombiner(step.op, i);
    if (!combiner || !getNeutral(combiner)) {
      step.combiners.clear();
      return false;
    }
    step.combiners.push_back(combiner);
  }
  return true;
}

bool RowStep::isShareable() const {
  constexpr int64_t shortest = 32;
  return kind == RowStepKind::Map && !serial.empty() && !combiners.empty() && sizes[serial[0]] >= shortest;
}

DenseSet<Value> RowStep::findVarying() const {
  DenseSet<Value> varying;
  for (OpOperand &operand : op->getOpOperands())
    if (varies(operand, column) || !serial.empty() || op.isDpsInit(&operand))
      varying.insert(op.getMatchingBlockArgument(&operand));
  for (Operation &nested : op.getBlock()->without_terminator()) {
    auto index = dyn_cast<linalg::IndexOp>(nested);
    if ((index && column && index.getDim() == *column) ||
        llvm::any_of(nested.getOperands(), [&](Value operand) { return varying.contains(operand); }))
      varying.insert(nested.result_begin(), nested.result_end());
  }
  return varying;
}

int64_t RowStep::getPartBytes() const {
  return llvm::any_of(op.getDpsInits(), [](Value init) { return getElementTypeOrSelf(init.getType()).getIntOrFloatBitWidth() > 32; }) ? 8
                                                                                                                                      : 4;
}

FailureOr<RowStep> findRowStep(linalg::LinalgOp op, ArrayRef<unsigned> rowLoops, std::string &obstacle) {
  RowStep step;
  step.op = op;
  step.row = rowLoops.back();
  step.sizes = op.getStaticLoopRanges();
  auto refuse = [&](const char *reason) {
    obstacle = reason;
    return failure();
  };
  if (!isScalarCode(op))
    return refuse("its region is no code of one lane");
  if (failed(checkReads(op, obstacle)))
    return failure();
  SmallVector<unsigned> reductions;
  for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (llvm::is_contained(rowLoops, loop) || step.sizes[loop] == 1)
      continue;
    if (iterator != utils::IteratorType::parallel)
      reductions.push_back(loop);
    else if (step.column)
      return refuse("its rows have two axes");
    else
      step.column = loop;
  }
  for (OpOperand &init : op.getDpsInitsMutable())
    if (!step.varies(init, step.row))
      return refuse("its result is the same for all rows");
  if (reductions.empty())
    return step;
  if (step.column && reductions.size() == 1 && op.getNumDpsInputs() == 2 && linalg::isaContractionOpInterface(op)) {
    step.serial = reductions;
    if (failed(findProduct(step, reductions[0], obstacle)))
      return failure();
    return step;
  }
  if (step.column) {
    step.serial = reductions;
    (void)findCombiners(step);
    return step;
  }
  if (reductions.size() != 1)
    return refuse("it combines more than one axis");
  step.kind = RowStepKind::Reduce;
  step.column = reductions[0];
  if (!findCombiners(step))
    return refuse("the order in which it combines elements makes a difference");
  return step;
}

SumOrder findSumOrder(const RowStep &step, const RowLayout &layout) {
  SumOrder order;
  if (step.kind == RowStepKind::Reduce) {
    order.lanes = layout.getLanes();
    order.neighbours = layout.vector;
  } else if (step.kind == RowStepKind::Product) {
    order.matrix = 16;
  } else if (layout.shares > 1 && step.isShareable()) {
    order.parts = layout.shares;
  }
  return order;
}

//===----------------------------------------------------------------------===//
// Steps together
//===----------------------------------------------------------------------===//

/// Which axes of what a step writes are its rows and columns.
namespace {
struct Axes {
  std::optional<unsigned> row, column;
};
} // namespace

static Axes getAxes(const RowStep &step, OpOperand &init) {
  AffineMap map = step.op.getMatchingIndexingMap(&init);
  auto find = [&](unsigned loop) { return map.getResultPosition(getAffineDimExpr(loop, map.getContext())); };
  bool hasColumns = step.column && step.kind != RowStepKind::Reduce;
  return {find(step.row), hasColumns ? find(*step.column) : std::nullopt};
}

/// Whether the lane that reads has what it reads: its own rows, and its own columns or none.
static bool readsOwn(const RowStep &step, OpOperand &operand, const Axes &axes) {
  AffineMap map = step.op.getMatchingIndexingMap(&operand);
  MLIRContext *context = map.getContext();
  bool isLhs = step.kind == RowStepKind::Product && &operand == step.lhs;
  std::optional<unsigned> column = isLhs ? step.serial[0] : step.column;
  if (!axes.row || map.getResult(*axes.row) != getAffineDimExpr(step.row, context) || (step.rhs == &operand))
    return false;
  if (axes.column && (!column || map.getResult(*axes.column) != getAffineDimExpr(*column, context)))
    return false;
  for (auto [axis, expr] : llvm::enumerate(map.getResults()))
    for (unsigned loop = 0; loop < map.getNumDims(); ++loop)
      if (expr.isFunctionOfDim(loop) && axis != axes.row && axis != axes.column && (loop == step.row || loop == column))
        return false;
  return llvm::none_of(step.serial, [&](unsigned loop) { return map.isFunctionOfDim(loop) && loop != column; });
}

FailureOr<RowLayout> findRowLayout(ArrayRef<RowStep> steps, const GPUArchitecture &architecture, std::string &obstacle) {
  auto refuse = [&](const Twine &reason) {
    obstacle = reason.str();
    return failure();
  };
  bool hasProduct = llvm::any_of(steps, [](const RowStep &step) { return step.kind == RowStepKind::Product; });
  if (hasProduct && !architecture.hasAsyncCopy)
    return refuse(architecture.chip + " has no m16n8k16 of f16 and no cp.async");
  if (!architecture.hasShuffle && llvm::any_of(steps, [](const RowStep &step) { return step.kind == RowStepKind::Reduce; }))
    return refuse(architecture.chip + " has no lanes that read each other's registers, as those that share a row must");
  RowLayout layout{hasProduct, hasProduct ? 2 : 4};
  for (const RowStep &step : steps)
    if (step.column && !hasProduct)
      while (layout.vector > 1 && (step.getColumns() % layout.vector != 0 || step.getColumns() < 32 * layout.vector))
        layout.vector /= 2;
  if (failed(checkReads(steps, obstacle)))
    return failure();
  int64_t partBytes = 0, sharedBytes = 0;
  for (const RowStep &step : steps)
    if (step.kind == RowStepKind::Product) {
      SharedSide side = layOutSide(step, sharedBytes);
      sharedBytes += side.rows * side.pitch;
    } else if (step.isShareable()) {
      partBytes += step.op.getNumDpsInits() * layout.getLaneColumns(step.getColumns()) * 32 * step.getPartBytes();
    }
  if (sharedBytes > architecture.maxSharedBytes)
    return refuse("right sides of products take " + Twine(sharedBytes) + " bytes of shared memory, and a block has " +
                  Twine(architecture.maxSharedBytes));
  constexpr int64_t mostPartBytes = 32 << 10;
  if (!hasProduct && partBytes != 0)
    for (layout.shares = 8; layout.shares > 1 && layout.shares * partBytes > mostPartBytes;)
      layout.shares /= 2;
  DenseMap<Value, Axes> written;
  for (const RowStep &step : steps) {
    if (hasProduct && step.column && step.getColumns() % 8 != 0)
      return refuse("rows beside a product have no multiple of 8 columns");
    if (step.column && layout.getLaneRows() * layout.getLaneColumns(step.getColumns()) > mostLaneElements)
      return refuse("rows of " + Twine(step.getColumns()) + " elements take too many registers");
    for (OpOperand &operand : step.op->getOpOperands())
      if (auto known = written.find(operand.get()); known != written.end() && !readsOwn(step, operand, known->second))
        return refuse("it reads what other lanes have computed");
    for (OpOperand &init : step.op.getDpsInitsMutable()) {
      written[init.get()] = getAxes(step, init);
      if (step.op->getNumResults() != 0)
        written[step.op.getTiedOpResult(&init)] = getAxes(step, init);
    }
  }
  return layout;
}

} // namespace mlir::lowbit
