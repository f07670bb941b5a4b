//===- LowerMatmuls.cpp - products of kernels as their document says ------===//
// Law: sums of products in i32, which wrap, or of f32 by fused multiply-adds, one after the other; then the epilogue, as it is.

#include "lowbit/Conversion/Passes.h"
#include "lowbit/Conversion/ProductEpilogue.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/WindowView.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERMATMULSPASS
#include "lowbit/Conversion/Passes.h.inc"

/// The sum that a pair of elements adds to.
static Value buildTerm(OpBuilder &b, Location loc, MatmulOp op, ValueRange elements) {
  if (op.getSumType().isF32())
    return math::FmaOp::create(b, loc, elements[0], elements[1], elements[2]);
  Type i32 = b.getI32Type();
  auto widen = [&](Value byte, bool isUnsigned) -> Value {
    return isUnsigned ? arith::ExtUIOp::create(b, loc, i32, byte).getResult() : arith::ExtSIOp::create(b, loc, i32, byte).getResult();
  };
  Value product;
  if (op.getBits())
    product = widen(math::CtPopOp::create(b, loc, arith::AndIOp::create(b, loc, elements[0], elements[1])), /*isUnsigned=*/true);
  else
    product = arith::MulIOp::create(b, loc, widen(elements[0], op.getLhsUnsigned()), widen(elements[1], op.getRhsUnsigned()));
  return arith::AddIOp::create(b, loc, elements[2], product);
}

/// Where a side is read: `[…, first, depth]`, or the last two the other way round; axes of size one are shared.
static SmallVector<AffineExpr> getPlace(Value side, ArrayRef<AffineExpr> batch, AffineExpr first, AffineExpr depth, bool isTransposed) {
  SmallVector<AffineExpr> place(batch);
  for (auto [expr, size] : llvm::zip(place, cast<RankedTensorType>(side.getType()).getShape()))
    if (size == 1)
      expr = getAffineConstantExpr(0, expr.getContext());
  place.push_back(isTransposed ? depth : first);
  place.push_back(isTransposed ? first : depth);
  return place;
}

static void lower(RewriterBase &rewriter, MatmulOp op) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getInit().getType());
  int64_t rank = type.getRank();
  rewriter.setInsertionPoint(op);
  SmallVector<AffineExpr> dims = llvm::map_to_vector(llvm::seq(rank + 1), [&](int64_t i) { return rewriter.getAffineDimExpr(i); });
  ArrayRef<AffineExpr> result = ArrayRef(dims).take_front(rank), batch = result.drop_back(2);
  auto getMap = [&](unsigned loops, ArrayRef<AffineExpr> exprs) { return AffineMap::get(loops, 0, exprs, rewriter.getContext()); };
  Value lhs = op.getLhs();
  if (std::optional<WindowsAttr> windows = op.getLhsWindows())
    lhs = gatherWindows(rewriter, loc, lhs, *windows);
  SmallVector<AffineExpr> left = getPlace(lhs, batch, dims[rank - 2], dims[rank], op.getLhsTransposed());
  SmallVector<AffineExpr> right = getPlace(op.getRhs(), batch, dims[rank - 1], dims[rank], op.getRhsTransposed());
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel), withReduction(iterators);
  withReduction.push_back(utils::IteratorType::reduction);

  Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(op.getSumType()));
  Value empty = tensor::EmptyOp::create(rewriter, loc, type.getShape(), op.getSumType());
  Value zeros = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
  auto sums = linalg::GenericOp::create(
      rewriter, loc, zeros.getType(), ValueRange{lhs, op.getRhs()}, zeros,
      ArrayRef{getMap(rank + 1, left), getMap(rank + 1, right), getMap(rank + 1, result)}, withReduction,
      [&](OpBuilder &b, Location nested, ValueRange elements) { linalg::YieldOp::create(b, nested, buildTerm(b, nested, op, elements)); });

  SmallVector<Value> inputs{sums.getResult(0)};
  SmallVector<AffineMap> maps{getMap(rank, result)};
  for (Value operand : op.getEpilogueOperands()) {
    inputs.push_back(operand);
    maps.push_back(getEpilogueMap(rewriter.getContext(), cast<RankedTensorType>(operand.getType()).getShape()));
  }
  maps.push_back(getMap(rank, result));
  auto epilogue = linalg::GenericOp::create(
      rewriter, loc, type, inputs, op.getInit(), maps, iterators, [&](OpBuilder &b, Location nested, ValueRange elements) {
        Value element = applyEpilogue(b, op.getEpilogue(), elements[0], elements.slice(1, op.getEpilogueOperands().size()));
        linalg::YieldOp::create(b, nested, element);
      });
  rewriter.replaceOp(op, epilogue.getResults());
}

namespace {
struct LowerMatmulsPass final : impl::LowerMatmulsPassBase<LowerMatmulsPass> {
  void runOnOperation() override {
    SmallVector<MatmulOp> ops;
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (isa<GroupedMatmulOp>(op)) {
        op->emitOpError("has no lowering to loops; what its kernel adds up is in an order of its own");
        return WalkResult::interrupt();
      }
      if (auto matmul = dyn_cast<MatmulOp>(op)) {
        if (matmul.hasPureBufferSemantics())
          return op->emitOpError("is on buffers; expected tensors"), WalkResult::interrupt();
        if (isa<FloatType>(getElementTypeOrSelf(matmul.getLhs().getType())) && !getElementTypeOrSelf(matmul.getLhs().getType()).isF32())
          return op->emitOpError("has no lowering to loops; a matrix unit adds floats of 8 bits up in an order of its own"),
                 WalkResult::interrupt();
        ops.push_back(matmul);
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    for (MatmulOp op : ops)
      lower(rewriter, op);
  }
};
} // namespace
} // namespace mlir::lowbit
