//===- BufferLiveness.cpp - when a buffer holds something -----------------===//
// Law: a range covers every use through every view. A use inside of a loop that the buffer was made outside of lasts as long as the loop.

#include "BufferLiveness.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace mlir::lowbit {

static unsigned number(Operation *op, unsigned next, DenseMap<Operation *, LiveRange> &numbers) {
  unsigned begin = next++;
  for (Region &region : op->getRegions())
    for (Operation &inner : region.getOps())
      next = number(&inner, next, numbers);
  numbers[op] = {begin, next};
  return next;
}

BufferLiveness::BufferLiveness(FunctionOpInterface function) : views(function) { number(function, 0, numbers); }

/// Whether one run of the block around `op` contains all of its runs: no loop, no thread of its own.
static bool runsOnce(Operation *op) {
  auto branch = dyn_cast<RegionBranchOpInterface>(op);
  if (!branch || isa<LoopLikeOpInterface>(op))
    return false;
  return llvm::none_of(llvm::seq<unsigned>(0, op->getNumRegions()), [&](unsigned i) { return branch.isRepetitiveRegion(i); });
}

/// The outermost block, from that of `alloc` on, in which one of `aliases` is defined; null when a loop lies between.
static Block *getAnchor(memref::AllocOp alloc, const BufferViewFlowAnalysis::ValueSetT &aliases) {
  Block *anchor = alloc->getBlock();
  for (Value alias : aliases)
    while (!anchor->getParent()->isAncestor(alias.getParentRegion())) {
      Operation *parent = anchor->getParentOp();
      if (!runsOnce(parent))
        return nullptr;
      anchor = parent->getBlock();
    }
  return anchor;
}

static bool hasBuffer(TypeRange types) { return llvm::any_of(types, llvm::IsaPred<BaseMemRefType>); }

FailureOr<LiveRange> BufferLiveness::getRange(memref::AllocOp alloc, std::string &reason) const {
  auto refuse = [&](const Twine &text) { return reason = text.str(), failure(); };
  BufferViewFlowAnalysis::ValueSetT aliases = views.resolve(alloc);
  Block *anchor = getAnchor(alloc, aliases);
  if (!anchor)
    return refuse("one iteration hands it to the next");
  LiveRange range;
  for (Value alias : aliases)
    for (Operation *user : alias.getUsers()) {
      if (isa<memref::DeallocOp>(user))
        continue;
      bool isTerminatorOfFunction = user->hasTrait<OpTrait::IsTerminator>() && isa<FunctionOpInterface>(user->getParentOp());
      bool hidesIt = isa<UnrealizedConversionCastOp, memref::ExtractAlignedPointerAsIndexOp>(user) ||
                     (isa<CallOpInterface>(user) && hasBuffer(user->getResultTypes())) || hasEffect<MemoryEffects::Free>(user, alias);
      if (isTerminatorOfFunction || hidesIt)
        return refuse("`" + user->getName().getStringRef() + "` hands it on");
      Operation *inAnchor = anchor->findAncestorOpInBlock(*user);
      if (!inAnchor)
        return refuse("it is used in another block");
      LiveRange use = numbers.lookup(inAnchor);
      range = {std::min(range.begin, use.begin), std::max(range.end, use.end)};
    }
  return range.end == 0 ? numbers.lookup(alloc) : range;
}

SmallVector<memref::DeallocOp> BufferLiveness::getDeallocs(memref::AllocOp alloc) const {
  SmallVector<memref::DeallocOp> deallocs;
  for (Value alias : views.resolve(alloc))
    for (Operation *user : alias.getUsers())
      if (auto dealloc = dyn_cast<memref::DeallocOp>(user))
        deallocs.push_back(dealloc);
  return deallocs;
}

SmallVector<Value> BufferLiveness::getOrigins(memref::DeallocOp dealloc) const {
  SmallVector<Value> origins;
  for (Value value : views.resolveReverse(dealloc.getMemref()))
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (isa<FunctionOpInterface>(argument.getOwner()->getParentOp()))
        origins.push_back(value);
    } else if (!hasBuffer(value.getDefiningOp()->getOperandTypes()) && !value.getDefiningOp()->getNumRegions()) {
      origins.push_back(value);
    }
  return origins;
}

} // namespace mlir::lowbit
