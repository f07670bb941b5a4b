//===- Rematerialize.cpp - what the backward pass keeps -------------------===//
//
// Law: every reader gets the bits that it got; only where they come from changes.
//
// Which values are kept is a minimum cut. Each forward op is a node, each of its results another; what is on the sink's side must be there
// in the backward pass. A result there whose op is not is kept; one whose op is, too, is computed again, and then the op's operands are on
// that side as well. (Computing again what is cheap: Chen et al., 2016, arXiv:1604.06174.)
//
//===----------------------------------------------------------------------===//

#include "Rematerialize.h"
#include "MinimumCut.h"
#include "RecomputeCost.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/IR/Builders.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {

Rematerializer::Rematerializer(Block &body, const llvm::DenseSet<Operation *> &forward) : body(body), forward(forward) {
  for (Operation &op : body)
    if (forward.contains(&op))
      ops.push_back(&op);
}

SmallVector<Rematerializer::Reader> Rematerializer::getReaders(Value value) const {
  SmallVector<Reader> readers;
  for (OpOperand &use : value.getUses()) {
    Operation *owner = getOwner(use);
    if (!isViewOp(owner) || isBackward(owner)) {
      readers.push_back({owner, canJoin(use)});
      continue;
    }
    for (Reader &reader : getReaders(owner->getResult(0)))
      readers.push_back({reader.op, false});
  }
  return readers;
}

int64_t Rematerializer::getKeepCost(ArrayRef<Reader> readers, int64_t bytes, int64_t price) const {
  if (llvm::any_of(readers, [&](const Reader &reader) { return reader.op == body.getTerminator(); }))
    return 0; // it outlives the function
  unsigned numForward = llvm::count_if(readers, [&](const Reader &reader) { return !isBackward(reader.op); });
  bool isStored = numForward > 1 || llvm::any_of(readers, [&](const Reader &reader) { return !isBackward(reader.op) && !reader.joins; });
  return bytes * ((isStored ? 0 : kBytePrice) + price);
}

int64_t Rematerializer::choose(int64_t price) {
  MinimumCut cut;
  llvm::DenseMap<Value, unsigned> produced, held; // nodes of the op that makes a value, and of the value
  for (Operation *op : ops) {
    unsigned node = cut.addNode();
    std::optional<int64_t> arithmetic = getRecomputeCost(op);
    int64_t cost = arithmetic.value_or(MinimumCut::kNever);
    auto pay = [&](int64_t more) { cost = arithmetic ? cost + more : cost; };
    llvm::SetVector<Value> reads(op->operand_begin(), op->operand_end());
    getUsedValuesDefinedAbove(op->getRegions(), reads);
    for (OpResult result : op->getResults()) {
      unsigned value = cut.addNode();
      produced[result] = node;
      held[result] = value;
      SmallVector<Reader> readers = getReaders(result), later;
      llvm::copy_if(readers, std::back_inserter(later), [&](const Reader &reader) { return isBackward(reader.op); });
      int64_t bytes = getTensorBytes(result).value_or(0), load = bytes * kBytePrice;
      bool isFree = arithmetic && op->getNumOperands() == 0;
      cut.addEdge(node, value, isFree ? 1 : std::max<int64_t>(1, getKeepCost(readers, bytes, price)));
      if (llvm::any_of(result.getUses(), [&](OpOperand &use) { return isBackward(getOwner(use)); }))
        cut.addEdge(value, MinimumCut::kSink, MinimumCut::kNever);
      if (later.empty() || isFree || isViewOp(op))
        continue;
      cut.addEdge(node, MinimumCut::kSink, load * later.size());
      if (later.size() > 1 || !later.front().joins)
        pay(load * (1 + later.size()));
    }
    for (Value read : reads) {
      int64_t load = isViewOp(op) ? 0 : getTensorBytes(read).value_or(0) * kBytePrice;
      auto from = produced.find(read);
      if (from == produced.end()) { // an argument, which is there
        pay(load);
        continue;
      }
      cut.addEdge(held[read], node, MinimumCut::kNever);
      cut.addEdge(from->second, node, load);
    }
    cut.addEdge(MinimumCut::kSource, node, cost);
  }
  cut.solve();
  again.clear();
  int64_t kept = 0;
  for (Operation *op : ops)
    for (OpResult result : op->getResults()) {
      if (!cut.isOnSinkSide(held[result]))
        continue;
      if (cut.isOnSinkSide(produced[result]))
        again.insert(op);
      else if (llvm::none_of(result.getUsers(), [&](Operation *user) { return user == body.getTerminator(); }))
        kept += getTensorBytes(result).value_or(0);
    }
  return kept;
}

bool Rematerializer::chooseWithin(int64_t budget, int64_t &kept) {
  if ((kept = choose(0)) <= budget)
    return true;
  int64_t low = 0, high = kHighestPrice;
  if ((kept = choose(high)) > budget)
    return false;
  while (high - low > std::max<int64_t>(1, low / 8)) {
    int64_t middle = low + (high - low) / 2;
    (choose(middle) <= budget ? high : low) = middle;
  }
  kept = choose(high);
  return true;
}

int64_t Rematerializer::countKept() const {
  int64_t kept = 0;
  for (Operation *op : ops)
    for (OpResult result : op->getResults()) {
      SmallVector<Reader> readers = getReaders(result);
      bool isReturned = llvm::any_of(readers, [&](const Reader &reader) { return reader.op == body.getTerminator(); });
      bool isRead = llvm::any_of(readers, [&](const Reader &reader) { return isBackward(reader.op); });
      if (isRead && !isReturned && !isViewOp(op))
        kept += getTensorBytes(result).value_or(0);
    }
  return kept;
}

unsigned Rematerializer::rewrite() {
  unsigned count = 0;
  for (Operation *op : llvm::reverse(ops)) {
    if (!again.contains(op))
      continue;
    Operation *first = nullptr;
    for (Operation *user : op->getUsers())
      if (Operation *owner = body.findAncestorOpInBlock(*user); isBackward(owner) && (!first || owner->isBeforeInBlock(first)))
        first = owner;
    if (!first)
      continue;
    Operation *clone = OpBuilder(first).clone(*op);
    if (isElementwiseOp(op)) {
      clone->setAttr(kRematerializedAttr, UnitAttr::get(op->getContext()));
      ++count;
    }
    for (auto [from, to] : llvm::zip_equal(op->getResults(), clone->getResults()))
      from.replaceUsesWithIf(to, [&](OpOperand &use) { return isBackward(getOwner(use)); });
  }
  return count;
}

} // namespace mlir::lowbit
