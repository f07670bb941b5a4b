//===- ScalarsToTensors.cpp - scalars that stay on the device -------------===//
// Law: what is computed from elements of tensors is in a tensor, too; values and their order of operations stay.

#include "lowbit/GPU/Passes.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SCALARSTOTENSORSPASS
#include "lowbit/GPU/Passes.h.inc"

static bool isScalar(Value value) { return value.getType().isIntOrIndexOrFloat(); }

namespace {
/// The scalars of a function that elements of tensors determine, outside of the regions of linalg's ops.
class ScalarCode {
public:
  explicit ScalarCode(Operation *root) {
    root->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<linalg::LinalgOp>(op))
        return WalkResult::skip();
      if (isa<tensor::ExtractOp>(op) || isScalarOp(op))
        ops.insert(op);
      return WalkResult::advance();
    });
  }

  /// In the order of the function, so that what a value is computed from comes first.
  ArrayRef<Operation *> getOps() const { return ops.getArrayRef(); }
  bool contains(Operation *op) const { return ops.contains(op); }

  /// A tensor of rank 0 with the value: one op that does all that leads to it.
  Value makeTensor(RewriterBase &rewriter, Value value) const {
    Operation *last = value.getDefiningOp();
    SetVector<Operation *> slice;
    BackwardSliceOptions options;
    options.filter = [&](Operation *op) { return ops.contains(op); };
    options.inclusive = true;
    (void)getBackwardSlice(last, &slice, options);
    rewriter.setInsertionPointAfter(last);
    SmallVector<Value> inputs;
    SmallVector<Operation *> reads;
    for (Operation *op : slice)
      if (auto read = dyn_cast<tensor::ExtractOp>(op); read && read.getIndices().empty()) {
        inputs.push_back(read.getTensor());
        reads.push_back(op);
      }
    Value empty = tensor::EmptyOp::create(rewriter, last->getLoc(), ArrayRef<int64_t>{}, value.getType());
    SmallVector<AffineMap> maps(inputs.size() + 1, AffineMap::get(rewriter.getContext()));
    auto body = [&](OpBuilder &b, Location loc, ValueRange elements) {
      IRMapping mapping;
      for (auto [read, element] : llvm::zip(reads, elements))
        mapping.map(read->getResult(0), element);
      for (Operation *op : slice)
        if (!llvm::is_contained(reads, op))
          b.clone(*op, mapping);
      linalg::YieldOp::create(b, loc, mapping.lookup(value));
    };
    return linalg::GenericOp::create(rewriter, last->getLoc(), empty.getType(), inputs, empty, maps, ArrayRef<utils::IteratorType>{}, body)
        .getResult(0);
  }

private:
  bool isScalarOp(Operation *op) const {
    return isPure(op) && op->getNumRegions() == 0 && op->getNumResults() == 1 && isScalar(op->getResult(0)) &&
           llvm::all_of(op->getOperands(), isScalar) &&
           llvm::any_of(op->getOperands(), [&](Value operand) { return operand.getDefiningOp() && ops.contains(operand.getDefiningOp()); });
  }

  llvm::SetVector<Operation *> ops;
};
} // namespace

/// The linalg op that takes the value: as an operand, or into its region.
static linalg::GenericOp getReader(OpOperand &use) {
  if (auto op = dyn_cast<linalg::GenericOp>(use.getOwner()))
    return op;
  return use.getOwner()->getParentOfType<linalg::GenericOp>();
}

/// The same op, whose region gets the element of `tensor` where it took `scalar` from around it.
static void addInput(RewriterBase &rewriter, linalg::GenericOp op, Value scalar, Value tensor) {
  rewriter.setInsertionPoint(op);
  SmallVector<Value> inputs = op.getInputs();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  maps.insert(maps.begin() + inputs.size(), AffineMap::get(op.getNumLoops(), 0, rewriter.getContext()));
  inputs.push_back(tensor);
  auto made =
      linalg::GenericOp::create(rewriter, op.getLoc(), op.getResultTypes(), inputs, op.getOutputs(), maps, op.getIteratorTypesArray());
  made->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rewriter.inlineRegionBefore(op.getRegion(), made.getRegion(), made.getRegion().end());
  Value element = made.getBody()->insertArgument(inputs.size() - 1, scalar.getType(), scalar.getLoc());
  rewriter.replaceUsesWithIf(scalar, element, [&](OpOperand &use) { return made->isProperAncestor(use.getOwner()); });
  rewriter.replaceOp(op, made);
}

/// The pad of known size around a tensor that yields the value.
static tensor::PadOp getPad(OpOperand &use) {
  auto pad = isa<tensor::YieldOp>(use.getOwner()) ? use.getOwner()->getParentOfType<tensor::PadOp>() : tensor::PadOp();
  return pad && pad.getLow().empty() && pad.getHigh().empty() && pad.getType().hasStaticShape() ? pad : tensor::PadOp();
}

/// The same pad: the tensor's element everywhere, and the source put into it.
static void replacePad(RewriterBase &rewriter, tensor::PadOp pad, Value tensor) {
  rewriter.setInsertionPoint(pad);
  Location loc = pad.getLoc();
  Value empty = tensor::EmptyOp::create(rewriter, loc, pad.getType().getShape(), pad.getType().getElementType());
  SmallVector<int64_t> added = llvm::to_vector(llvm::seq(pad.getType().getRank()));
  Value around = linalg::BroadcastOp::create(rewriter, loc, tensor, empty, added)->getResult(0);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, pad.getSource());
  SmallVector<OpFoldResult> strides(sizes.size(), rewriter.getIndexAttr(1));
  rewriter.replaceOpWithNewOp<tensor::InsertSliceOp>(pad, pad.getSource(), around, pad.getMixedLowPad(), sizes, strides);
}

/// The same assertion, of the tensor's element, where it can be read.
static void replaceAssertion(RewriterBase &rewriter, cf::AssertOp op, Value tensor) {
  rewriter.setInsertionPoint(op);
  auto body = [&](OpBuilder &b, Location loc, ValueRange elements) {
    cf::AssertOp::create(b, loc, elements.front(), op.getMsg());
    linalg::YieldOp::create(b, loc, ValueRange());
  };
  linalg::GenericOp::create(rewriter, op.getLoc(), TypeRange(), tensor, ValueRange(), AffineMap::get(rewriter.getContext()),
                            ArrayRef<utils::IteratorType>{}, body);
  rewriter.eraseOp(op);
}

/// Whether the use can take a tensor of rank 0 instead, and is not a part of what computes other scalars.
static bool takesTensor(OpOperand &use, const ScalarCode &code) {
  if (code.contains(use.getOwner()))
    return false;
  auto pack = dyn_cast<tensor::FromElementsOp>(use.getOwner());
  return getReader(use) || getPad(use) || isa<cf::AssertOp>(use.getOwner()) || (pack && pack.getNumOperands() == 1);
}

/// Lets the use take the tensor.
static void redirect(RewriterBase &rewriter, OpOperand &use, Value tensor) {
  Operation *user = use.getOwner();
  if (auto op = dyn_cast<linalg::GenericOp>(user))
    return rewriter.modifyOpInPlace(op, [&] { use.set(tensor); });
  if (auto pack = dyn_cast<tensor::FromElementsOp>(user)) {
    rewriter.setInsertionPoint(user);
    if (pack.getType().getRank() == 0)
      rewriter.replaceOp(pack, tensor);
    else
      rewriter.replaceOpWithNewOp<tensor::ExpandShapeOp>(pack, pack.getType(), tensor, ArrayRef<ReassociationIndices>{});
    return;
  }
  if (tensor::PadOp pad = getPad(use))
    return replacePad(rewriter, pad, tensor);
  if (auto assertion = dyn_cast<cf::AssertOp>(user); assertion && !getReader(use))
    return replaceAssertion(rewriter, assertion, tensor);
  addInput(rewriter, getReader(use), use.get(), tensor);
}

namespace {
struct ScalarsToTensorsPass final : impl::ScalarsToTensorsPassBase<ScalarsToTensorsPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    ScalarCode code(getOperation());
    for (Operation *op : code.getOps()) {
      Value value = op->getResult(0), tensor;
      // A use may go with the op that has it, so each is looked for anew.
      while (true) {
        auto use = llvm::find_if(value.getUses(), [&](OpOperand &operand) { return takesTensor(operand, code); });
        if (use == value.getUses().end() || isa<IndexType>(value.getType()))
          break;
        auto read = dyn_cast<tensor::ExtractOp>(op);
        if (!tensor)
          tensor = read && read.getIndices().empty() ? Value(read.getTensor()) : code.makeTensor(rewriter, value);
        redirect(rewriter, *use, tensor);
      }
    }
    for (Operation *op : llvm::reverse(code.getOps()))
      if (op->use_empty())
        rewriter.eraseOp(op);
  }
};
} // namespace
} // namespace mlir::lowbit
