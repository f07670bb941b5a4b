//===- SplitMatmuls.cpp - products of few tiles, in parts of the reduction -===//
// Law: i32 sums that wrap are the same in any order, and the epilogue sees the whole sum alone.

#include "MatchMatmul.h"
#include "PassGPU.h"
#include "lowbit/Conversion/ProductEpilogue.h"
#include "lowbit/GPU/MatmulSchedule.h"
#include "lowbit/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Remarks.h"
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
  auto isKnown = [](Value buffer) {
    auto [strides, offset] = getType(buffer).getStridesAndOffset();
    return getType(buffer).hasStaticShape() && !ShapedType::isDynamic(offset) && llvm::none_of(strides, ShapedType::isDynamic);
  };
  return isa<MemRefType>(op.getInit().getType()) && isa<func::FuncOp>(op->getParentOp()) && op.getSumType().isInteger() &&
         getType(op.getInit()).getRank() == 2 && !op.getLhsWindows() && llvm::all_of(op->getOperands(), isKnown);
}

static bool canSplit(MatmulOp op, int64_t parts) { return getType(op.getLhs()).getDimSize(1) % (parts * partMultiple) == 0; }

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

  /// Microseconds in so many parts, 1 being the product as it is; nothing where there is no plan.
  std::optional<double> estimate(int64_t parts) {
    MatmulKernel kernel = whole;
    if (parts > 1) {
      kernel.hasBatches = true;
      kernel.batches = parts;
      kernel.depth = whole.depth / parts;
      kernel.depthAlignment = std::min(whole.depthAlignment, getAlignment(kernel.depth, 16));
      kernel.operands.clear();
      kernel.results = {IntegerType::get(op.getContext(), 32)};
      kernel.epilogue = &sum;
    }
    std::string obstacles;
    std::unique_ptr<MatmulPlan> plan = planMatmul(kernel, architecture, obstacles);
    if (!plan)
      return std::nullopt;
    return plan->estimate() + (parts > 1 ? estimateAddition(parts) : 0);
  }

private:
  /// What a second kernel takes to begin and to end, and for sums that were written a moment ago, which the L2 has.
  double estimateAddition(int64_t parts) const {
    constexpr double start = 2.5, cacheBytes = 4e6; // a microsecond
    return start + 2.0 * parts * whole.rows * whole.columns * 4 / cacheBytes;
  }

  MatmulOp op;
  const MatmulKernel &whole;
  const GPUArchitecture &architecture;
  Region sum; ///< Yields the sum.
};

/// Splits one product.
class Splitter {
public:
  Splitter(MatmulOp op, int64_t parts) : op(op), parts(parts), builder(op), loc(op.getLoc()) {}

  void split() {
    Type i32 = builder.getI32Type();
    ArrayRef<int64_t> shape = getType(op.getInit()).getShape();
    Value sums = memref::AllocOp::create(builder, loc, MemRefType::get({parts, shape[0], shape[1]}, i32));
    auto product = MatmulOp::create(builder, loc, Type(), cut(op.getLhs()), cut(op.getRhs()), Value(), Value(), sums, ValueRange(),
                                    op.getLhsUnsigned(), op.getRhsUnsigned(), op.getBits(), /*lhs_transposed=*/false,
                                    /*rhs_transposed=*/false, WindowsAttr());
    {
      OpBuilder::InsertionGuard guard(builder);
      Block *block = builder.createBlock(&product.getEpilogue(), {}, i32, loc);
      YieldOp::create(builder, loc, block->getArgument(0));
    }
    buildAddition(sums);
    memref::DeallocOp::create(builder, loc, sums);
    op.erase();
  }

private:
  /// The parts of a side along the reduction, as batches.
  Value cut(Value side) {
    MemRefType type = getType(side);
    auto [strides, offset] = type.getStridesAndOffset();
    int64_t depth = type.getDimSize(1) / parts, sizes[] = {parts, type.getDimSize(0), depth}, places[] = {depth, strides[0], 1};
    auto layout = StridedLayoutAttr::get(op.getContext(), offset, places);
    return memref::ReinterpretCastOp::create(builder, loc, MemRefType::get(sizes, type.getElementType(), layout), side, offset, sizes,
                                             places);
  }

  Value getPart(Value sums, int64_t part) {
    ArrayRef<int64_t> shape = getType(op.getInit()).getShape();
    int64_t sizes[] = {shape[0], shape[1]}, places[] = {shape[1], 1}, offset = part * shape[0] * shape[1];
    auto layout = StridedLayoutAttr::get(op.getContext(), offset, places);
    return memref::ReinterpretCastOp::create(builder, loc, MemRefType::get(sizes, builder.getI32Type(), layout), sums, offset, sizes,
                                             places);
  }

  /// The op that adds the sums of all parts up and computes the epilogue: one thread an element.
  void buildAddition(Value sums) {
    AffineMap all = builder.getMultiDimIdentityMap(2);
    SmallVector<Value> inputs;
    for (int64_t part = 0; part < parts; ++part)
      inputs.push_back(getPart(sums, part));
    SmallVector<AffineMap> maps(parts, all);
    for (Value operand : op.getEpilogueOperands()) {
      inputs.push_back(operand);
      maps.push_back(getEpilogueMap(op.getContext(), getType(operand).getShape()));
    }
    maps.push_back(all);
    SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
    linalg::GenericOp::create(builder, loc, TypeRange(), inputs, op.getInit(), maps, iterators,
                              [&](OpBuilder &b, Location at, ValueRange elements) {
                                Value sum = elements[0];
                                for (Value part : elements.slice(1, parts - 1))
                                  sum = arith::AddIOp::create(b, at, sum, part);
                                ValueRange others = elements.drop_front(parts).drop_back();
                                linalg::YieldOp::create(b, at, applyEpilogue(b, op.getEpilogue(), sum, others));
                              });
  }

  MatmulOp op;
  int64_t parts;
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
      int64_t best = parts != 0 && canSplit(op, parts) ? int64_t(parts) : chooseParts(op, *kernel, *architecture);
      if (best == 1)
        continue;
      report(op, best);
      Splitter(op, best).split();
    }
  }

private:
  static int64_t chooseParts(MatmulOp op, const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    Estimator estimator(op, kernel, architecture);
    std::optional<double> least = estimator.estimate(1);
    int64_t best = 1;
    for (int64_t parts = 2; least && parts <= mostParts; parts *= 2)
      if (std::optional<double> time = canSplit(op, parts) ? estimator.estimate(parts) : std::nullopt; time && *time < *least)
        std::tie(best, least) = std::pair(parts, time);
    return best;
  }

  static void report(MatmulOp op, int64_t parts) {
    auto parent = op->getParentOfType<func::FuncOp>();
    remark::passed(op.getLoc(), remark::RemarkOpts::name("split").category("lowbit").function(parent ? parent.getName() : ""))
        << remark::metric("parts", parts);
  }
};
} // namespace
} // namespace mlir::lowbit
