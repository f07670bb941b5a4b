//===- Mutants.cpp - a kernel with one thing wrong ------------------------===//
#include "Mutants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"
#include <optional>
#include <random>

namespace mlir::lowbit::unittest {
namespace {

/// Counts possible changes, and makes the one that is asked for; without a number, it lists them.
class Mutation {
public:
  explicit Mutation(std::optional<unsigned> index) : wanted(index) {}
  void offer(Change::Group group, Operation *op, const Twine &what, llvm::function_ref<void()> make) {
    if (!wanted)
      changes.push_back({group, (op->getName().getStringRef() + ": " + what).str()});
    if (isDone() || count++ != wanted)
      return;
    llvm::raw_string_ostream stream(text);
    stream << op->getName() << " at " << op->getLoc() << ": " << what;
    make();
  }
  bool isDone() const { return !text.empty(); }
  std::string text;
  std::vector<Change> changes;

private:
  std::optional<unsigned> wanted;
  unsigned count = 0;
};

} // namespace

static Value makeWord(OpBuilder &builder, Operation *op, int64_t value) {
  return arith::ConstantOp::create(builder, op->getLoc(), builder.getI32IntegerAttr(static_cast<int32_t>(value)));
}

/// One of `value`'s type.
static Value makeLike(Operation *op, Value value, const APInt &number) {
  OpBuilder builder(op);
  return arith::ConstantOp::create(builder, op->getLoc(), builder.getIntegerAttr(value.getType(), number));
}

/// Ops that order others: without them the kernel is wrong.
static bool isOrdering(Operation *op) {
  return isa<gpu::BarrierOp, NVVM::Barrier0Op, NVVM::SyncWarpOp, NVVM::CpAsyncCommitGroupOp, NVVM::CpAsyncWaitGroupOp,
             NVVM::CpAsyncBulkCommitGroupOp, NVVM::CpAsyncBulkWaitGroupOp, NVVM::WgmmaFenceAlignedOp, NVVM::WgmmaGroupSyncAlignedOp,
             NVVM::WgmmaWaitGroupSyncOp, NVVM::FenceMbarrierInitOp, NVVM::FenceProxyOp, NVVM::MBarrierTryWaitParityOp, NVVM::MBarrierInitOp,
             NVVM::Tcgen05AllocOp, NVVM::Tcgen05DeallocOp, NVVM::Tcgen05FenceOp, NVVM::Tcgen05WaitOp, NVVM::Tcgen05CommitOp>(op) ||
         (isa<NVVM::BarrierOp, NVVM::MBarrierArriveOp, NVVM::MBarrierArriveExpectTxOp, NVVM::BarrierArriveOp>(op) && op->use_empty());
}

static void changeWaits(Operation *op, Mutation &mutation) {
  Builder attributes(op->getContext());
  OpBuilder builder(op);
  if (auto wait = dyn_cast<NVVM::CpAsyncWaitGroupOp>(op))
    mutation.offer(Change::Order, op, "waits for one group less", [&] { wait.setN(wait.getN() + 1); });
  if (auto wait = dyn_cast<NVVM::CpAsyncBulkWaitGroupOp>(op))
    mutation.offer(Change::Order, op, "waits for one group less", [&] { wait.setGroup(wait.getGroup() + 1); });
  if (auto wait = dyn_cast<NVVM::WgmmaWaitGroupSyncOp>(op))
    mutation.offer(Change::Order, op, "waits for one group less", [&] { wait.setGroup(wait.getGroup() + 1); });
  if (auto wait = dyn_cast<NVVM::MBarrierTryWaitParityOp>(op))
    mutation.offer(Change::Order, op, "waits for the other parity", [&] {
      Value other = arith::XOrIOp::create(builder, op->getLoc(), wait.getPhase(), makeWord(builder, op, 1));
      wait.getPhaseMutable().assign(other);
    });
  if (auto init = dyn_cast<NVVM::MBarrierInitOp>(op))
    mutation.offer(Change::Order, op, "expects one arrival more", [&] {
      Value more = arith::AddIOp::create(builder, op->getLoc(), init.getCount(), makeWord(builder, op, 1));
      init.getCountMutable().assign(more);
    });
  if (auto arrive = dyn_cast<NVVM::MBarrierArriveExpectTxOp>(op))
    for (int64_t more : {16, -16})
      mutation.offer(Change::Order, op, "expects " + Twine(more) + " bytes more", [&] {
        Value bytes = arith::AddIOp::create(builder, op->getLoc(), arrive.getTxcount(), makeWord(builder, op, more));
        arrive.getTxcountMutable().assign(bytes);
      });
}

/// Whose register a lane takes.
static void changeShuffles(Operation *op, Mutation &mutation) {
  auto shuffle = dyn_cast<NVVM::ShflOp>(op);
  // The first lane's is what all have, and is to be known as such.
  if (!shuffle || matchPattern(shuffle.getOffset(), m_Zero()))
    return;
  OpBuilder builder(op);
  mutation.offer(Change::Order, op, "takes it from another lane", [&] {
    Value half = arith::ShRUIOp::create(builder, op->getLoc(), shuffle.getOffset(), makeWord(builder, op, 1));
    shuffle.getOffsetMutable().assign(half);
  });
}

/// What a product by tcgen05 is told.
static void changeProducts(Operation *op, Mutation &mutation) {
  auto product = dyn_cast<NVVM::Tcgen05MMAOp>(op);
  if (!product)
    return;
  OpBuilder builder(op);
  mutation.offer(Change::Order, op, "begins at zero where it is to add, and adds where not", [&] {
    Value one = arith::ConstantOp::create(builder, op->getLoc(), builder.getBoolAttr(true));
    product.getEnableInputDMutable().assign(arith::XOrIOp::create(builder, op->getLoc(), product.getEnableInputD(), one));
  });
  mutation.offer(Change::Order, op, "has 16 columns more", [&] {
    Value more = arith::AddIOp::create(builder, op->getLoc(), product.getIdesc(), makeWord(builder, op, 16 / 8 << 17));
    product.getIdescMutable().assign(more);
  });
}

/// What is only brought into caches computes nothing.
static bool isPrefetched(Operation *address) {
  return !address->use_empty() && llvm::all_of(address->getUsers(), [](Operation *user) { return isa<NVVM::PrefetchOp>(user); });
}

/// Whether an address, in the end, is made of `value`; through arithmetic and loops.
static bool reachesAddress(Value value, llvm::SmallPtrSetImpl<Operation *> &seen) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isPrefetched(user))
      continue;
    if (isa<LLVM::GEPOp, LLVM::IntToPtrOp, NVVM::WgmmaMmaAsyncOp, NVVM::Tcgen05MMAOp>(user))
      return true;
    if (user->getDialect()->getNamespace() != "arith" || isa<arith::CmpIOp, arith::SelectOp>(user) || !seen.insert(user).second)
      continue;
    if (reachesAddress(user->getResult(0), seen))
      return true;
  }
  return false;
}

/// Strides, stages, swizzles: constants that multiply, shift, mask or wrap what becomes an address.
static void changeConstants(Operation *op, Mutation &mutation) {
  if (!isa<arith::MulIOp, arith::ShLIOp, arith::ShRUIOp, arith::RemUIOp, arith::DivUIOp, arith::AndIOp>(op))
    return;
  APInt value;
  Value constant = op->getOperand(1);
  llvm::SmallPtrSet<Operation *, 16> seen;
  if (!matchPattern(constant, m_ConstantInt(&value)) || !reachesAddress(op->getResult(0), seen))
    return;
  const bool isScale = isa<arith::MulIOp>(op);
  mutation.offer(Change::Stride, op, isScale ? "half the stride" : "the constant is one less", [&] {
    // A mask of an address: of less of it. Low bits may be zero anyway.
    const bool isHalved = isScale && value.ugt(1), isCut = isa<arith::AndIOp>(op) && value.ugt(0xFFFF);
    const APInt changed = isHalved ? value.lshr(1) : isCut ? value.lshr(8) : value.isOne() ? value + 1 : value - 1;
    op->setOperand(1, makeLike(op, constant, changed));
  });
}

/// Half of a distance, or nothing; one more of those that lead back from an end.
static APInt changeDistance(const APInt &value) { return value.isNegative() ? value - 1 : value.lshr(1); }

static bool isKernelArgument(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (op->getNumOperands() != 1 || op->getDialect()->getNamespace() != "arith")
      return false;
    value = op->getOperand(0);
  }
  return isa<gpu::GPUFuncOp>(cast<BlockArgument>(value).getOwner()->getParentOp());
}

/// Distances from an address: what is added to what becomes one, pitches that are arguments, swizzles.
static void changeOffsets(Operation *op, Mutation &mutation) {
  if (auto element = dyn_cast<LLVM::GEPOp>(op)) {
    if (isPrefetched(op))
      return;
    SmallVector<int32_t> indices(element.getRawConstantIndices());
    for (int32_t &index : indices)
      if (index != LLVM::GEPOp::kDynamicIndex && index)
        mutation.offer(Change::Offset, op, "another distance", [&] {
          index = static_cast<int32_t>(changeDistance(APInt(32, index, /*isSigned=*/true)).getSExtValue());
          element.setRawConstantIndices(indices);
        });
    return;
  }
  llvm::SmallPtrSet<Operation *, 16> seen;
  if (!isa<arith::AddIOp, arith::SubIOp, arith::OrIOp, arith::XOrIOp, arith::MulIOp>(op) || !reachesAddress(op->getResult(0), seen))
    return;
  if (isa<arith::MulIOp>(op)) {
    for (OpOperand &side : op->getOpOperands())
      if (isKernelArgument(side.get()))
        mutation.offer(Change::Offset, op, "half the pitch", [&] {
          OpBuilder builder(op);
          Value one = makeLike(op, side.get(), APInt(side.get().getType().getIntOrFloatBitWidth(), 1));
          side.set(arith::ShRUIOp::create(builder, op->getLoc(), side.get(), one));
        });
    return;
  }
  APInt value;
  if (matchPattern(op->getOperand(1), m_ConstantInt(&value)))
    mutation.offer(Change::Offset, op, "another distance",
                   [&] { op->setOperand(1, makeLike(op, op->getOperand(1), changeDistance(value))); });
  else if (isa<arith::XOrIOp>(op))
    mutation.offer(Change::Offset, op, "is not swizzled", [&] { op->getResult(0).replaceAllUsesWith(op->getOperand(0)); });
}

/// Who comes to barriers of a part of the block.
static void changeBarriers(Operation *op, Mutation &mutation) {
  if (!isa<NVVM::BarrierOp, NVVM::BarrierArriveOp>(op))
    return;
  OpBuilder builder(op);
  auto change = [&](MutableOperandRange number, const Twine &what, int64_t by) {
    for (OpOperand &operand : number)
      mutation.offer(Change::Order, op, what,
                     [&] { operand.set(arith::AddIOp::create(builder, op->getLoc(), operand.get(), makeWord(builder, op, by))); });
  };
  if (auto barrier = dyn_cast<NVVM::BarrierOp>(op)) {
    change(barrier.getBarrierIdMutable(), "another barrier", 1);
    change(barrier.getNumberOfThreadsMutable(), "one warp more", 32);
  } else if (auto arrive = dyn_cast<NVVM::BarrierArriveOp>(op)) {
    change(arrive.getBarrierIdMutable(), "another barrier", 1);
  }
}

static void offerAll(ModuleOp module, StringRef name, Mutation &mutation) {
  module.walk([&](gpu::GPUFuncOp kernel) {
    if (kernel.getName() != name)
      return WalkResult::advance();
    SmallVector<Operation *> ops;
    kernel.walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      changeWaits(op, mutation);
      changeBarriers(op, mutation);
      changeShuffles(op, mutation);
      changeProducts(op, mutation);
      changeConstants(op, mutation);
      changeOffsets(op, mutation);
      if (isOrdering(op))
        mutation.offer(Change::Order, op, "is not there", [&] { op->erase(); });
      if (mutation.isDone())
        return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
}

std::string mutate(ModuleOp module, StringRef kernel, unsigned index) {
  Mutation mutation(index);
  offerAll(module, kernel, mutation);
  return mutation.text;
}

std::vector<Change> listChanges(ModuleOp module, StringRef kernel) {
  Mutation mutation(std::nullopt);
  offerAll(module, kernel, mutation);
  return mutation.changes;
}

std::vector<unsigned> drawMutants(ArrayRef<Change> changes, unsigned strides, unsigned offsets, uint64_t seed) {
  std::mt19937_64 random(seed);
  llvm::MapVector<std::pair<Change::Group, StringRef>, std::vector<unsigned>> kinds;
  for (auto [number, change] : llvm::enumerate(changes))
    kinds[{change.group, change.kind}].push_back(number);
  std::vector<unsigned> drawn;
  for (auto &[kind, numbers] : kinds) {
    const unsigned most = kind.first == Change::Stride ? strides : kind.first == Change::Offset ? offsets : 0;
    for (unsigned i = 0; most && i < most && i < numbers.size(); ++i)
      std::swap(numbers[i], numbers[i + random() % (numbers.size() - i)]);
    if (most && most < numbers.size())
      numbers.resize(most);
    drawn.insert(drawn.end(), numbers.begin(), numbers.end());
  }
  llvm::sort(drawn);
  return drawn;
}

} // namespace mlir::lowbit::unittest
