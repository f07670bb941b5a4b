//===- SplitMatmuls.cpp - products of few tiles, in parts of the reduction -===//
// Law: i32 sums that wrap are the same in any order, and the epilogue sees the whole sum alone.

#include "MatchMatmul.h"
#include "PassGPU.h"
#include "lowbit/Conversion/ProductEpilogue.h"
#include "lowbit/GPU/MatmulSchedule.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Remarks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SPLITMATMULSPASS
#include "lowbit/GPU/Passes.h.inc"

/// Bytes of which a part is a multiple: rows of parts begin where kernels read 16 bytes at once.
static constexpr int64_t partMultiple = 16;
static constexpr int64_t mostParts = 32;

static MemRefType getType(Value buffer) { return cast<MemRefType>(buffer.getType()); }

/// Whether the reduction may be taken in parts at all.
static bool canSplit(MatmulOp op) {
  if (op->hasAttr(planAttr))
    return false;
  auto isKnown = [](Value buffer) {
    auto [strides, offset] = getType(buffer).getStridesAndOffset();
    return getType(buffer).hasStaticShape() && !ShapedType::isDynamic(offset) && llvm::none_of(strides, ShapedType::isDynamic);
  };
  return isa<MemRefType>(op.getInit().getType()) && isa<func::FuncOp>(op->getParentOp()) && op.getSumType().isInteger() &&
         getType(op.getInit()).getRank() == 2 && !op.getLhsWindows() && llvm::all_of(op->getOperands(), isKnown);
}

namespace {
/// Parts of the same length, and what is left behind them, which is a product of its own. In elements of a side: bytes.
struct Cut {
  int64_t parts = 1, length = 0, rest = 0;

  static Cut make(MatmulOp op, int64_t parts) {
    int64_t depth = getType(op.getLhs()).getDimSize(1), length = depth / (parts * partMultiple) * partMultiple;
    return {parts, length, depth - parts * length};
  }
  /// Whether there is such a cut, with rows that begin where kernels read.
  bool isPossible() const { return length != 0 && rest % partMultiple == 0; }
  int64_t getProducts() const { return parts + (rest != 0); }
};
} // namespace

namespace {
/// What the plans of a product say.
class Estimator {
public:
  Estimator(MatmulOp op, const MatmulKernel &whole, const GPUArchitecture &architecture)
      : op(op), whole(whole), architecture(architecture) {
    OpBuilder builder(op.getContext());
    Block *block = builder.createBlock(&sum, {}, builder.getI32Type(), op.getLoc());
    YieldOp::create(builder, op.getLoc(), block->getArgument(0));
  }

  /// Microseconds of the product as it is; nothing where there is no plan.
  std::optional<double> estimateWhole() { return estimate(whole); }

  /// Microseconds in parts, with what adds them up.
  std::optional<double> estimateParts(const Cut &cut) {
    MatmulKernel part = whole;
    part.hasBatches = true;
    part.batches = cut.parts;
    part.operands.clear();
    part.results = {IntegerType::get(op.getContext(), 32)};
    part.epilogue = &sum;
    std::optional<double> time = estimate(part, cut.length);
    // What a second kernel takes to begin and to end, and for sums that were written a moment ago, which the L2 has.
    constexpr double start = 2.5, cacheBytes = 4e6; // a microsecond
    double addition = start + 2.0 * cut.getProducts() * whole.rows * whole.columns * 4 / cacheBytes;
    if (!time || cut.rest == 0)
      return time ? std::optional(*time + addition) : std::nullopt;
    part.hasBatches = false;
    part.batches = whole.batches;
    std::optional<double> rest = estimate(part, cut.rest);
    return rest ? std::optional(*time + start + *rest + addition) : std::nullopt;
  }

private:
  std::optional<double> estimate(MatmulKernel kernel, std::optional<int64_t> depth = {}) {
    if (depth) {
      kernel.depth = whole.depth * *depth / getType(op.getLhs()).getDimSize(1);
      kernel.depthAlignment = std::min(whole.depthAlignment, getAlignment(kernel.depth, 16));
    }
    std::string obstacles;
    std::unique_ptr<MatmulPlan> plan = planMatmul(kernel, architecture, obstacles);
    return plan ? std::optional(plan->estimate()) : std::nullopt;
  }

  MatmulOp op;
  const MatmulKernel &whole;
  const GPUArchitecture &architecture;
  Region sum; ///< Yields the sum.
};

/// Splits one product.
class Splitter {
public:
  Splitter(MatmulOp op, const Cut &cut) : op(op), cut(cut), builder(op), loc(op.getLoc()) {}

  void split() {
    ArrayRef<int64_t> shape = getType(op.getInit()).getShape();
    SmallVector<Value> sums, parts;
    auto multiply = [&](function_ref<Value(Value)> take, ArrayRef<int64_t> sizes) {
      sums.push_back(memref::AllocOp::create(builder, loc, MemRefType::get(sizes, builder.getI32Type())));
      Value lhs = take(op.getLhs()), rhs = take(op.getRhs());
      buildProduct(lhs, rhs, sums.back());
    };
    multiply([&](Value side) { return takeParts(side); }, {cut.parts, shape[0], shape[1]});
    for (int64_t part = 0; part < cut.parts; ++part)
      parts.push_back(getPart(sums[0], part));
    if (cut.rest != 0) {
      multiply([&](Value side) { return takeRest(side); }, shape);
      parts.push_back(sums[1]);
    }
    buildAddition(parts);
    for (Value buffer : sums)
      memref::DeallocOp::create(builder, loc, buffer);
    op.erase();
  }

private:
  void buildProduct(Value lhs, Value rhs, Value sums) {
    auto product = MatmulOp::create(builder, loc, Type(), lhs, rhs, Value(), Value(), sums, ValueRange(), op.getLhsUnsigned(),
                                    op.getRhsUnsigned(), op.getBits(), /*lhs_transposed=*/false, /*rhs_transposed=*/false, WindowsAttr());
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&product.getEpilogue(), {}, builder.getI32Type(), loc);
    YieldOp::create(builder, loc, block->getArgument(0));
  }

  Value view(Value buffer, int64_t offset, ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides) {
    auto layout = StridedLayoutAttr::get(op.getContext(), offset, strides);
    auto type = MemRefType::get(sizes, getType(buffer).getElementType(), layout);
    return memref::ReinterpretCastOp::create(builder, loc, type, buffer, offset, sizes, strides);
  }

  /// The parts of a side along the reduction, as batches.
  Value takeParts(Value side) {
    auto [strides, offset] = getType(side).getStridesAndOffset();
    return view(side, offset, {cut.parts, getType(side).getDimSize(0), cut.length}, {cut.length, strides[0], 1});
  }

  Value takeRest(Value side) {
    auto [strides, offset] = getType(side).getStridesAndOffset();
    return view(side, offset + cut.parts * cut.length, {getType(side).getDimSize(0), cut.rest}, {strides[0], 1});
  }

  Value getPart(Value sums, int64_t part) {
    ArrayRef<int64_t> shape = getType(op.getInit()).getShape();
    return view(sums, part * shape[0] * shape[1], shape, {shape[1], 1});
  }

  /// The op that adds the sums of all parts up and computes the epilogue: one thread an element.
  void buildAddition(ArrayRef<Value> parts) {
    AffineMap all = builder.getMultiDimIdentityMap(2);
    SmallVector<Value> inputs(parts);
    SmallVector<AffineMap> maps(parts.size(), all);
    for (Value operand : op.getEpilogueOperands()) {
      inputs.push_back(operand);
      maps.push_back(getEpilogueMap(op.getContext(), getType(operand).getShape()));
    }
    maps.push_back(all);
    SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
    linalg::GenericOp::create(builder, loc, TypeRange(), inputs, op.getInit(), maps, iterators,
                              [&](OpBuilder &b, Location at, ValueRange elements) {
                                Value sum = elements[0];
                                for (Value part : elements.slice(1, parts.size() - 1))
                                  sum = arith::AddIOp::create(b, at, sum, part);
                                ValueRange others = elements.drop_front(parts.size()).drop_back();
                                linalg::YieldOp::create(b, at, applyEpilogue(b, op.getEpilogue(), sum, others));
                              });
  }

  MatmulOp op;
  Cut cut;
  OpBuilder builder;
  Location loc;
};

struct SplitMatmulsPass final : impl::SplitMatmulsPassBase<SplitMatmulsPass> {
  using SplitMatmulsPassBase::SplitMatmulsPassBase;

  void runOnOperation() override {
    const GPUArchitecture *architecture = getPassGPU(getOperation(), target);
    if (!architecture)
      return signalPassFailure();
    SmallVector<MatmulOp> ops;
    getOperation().walk([&](MatmulOp op) { ops.push_back(op); });
    for (MatmulOp op : ops) {
      if (!canSplit(op))
        continue;
      FailureOr<MatmulKernel> kernel = matchMatmul(op);
      if (failed(kernel))
        return signalPassFailure();
      Cut best = Cut::make(op, std::max<int64_t>(parts, 1));
      if (best.parts == 1 || !best.isPossible())
        best = chooseParts(op, *kernel, *architecture);
      if (best.parts == 1)
        continue;
      report(op, best);
      Splitter(op, best).split();
    }
  }

private:
  static Cut chooseParts(MatmulOp op, const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    Estimator estimator(op, kernel, architecture);
    std::optional<double> least = estimator.estimateWhole();
    Cut best;
    for (int64_t parts = 2; least && parts <= mostParts; ++parts) {
      Cut cut = Cut::make(op, parts);
      // With something left behind them, powers of two say enough.
      if (!cut.isPossible() || (cut.rest != 0 && !llvm::isPowerOf2_64(parts)))
        continue;
      if (std::optional<double> time = estimator.estimateParts(cut); time && *time < *least)
        std::tie(best, least) = std::pair(cut, time);
    }
    return best;
  }

  static void report(MatmulOp op, const Cut &cut) {
    remark::passed(op.getLoc(), getRemarkOptions("split", op)) << remark::metric("parts", cut.parts) << remark::metric("rest", cut.rest);
  }
};
} // namespace
} // namespace mlir::lowbit
