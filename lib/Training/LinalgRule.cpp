//===- LinalgRule.cpp - the one derivative of all structured ops ----------===//
//
// Law: the gradient by an operand is an op over the same loops: it computes the body again, goes backwards through it, and sums over the
// loops that the operand does not have. A matmul thus gives the two matmuls of its gradient, a broadcast a sum, a sum a broadcast. What an
// elementwise body yielded is read, where the derivative needs it, and not computed again: an exponential is its own derivative.
//
// The value of a reduction must be `sum + e`, or the larger or smaller of `extremum` and `e`; every `e` that reaches the extremum gets the
// whole cotangent.
//
//===----------------------------------------------------------------------===//

#include "TableRule.h"
#include "Windows.h"
#include "lowbit/Training/Gradients.h"
#include "lowbit/Training/Register.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {
namespace {

/// How one result comes from what its iterations compute.
struct ResultForm {
  enum Kind { Elementwise, Sum, Extremum };
  unsigned index;
  Kind kind;
  /// What is backpropagated through: the yielded value, or the `e` of a reduction.
  Value value;

  /// Whether the gradient may read what the op gave.
  bool readsResult() const { return kind != Sum; }
};

/// The operand of `op` that is not `accumulator`, or null.
Value getOther(Operation *op, Value accumulator) {
  if (op->getNumOperands() != 2)
    return {};
  return op->getOperand(0) == accumulator ? op->getOperand(1) : op->getOperand(1) == accumulator ? op->getOperand(0) : Value();
}

FailureOr<ResultForm> getResultForm(linalg::LinalgOp op, unsigned index) {
  Value yielded = op.getBlock()->getTerminator()->getOperand(index);
  BlockArgument accumulator = op.getMatchingBlockArgument(op.getDpsInitOperand(index));
  if (op.getNumReductionLoops() == 0 || accumulator.use_empty())
    return ResultForm{index, ResultForm::Elementwise, yielded};
  if (Operation *last = yielded.getDefiningOp()) {
    Value other = getOther(last, accumulator);
    if (other && isa<arith::AddFOp>(last) && accumulator.hasOneUse())
      return ResultForm{index, ResultForm::Sum, other};
    if (other && isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MinimumFOp, arith::MinNumFOp>(last))
      return ResultForm{index, ResultForm::Extremum, other};
    if (auto select = dyn_cast<arith::SelectOp>(last)) {
      Value kept = select.getFalseValue() == accumulator ? select.getTrueValue() : select.getFalseValue();
      if ((select.getTrueValue() == accumulator) != (select.getFalseValue() == accumulator))
        return ResultForm{index, ResultForm::Extremum, kept};
    }
  }
  return op->emitError() << "`" << op->getName() << "` has no derivative: result " << index
                         << " is reduced by something else than a sum, a maximum or a minimum";
}

/// Builds the gradients of one op.
class StructuredReverse {
public:
  StructuredReverse(linalg::LinalgOp op, OpBuilder &builder, Gradients &gradients)
      : op(op), builder(builder), gradients(gradients), loc(op.getLoc()) {}

  LogicalResult build() {
    if (auto generic = dyn_cast<linalg::GenericOp>(*op); generic && readsActiveTable(generic, gradients))
      return buildTableGradient(generic, builder, gradients);
    if (!op.hasPureTensorSemantics() || op->getNumRegions() != 1)
      return op->emitError() << "`" << op->getName() << "` has no derivative: its operands are no tensors";
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    for (Value value : captured)
      if (gradients.isActive(value))
        return op->emitError() << "`" << op->getName()
                               << "` has no derivative: its body reads a value from outside that depends on what is "
                                  "differentiated by; expected it among the operands";
    for (OpResult result : op->getResults()) {
      if (!gradients.lookup(result))
        continue;
      FailureOr<ResultForm> form = getResultForm(op, result.getResultNumber());
      if (failed(form))
        return failure();
      forms.push_back(*form);
    }
    readsInits = llvm::any_of(forms, [](const ResultForm &form) { return form.kind == ResultForm::Elementwise; });
    for (OpOperand &operand : op->getOpOperands())
      if (gradients.isActive(operand.get()) && failed(buildGradient(operand)))
        return failure();
    return failure(bodyFailed);
  }

private:
  /// Whether `operand` starts a reduction: its cotangent is that of the result.
  const ResultForm *getReductionInto(OpOperand &operand) {
    for (const ResultForm &form : forms)
      if (form.kind != ResultForm::Elementwise && op.getDpsInitOperand(form.index) == &operand)
        return &form;
    return nullptr;
  }

  LogicalResult buildGradient(OpOperand &operand) {
    if (const ResultForm *form = getReductionInto(operand)) {
      if (form->kind == ResultForm::Extremum)
        return op->emitError() << "`" << op->getName()
                               << "` has no derivative: the start of its maximum or minimum depends on what is "
                                  "differentiated by; expected a constant";
      gradients.add(builder, loc, operand.get(), gradients.lookup(op->getResult(form->index)));
      return success();
    }
    if (op.getMatchingBlockArgument(&operand).use_empty())
      return success();
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (map.isProjectedPermutation(/*allowZeroInResults=*/true)) {
      gradients.add(builder, loc, operand.get(), buildAligned(operand, map));
      return success();
    }
    SmallVector<int64_t> ranges = op.getStaticLoopRanges();
    FailureOr<SmallVector<AffineExpr>> loops = getUnfoldedLoops(map, cast<RankedTensorType>(operand.get().getType()), ranges);
    if (failed(loops))
      return op->emitError() << "`" << op->getName() << "` has no derivative by operand " << operand.getOperandNumber()
                             << ", which is read by " << AffineMapAttr::get(map) << "; expected each axis to follow one loop, or a window";
    if (llvm::any_of(ranges, ShapedType::isDynamic))
      return op->emitError() << "`" << op->getName() << "` has no derivative by operand " << operand.getOperandNumber()
                             << ", which is read in windows of dynamic sizes; expected static ones";
    SmallVector<OpFoldResult> sizes;
    for (AffineExpr loop : *loops)
      sizes.push_back(builder.getIndexAttr(ranges[cast<AffineDimExpr>(loop).getPosition()]));
    gradients.add(builder, loc, operand.get(),
                  foldWindows(builder, loc, buildSum(operand, *loops, sizes), *loops, operand.get(), map, ranges));
    return success();
  }

  /// The gradient by `operand`, each axis of which follows a loop or none.
  Value buildAligned(OpOperand &operand, AffineMap map) {
    // Axes that follow no loop are left out, and put back afterwards.
    SmallVector<AffineExpr> axes;
    SmallVector<OpFoldResult> sizes;
    SmallVector<OpFoldResult> given = tensor::getMixedSizes(builder, loc, operand.get());
    for (auto [expr, size] : llvm::zip_equal(map.getResults(), given))
      if (isa<AffineDimExpr>(expr)) {
        axes.push_back(expr);
        sizes.push_back(size);
      }
    return restoreAxes(buildSum(operand, axes, sizes), operand.get(), map);
  }

  /// The op that sums the gradient by `operand` over all loops but `axes`, of `sizes`.
  Value buildSum(OpOperand &operand, ArrayRef<AffineExpr> axes, ArrayRef<OpFoldResult> sizes) {
    AffineMap target = AffineMap::get(op.getNumLoops(), 0, axes, op->getContext());
    SmallVector<utils::IteratorType> iterators(op.getNumLoops(), utils::IteratorType::reduction);
    for (AffineExpr axis : axes)
      iterators[cast<AffineDimExpr>(axis).getPosition()] = utils::IteratorType::parallel;
    bool isSum = axes.size() != op.getNumLoops();

    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    auto addInput = [&](Value value, OpOperand *like) {
      inputs.push_back(value);
      maps.push_back(op.getMatchingIndexingMap(like));
    };
    for (OpOperand &each : op->getOpOperands())
      if (op.isDpsInput(&each) || readsInits)
        addInput(each.get(), &each);
    unsigned firstCotangent = inputs.size();
    for (const ResultForm &form : forms) {
      addInput(gradients.lookup(op->getResult(form.index)), op.getDpsInitOperand(form.index));
      if (form.readsResult())
        addInput(op->getResult(form.index), op.getDpsInitOperand(form.index));
    }
    maps.push_back(target);

    Type element = getElementTypeOrSelf(operand.get().getType());
    Value init = tensor::EmptyOp::create(builder, loc, sizes, element);
    if (isSum) {
      Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(element));
      init = linalg::FillOp::create(builder, loc, zero, init).getResult(0);
    }
    auto generic = linalg::GenericOp::create(builder, loc, init.getType(), inputs, init, maps, iterators,
                                             [&](OpBuilder &b, Location nested, ValueRange args) {
                                               Value value = buildBody(b, operand, args, firstCotangent);
                                               if (isSum)
                                                 value = arith::AddFOp::create(b, nested, args.back(), value);
                                               linalg::YieldOp::create(b, nested, value);
                                             });
    dropUnread(generic);
    return generic.getResult(0);
  }

  /// Leaves out inputs that the body does not read, but those that say how far a loop goes.
  static void dropUnread(linalg::GenericOp generic) {
    Block *body = generic.getBody();
    for (Operation &each : llvm::make_early_inc_range(llvm::reverse(*body)))
      if (isOpTriviallyDead(&each))
        each.erase();
    for (unsigned i = generic.getNumDpsInputs(); i-- > 0;) {
      SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
      maps.erase(maps.begin() + i);
      if (!body->getArgument(i).use_empty() || !inversePermutation(concatAffineMaps(maps, generic.getContext())))
        continue;
      generic.getInputsMutable().erase(i);
      body->eraseArgument(i);
      generic.setIndexingMapsAttr(Builder(generic.getContext()).getAffineMapArrayAttr(maps));
    }
  }

  /// The product of the cotangents and the derivative by `operand` at one iteration.
  Value buildBody(OpBuilder &b, OpOperand &operand, ValueRange args, unsigned nextCotangent) {
    Block *body = op.getBlock();
    IRMapping mapping;
    for (OpOperand &each : op->getOpOperands())
      if (op.isDpsInput(&each) || readsInits)
        mapping.map(op.getMatchingBlockArgument(&each), args[each.getOperandNumber()]);

    // What the values need, without what a reduction does to them.
    llvm::SetVector<Operation *> needed;
    BackwardSliceOptions options;
    options.inclusive = true;
    options.omitBlockArguments = true;
    options.filter = [&](Operation *each) { return each->getBlock() == body; };
    for (const ResultForm &form : forms)
      if (Operation *producer = form.value.getDefiningOp(); producer && producer->getBlock() == body)
        (void)getBackwardSlice(producer, &needed, options);
    SmallVector<Operation *> cloned;
    for (Operation &each : *body)
      if (needed.contains(&each))
        cloned.push_back(b.clone(each, mapping));

    Gradients inner;
    Value at = args[operand.getOperandNumber()];
    inner.activate(at);
    inner.propagate(cloned);
    SmallVector<std::pair<Value, Value>> yielded;
    for (const ResultForm &form : forms) {
      Value cotangent = args[nextCotangent++], value = mapping.lookupOrDefault(form.value);
      Value result = form.readsResult() ? args[nextCotangent++] : Value();
      if (form.kind == ResultForm::Elementwise)
        yielded.emplace_back(value, result);
      if (form.kind == ResultForm::Extremum) {
        Value reached = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, value, result);
        Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(cotangent.getType()));
        cotangent = arith::SelectOp::create(b, loc, reached, cotangent, zero);
      }
      inner.add(b, loc, value, cotangent);
    }
    if (failed(buildReverse(b, cloned, inner)))
      bodyFailed = true;
    for (auto [value, result] : yielded)
      if (llvm::is_contained(cloned, value.getDefiningOp()))
        value.replaceAllUsesWith(result);
    Value gradient = inner.lookup(at);
    return gradient ? gradient : arith::ConstantOp::create(b, loc, b.getZeroAttr(at.getType())).getResult();
  }

  Value restoreAxes(Value sum, Value like, AffineMap map) {
    auto type = cast<RankedTensorType>(like.getType());
    if (cast<RankedTensorType>(sum.getType()).getRank() == type.getRank())
      return sum;
    // An axis of size one joins the axis before it, or, in front of all, the one behind.
    SmallVector<ReassociationIndices> groups;
    for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
      bool starts =
          isa<AffineDimExpr>(expr) &&
          !(groups.size() == 1 && llvm::none_of(groups[0], [&](int64_t each) { return isa<AffineDimExpr>(map.getResult(each)); }));
      if (groups.empty() || starts)
        groups.emplace_back();
      groups.back().push_back(axis);
    }
    if (cast<RankedTensorType>(sum.getType()).getRank() == 0)
      groups.clear();
    return tensor::ExpandShapeOp::create(builder, loc, type, sum, groups, tensor::getMixedSizes(builder, loc, like));
  }

  linalg::LinalgOp op;
  OpBuilder &builder;
  Gradients &gradients;
  Location loc;
  SmallVector<ResultForm> forms;
  bool readsInits = false;
  /// Whether something in the body has no derivative; an error was reported.
  bool bodyFailed = false;
};

template <typename OpT> struct StructuredRule final : DifferentiableOpInterface::ExternalModel<StructuredRule<OpT>, OpT> {
  LogicalResult buildGradients(Operation *op, OpBuilder &builder, Gradients &gradients) const {
    return StructuredReverse(cast<linalg::LinalgOp>(op), builder, gradients).build();
  }
};

template <typename... OpTs> void attachStructured(MLIRContext *context) {
  (OpTs::template attachInterface<StructuredRule<OpTs>>(*context), ...);
}

} // namespace

void registerLinalgRules(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    attachStructured<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
        >(context);
  });
}

} // namespace mlir::lowbit
