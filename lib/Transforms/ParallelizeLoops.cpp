//===- ParallelizeLoops.cpp - independent loops run on several threads ----===//
// Law: a loop is parallel only if each of its iterations provably writes its own part of every buffer it writes, and reads no other part.

#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_PARALLELIZELOOPSPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {
/// `scale * iv + k` with `low <= k <= high`.
struct Linear {
  int64_t scale = 0, low = 0, high = 0;
  Linear operator+(const Linear &other) const { return {scale + other.scale, low + other.low, high + other.high}; }
  Linear operator*(int64_t factor) const {
    return factor < 0 ? Linear{scale * factor, high * factor, low * factor} : Linear{scale * factor, low * factor, high * factor};
  }
};

/// One read or write: the buffer as the op names it, its indices, and how many elements along the last of them.
struct Access {
  Value buffer;
  SmallVector<Value> indices;
  int64_t width = 1;
  bool isWrite = false;
};
} // namespace

static std::optional<Linear> getLinear(Value index, Value iv);

/// `expr` over `operands` as a linear form of `iv`.
static std::optional<Linear> getLinear(AffineExpr expr, ValueRange operands, Value iv, unsigned numDims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Linear{0, constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return getLinear(operands[dim.getPosition()], iv);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return getLinear(operands[numDims + symbol.getPosition()], iv);
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<Linear> lhs = getLinear(binary.getLHS(), operands, iv, numDims);
  if (!lhs)
    return std::nullopt;
  if (auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS()); factor && expr.getKind() == AffineExprKind::Mul)
    return *lhs * factor.getValue();
  std::optional<Linear> rhs = getLinear(binary.getRHS(), operands, iv, numDims);
  if (!rhs || expr.getKind() != AffineExprKind::Add)
    return std::nullopt;
  return *lhs + *rhs;
}

/// `index` as a linear form of `iv`; none when it is not one, or an inner loop has unknown bounds.
static std::optional<Linear> getLinear(Value index, Value iv) {
  if (index == iv)
    return Linear{1, 0, 0};
  if (std::optional<int64_t> constant = getConstantIntValue(index))
    return Linear{0, *constant, *constant};
  if (auto argument = dyn_cast<BlockArgument>(index)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    if (!loop || loop.getInductionVar() != index)
      return std::nullopt;
    std::optional<int64_t> low = getConstantIntValue(loop.getLowerBound()), high = getConstantIntValue(loop.getUpperBound());
    return low && high ? std::optional(Linear{0, *low, *high - 1}) : std::nullopt;
  }
  Operation *op = index.getDefiningOp();
  if (auto add = dyn_cast<arith::AddIOp>(op)) {
    std::optional<Linear> lhs = getLinear(add.getLhs(), iv), rhs = getLinear(add.getRhs(), iv);
    return lhs && rhs ? std::optional(*lhs + *rhs) : std::nullopt;
  }
  if (auto multiply = dyn_cast<arith::MulIOp>(op)) {
    std::optional<Linear> lhs = getLinear(multiply.getLhs(), iv);
    std::optional<int64_t> factor = getConstantIntValue(multiply.getRhs());
    return lhs && factor ? std::optional(*lhs * *factor) : std::nullopt;
  }
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return getLinear(apply.getAffineMap().getResult(0), apply.getMapOperands(), iv, apply.getAffineMap().getNumDims());
  if (auto linearize = dyn_cast<affine::AffineLinearizeIndexOp>(op)) {
    if (!linearize.getDynamicBasis().empty())
      return std::nullopt;
    Linear sum;
    int64_t stride = 1;
    ArrayRef<int64_t> basis = linearize.getStaticBasis();
    for (auto [i, digit] : llvm::enumerate(llvm::reverse(linearize.getMultiIndex()))) {
      std::optional<Linear> linear = getLinear(digit, iv);
      if (!linear)
        return std::nullopt;
      sum = sum + *linear * stride;
      if (i < basis.size())
        stride *= basis[basis.size() - 1 - i];
    }
    return sum;
  }
  return std::nullopt;
}

/// The buffer that `value` is a view of.
static Value getRoot(Value value) {
  while (auto view = value.getDefiningOp<ViewLikeOpInterface>())
    value = view.getViewSource();
  return value;
}

static int64_t getWidth(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getNumElements() : 1;
}

/// The reads and writes of `loop`; failure when an op does something else to memory.
static LogicalResult collectAccesses(scf::ForOp loop, SmallVectorImpl<Access> &accesses) {
  WalkResult result = loop.getBody()->walk([&](Operation *op) {
    if (auto load = dyn_cast<memref::LoadOp>(op))
      accesses.push_back({load.getMemRef(), load.getIndices()});
    else if (auto store = dyn_cast<memref::StoreOp>(op))
      accesses.push_back({store.getMemRef(), store.getIndices(), 1, true});
    else if (auto load = dyn_cast<vector::LoadOp>(op))
      accesses.push_back({load.getBase(), load.getIndices(), getWidth(load.getType())});
    else if (auto store = dyn_cast<vector::StoreOp>(op))
      accesses.push_back({store.getBase(), store.getIndices(), getWidth(store.getVectorType()), true});
    else if (isa<scf::ForOp, scf::IfOp, scf::YieldOp, memref::AllocOp, memref::DeallocOp, memref::PrefetchOp>(op) || isMemoryEffectFree(op))
      return WalkResult::advance();
    else if (isa<LLVM::CallIntrinsicOp>(op) && llvm::all_of(op->getOperandTypes(), llvm::IsaPred<VectorType>))
      return WalkResult::advance(); // arithmetic: the op has no way to say so
    else
      return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Whether one dimension of `accesses`, all of one buffer, belongs to one iteration alone.
static bool isPartitioned(ArrayRef<Access> accesses, Value iv, int64_t step) {
  for (unsigned dim = 0; dim < accesses.front().indices.size(); ++dim) {
    std::optional<Linear> all;
    bool isLast = dim + 1 == accesses.front().indices.size();
    for (const Access &access : accesses) {
      std::optional<Linear> one = getLinear(access.indices[dim], iv);
      if (!one || one->scale <= 0 || (all && all->scale != one->scale)) {
        all = std::nullopt;
        break;
      }
      one->high += isLast ? access.width - 1 : 0;
      all = all ? Linear{one->scale, std::min(all->low, one->low), std::max(all->high, one->high)} : *one;
    }
    if (all && all->high - all->low < all->scale * step)
      return true;
  }
  return false;
}

/// Whether two buffers with this and another such root never overlap.
static bool isKnownRoot(Value root) {
  if (auto argument = dyn_cast<BlockArgument>(root))
    return isa<FunctionOpInterface>(argument.getOwner()->getParentOp());
  return root.getDefiningOp<memref::AllocOp>() || root.getDefiningOp<memref::AllocaOp>() || root.getDefiningOp<memref::GetGlobalOp>();
}

static bool isIndependent(scf::ForOp loop) {
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  SmallVector<Access> accesses;
  if (!loop.getInitArgs().empty() || !step || failed(collectAccesses(loop, accesses)))
    return false;
  auto isInside = [&](Value value) { return loop->isAncestor(value.getParentRegion()->getParentOp()); };
  llvm::MapVector<Value, SmallVector<Access>> byRoot;
  for (Access &access : accesses) {
    Value root = getRoot(access.buffer);
    if (!isKnownRoot(root))
      return false;
    if (!isInside(root)) // else a buffer of the iteration's own
      byRoot[root].push_back(access);
  }
  return llvm::all_of(byRoot, [&](auto &entry) {
    SmallVector<Access> &same = entry.second;
    if (llvm::none_of(same, [](const Access &access) { return access.isWrite; }))
      return true;
    // Two views of one buffer may overlap in ways that their indices do not tell.
    Value view = same.front().buffer;
    bool isOneView = !isInside(view) && llvm::all_of(same, [&](const Access &access) { return access.buffer == view; });
    return isOneView && isPartitioned(same, loop.getInductionVar(), *step);
  });
}

/// Ops that run, as far as bounds are known.
static int64_t getWork(Block &block) {
  int64_t work = 0;
  for (Operation &op : block) {
    ++work;
    auto loop = dyn_cast<scf::ForOp>(op);
    if (!loop)
      continue;
    std::optional<APInt> trips = loop.getStaticTripCount();
    work += (trips ? trips->getSExtValue() : 16) * getWork(*loop.getBody());
  }
  return work;
}

/// One iteration for each of `threads`, which goes through a part of the loop that differs from the others' by one step at most.
static scf::ParallelOp makeParallel(scf::ForOp loop, int64_t threads) {
  OpBuilder builder(loop);
  Location loc = loop.getLoc();
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(builder, loc, value); };
  if (std::optional<APInt> trips = loop.getStaticTripCount())
    threads = std::min(threads, trips->getSExtValue());
  auto parallel = scf::ParallelOp::create(builder, loc, constant(0), constant(threads), constant(1));
  builder.setInsertionPointToStart(parallel.getBody());
  AffineExpr lower = builder.getAffineSymbolExpr(0), upper = builder.getAffineSymbolExpr(1), step = builder.getAffineSymbolExpr(2);
  AffineExpr trips = (upper - lower).ceilDiv(step);
  OpFoldResult operands[] = {getAsOpFoldResult(loop.getLowerBound()), getAsOpFoldResult(loop.getUpperBound()),
                             getAsOpFoldResult(loop.getStep()), getAsOpFoldResult(parallel.getInductionVars().front())};
  AffineExpr thread = builder.getAffineSymbolExpr(3);
  // A thread that starts at part t of `threads` ends where the next one starts; the last part ends with the loop.
  auto getBound = [&](AffineExpr part) {
    AffineMap map = AffineMap::get(0, 4, lower + (trips * part).floorDiv(threads) * step);
    return getValueOrCreateConstantIndexOp(builder, loc, affine::makeComposedFoldedAffineApply(builder, loc, map, operands));
  };
  Value begin = getBound(thread), end = getBound(thread + 1);
  loop->moveBefore(parallel.getBody()->getTerminator());
  loop.setLowerBound(begin);
  loop.setUpperBound(end);
  return parallel;
}

/// Buffers that `loop` reads (false) or writes (true); failure when that is not all known.
static FailureOr<DenseMap<Value, bool>> collectRoots(scf::ParallelOp loop) {
  DenseMap<Value, bool> roots;
  for (auto inner : loop.getBody()->getOps<scf::ForOp>()) {
    SmallVector<Access> accesses;
    if (failed(collectAccesses(inner, accesses)))
      return failure();
    for (const Access &access : accesses) {
      Value root = getRoot(access.buffer);
      if (!isKnownRoot(root))
        return failure();
      roots[root] |= access.isWrite;
    }
  }
  return roots;
}

/// Whether no thread of one loop waits for another thread of the other: nothing that one writes is read or written by both.
static bool areUnrelated(scf::ParallelOp first, scf::ParallelOp second) {
  FailureOr<DenseMap<Value, bool>> left = collectRoots(first), right = collectRoots(second);
  if (failed(left) || failed(right))
    return false;
  return llvm::none_of(*left, [&](auto entry) {
    auto found = right->find(entry.first);
    return found != right->end() && (entry.second || found->second);
  });
}

/// Moves the iterations of `second` behind those of `first`, if only ops that may run before both stand between them.
static bool merge(scf::ParallelOp first, scf::ParallelOp second) {
  std::optional<int64_t> threads = getConstantIntValue(first.getUpperBound()[0]);
  if (!threads || threads != getConstantIntValue(second.getUpperBound()[0]) || !areUnrelated(first, second))
    return false;
  for (Operation *between = first->getNextNode(); between != second;) {
    Operation *next = between->getNextNode();
    between->moveBefore(first);
    between = next;
  }
  second.getInductionVars()[0].replaceAllUsesWith(first.getInductionVars()[0]);
  Operation *end = second.getBody()->getTerminator();
  first.getBody()->getOperations().splice(first.getBody()->getTerminator()->getIterator(), second.getBody()->getOperations(),
                                          second.getBody()->begin(), end->getIterator());
  second.erase();
  return true;
}

/// Threads meet at the end of every region, so that fewer regions wait less.
static void mergeRegions(ArrayRef<scf::ParallelOp> regions) {
  scf::ParallelOp last;
  for (scf::ParallelOp region : regions) {
    if (last && last->getBlock() == region->getBlock()) {
      bool isAdjacent = true;
      for (Operation *op = last->getNextNode(); op != region; op = op->getNextNode())
        isAdjacent &= isMemoryEffectFree(op) || isa<memref::AllocOp>(op);
      if (isAdjacent && merge(last, region))
        continue;
    }
    last = region;
  }
}

namespace {
struct ParallelizeLoopsPass final : impl::ParallelizeLoopsPassBase<ParallelizeLoopsPass> {
  using ParallelizeLoopsPassBase::ParallelizeLoopsPassBase;

  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation()->walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
      std::optional<APInt> trips = loop.getStaticTripCount();
      bool isWorthIt = !trips || (trips->getSExtValue() > 1 && trips->getSExtValue() * getWork(*loop.getBody()) >= minimumWork);
      if (!isWorthIt || !isIndependent(loop))
        return WalkResult::advance(); // a loop inside may be
      loops.push_back(loop);
      return WalkResult::skip();
    });
    SmallVector<scf::ParallelOp> regions;
    for (scf::ForOp loop : loops)
      regions.push_back(makeParallel(loop, std::max(threads.getValue(), 1u)));
    mergeRegions(regions);
  }
};
} // namespace
} // namespace mlir::lowbit
