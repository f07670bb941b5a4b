//===- FuseEpilogue.cpp - elementwise ops into the epilogue of a contract -===//
//
// Invariant: every element goes through the same scalar operations in the same order as before.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Transforms/FuseEpilogue.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
namespace {

/// How an elementwise op reads a contract: which inputs are its result, and the op's loops in terms of the contract's.
struct ElementwiseUse {
  ContractOp contract;
  SmallVector<unsigned> inputs;
  AffineMap toContractLoops;
};

/// The contract whose only reader is `op`, through one permutation of its axes.
FailureOr<ElementwiseUse> findContract(linalg::LinalgOp op, PatternRewriter &rewriter) {
  for (OpOperand *input : op.getDpsInputOperands()) {
    auto contract = input->get().getDefiningOp<ContractOp>();
    if (!contract || !llvm::all_of(contract->getUsers(), [&](Operation *user) { return user == op; }))
      continue;
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!map.isPermutation())
      return rewriter.notifyMatchFailure(op, "does not read the contract elementwise");
    ElementwiseUse use{contract, {}, inversePermutation(map).compose(contract.getResultMap())};
    for (OpOperand &other : op->getOpOperands()) {
      if (other.get() != input->get())
        continue;
      if (!op.isDpsInput(&other) || op.getMatchingIndexingMap(&other) != map)
        return rewriter.notifyMatchFailure(op, "reads the contract in two ways");
      use.inputs.push_back(other.getOperandNumber());
    }
    return use;
  }
  return rewriter.notifyMatchFailure(op, "no operand is a contract that only this op reads");
}

LogicalResult checkElementwise(linalg::LinalgOp op, PatternRewriter &rewriter) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInits() != 1 || op.getNumParallelLoops() != op.getNumLoops())
    return rewriter.notifyMatchFailure(op, "not an elementwise op on tensors");
  if (op.hasIndexSemantics())
    return rewriter.notifyMatchFailure(op, "depends on the index of its element");
  if (!op.getRegionOutputArgs()[0].use_empty())
    return rewriter.notifyMatchFailure(op, "reads its destination");
  if (!op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation())
    return rewriter.notifyMatchFailure(op, "does not write every element once");
  for (Operation &inner : op.getBlock()->without_terminator())
    if (!isMemoryEffectFree(&inner) || inner.getNumRegions() != 0)
      return rewriter.notifyMatchFailure(op, "its body is not plain arithmetic");
  return success();
}

/// Moves the old epilogue's operations and then those of `op` into `contract`.
void buildEpilogue(ContractOp contract, ContractOp old, linalg::LinalgOp op, ArrayRef<unsigned> contractInputs, PatternRewriter &rewriter) {
  SmallVector<Type> types{old.getSumType()};
  for (Value operand : contract.getEpilogueOperands())
    types.push_back(getElementTypeOrSelf(operand.getType()));
  SmallVector<Location> locs(types.size(), contract.getLoc());
  OpBuilder::InsertionGuard guard(rewriter);
  Block *body = rewriter.createBlock(&contract.getEpilogue(), {}, types, locs);
  Value element = body->getArgument(0);
  unsigned next = 1;
  IRMapping mapping;
  auto cloneBody = [&](Block &from) {
    for (Operation &inner : from.without_terminator())
      rewriter.clone(inner, mapping);
    return mapping.lookupOrDefault(from.getTerminator()->getOperand(0));
  };
  if (old.hasEpilogue()) {
    Block &epilogue = old.getEpilogue().front();
    mapping.map(epilogue.getArgument(0), element);
    for (BlockArgument argument : epilogue.getArguments().drop_front())
      mapping.map(argument, body->getArgument(next++));
    element = cloneBody(epilogue);
  }
  for (OpOperand *input : op.getDpsInputOperands()) {
    bool isContract = llvm::is_contained(contractInputs, input->getOperandNumber());
    mapping.map(op.getMatchingBlockArgument(input), isContract ? element : body->getArgument(next++));
  }
  YieldOp::create(rewriter, op.getLoc(), cloneBody(*op.getBlock()));
}

struct FuseElementwise final : OpInterfaceRewritePattern<linalg::LinalgOp> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(linalg::LinalgOp op, PatternRewriter &rewriter) const override {
    if (failed(checkElementwise(op, rewriter)))
      return failure();
    FailureOr<ElementwiseUse> use = findContract(op, rewriter);
    if (failed(use))
      return failure();
    ContractOp old = use->contract;
    if (!old.getSumType().isF32() && !old.hasEpilogue())
      return rewriter.notifyMatchFailure(op, "integer sums are left to requantization");
    auto narrow = dyn_cast<IntegerType>(getElementTypeOrSelf(op->getResult(0).getType()));
    if (narrow && narrow.getWidth() < 8)
      return rewriter.notifyMatchFailure(op, "narrower integers share bytes, which a contract does not write");
    if (!old.hasEpilogue() && !getElementTypeOrSelf(old.getResult().getType()).isF32())
      return rewriter.notifyMatchFailure(op, "the contract rounds its sums to another float type");

    SmallVector<AffineMap> maps = llvm::to_vector(old.getIndexingMaps().getAsValueRange<AffineMapAttr>());
    maps[2] = op.getMatchingIndexingMap(op.getDpsInitOperand(0)).compose(use->toContractLoops);
    // Windows become matmuls and vectors only with their channels last.
    bool isConvolution = !old.getLhsMap().isProjectedPermutation();
    if (isConvolution && maps[2].getNumResults() != 0 && maps[2].getResults().back() != old.getResultMap().getResults().back())
      return rewriter.notifyMatchFailure(op, "puts another axis of a convolution last");
    SmallVector<Value> operands(old.getEpilogueOperands());
    for (OpOperand *input : op.getDpsInputOperands()) {
      if (llvm::is_contained(use->inputs, input->getOperandNumber()))
        continue;
      AffineMap map = op.getMatchingIndexingMap(input).compose(use->toContractLoops);
      if (!map.isProjectedPermutation() || !isa<RankedTensorType>(input->get().getType()))
        return rewriter.notifyMatchFailure(op, "an operand is not indexed by loops of the result alone");
      operands.push_back(input->get());
      maps.push_back(map);
    }
    rewriter.replaceOp(op, buildFused(op, old, operands, maps, use->inputs, rewriter));
    return success();
  }

private:
  static Value buildFused(linalg::LinalgOp op, ContractOp old, ArrayRef<Value> operands, ArrayRef<AffineMap> maps,
                          ArrayRef<unsigned> inputs, PatternRewriter &rewriter) {
    Value init = op.getDpsInits()[0];
    Location loc = old.getLoc();
    Value destination = init;
    if (!init.getDefiningOp<tensor::EmptyOp>())
      destination =
          tensor::EmptyOp::create(rewriter, loc, tensor::getMixedSizes(rewriter, loc, init), getElementTypeOrSelf(init.getType()));
    auto contract = ContractOp::create(rewriter, loc, init.getType(), old.getLhs(), old.getLhsScales(), old.getLhsZeros(), old.getRhs(),
                                       old.getRhsScales(), old.getRhsZeros(), destination, operands, rewriter.getAffineMapArrayAttr(maps),
                                       old.getLhsSchemeAttr(), old.getRhsSchemeAttr());
    contract->setDiscardableAttrs(old->getDiscardableAttrDictionary());
    buildEpilogue(contract, old, op, inputs, rewriter);
    return contract.getResult();
  }
};

/// A broadcast epilogue operand is read where it was before: a bias of channels need not become as large as the result.
struct ReadBroadcastInput final : OpRewritePattern<ContractOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(ContractOp op, PatternRewriter &rewriter) const override {
    for (OpOperand &operand : op.getEpilogueOperandsMutable()) {
      auto broadcast = operand.get().getDefiningOp<linalg::BroadcastOp>();
      if (!broadcast)
        continue;
      unsigned number = operand.getOperandNumber() - op.getEpilogueOperands().getBeginOperandIndex();
      SmallVector<Attribute> maps(op.getIndexingMaps().getValue());
      AffineMap kept = op.getMap(3 + number).dropResults(broadcast.getDimensions());
      maps[3 + number] = AffineMapAttr::get(kept);
      rewriter.modifyOpInPlace(op, [&] {
        operand.set(broadcast.getInput());
        op.setIndexingMapsAttr(rewriter.getArrayAttr(maps));
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no epilogue operand is broadcast");
  }
};
} // namespace

LogicalResult fuseEpilogues(Operation *root) {
  RewritePatternSet patterns(root->getContext());
  patterns.add<FuseElementwise, ReadBroadcastInput>(patterns.getContext());
  if (succeeded(applyPatternsGreedily(root, std::move(patterns))))
    return success();
  return root->emitError("fusing epilogues does not come to an end");
}

} // namespace mlir::lowbit
