//===- LowerMatmuls.cpp - products of kernels as their document says ------===//
// Law: sums of products in i32, which wrap, of f32 by fused multiply-adds, one after the other, and of smaller floats as their order says;
// then the epilogue, as it is.

#include "ProductOrders.h"
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

/// The sums of a product without an order, in its own loops.
static Value buildSums(RewriterBase &rewriter, MatmulOp op) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getInit().getType());
  int64_t rank = type.getRank();
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
  return sums.getResult(0);
}

/// Puts the epilogue, of `sums`, in the place of a product.
template <typename OpT> static void lowerEpilogue(RewriterBase &rewriter, OpT op, Value sums) {
  Location loc = op.getLoc();
  auto type = cast<RankedTensorType>(op.getInit().getType());
  int64_t rank = type.getRank();
  AffineMap all = rewriter.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> iterators(rank, utils::IteratorType::parallel);
  SmallVector<Value> inputs{sums};
  SmallVector<AffineMap> maps{all};
  for (Value operand : op.getEpilogueOperands()) {
    inputs.push_back(operand);
    maps.push_back(getEpilogueMap(rewriter.getContext(), cast<RankedTensorType>(operand.getType()).getShape()));
  }
  maps.push_back(all);
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
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<MatmulOp, GroupedMatmulOp>(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops) {
      rewriter.setInsertionPoint(op);
      auto matmul = dyn_cast<MatmulOp>(op);
      if (failed(matmul ? lower(rewriter, matmul) : lower(rewriter, cast<GroupedMatmulOp>(op))))
        return signalPassFailure();
    }
  }

private:
  template <typename OpT> static LogicalResult lower(RewriterBase &rewriter, OpT op) {
    if (op.hasPureBufferSemantics())
      return op.emitOpError("is on buffers; expected tensors");
    FailureOr<Value> sums = getSums(rewriter, op);
    if (succeeded(sums))
      lowerEpilogue(rewriter, op, *sums);
    return success(succeeded(sums));
  }

  static FailureOr<Value> getSums(RewriterBase &rewriter, MatmulOp op) {
    Type element = getElementTypeOrSelf(op.getLhs().getType());
    bool areSmallFloats = isa<FloatType>(element) && !element.isF32();
    return areSmallFloats || op.getGroup() != 0 ? buildOrderedSums(rewriter, op) : FailureOr<Value>(buildSums(rewriter, op));
  }
  static FailureOr<Value> getSums(RewriterBase &rewriter, GroupedMatmulOp op) { return buildOrderedSums(rewriter, op); }
};
} // namespace
} // namespace mlir::lowbit
