//===- Mutants.cpp - a kernel with one thing wrong ------------------------===//
#include "Mutants.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Builders.h"
#include <functional>

namespace mlir::lowbit::unittest {
namespace {

/// Counts possible changes, and makes the one that is asked for.
class Mutation {
public:
  explicit Mutation(unsigned index) : left(index) {}
  void offer(Operation *op, const Twine &change, llvm::function_ref<void()> make) {
    if (!text.empty() || left-- != 0)
      return;
    llvm::raw_string_ostream stream(text);
    stream << op->getName() << " at " << op->getLoc() << ": " << change;
    make();
  }
  bool isDone() const { return !text.empty(); }
  std::string text;

private:
  unsigned left;
};

} // namespace

static Value makeWord(OpBuilder &builder, Operation *op, int64_t value) {
  return arith::ConstantOp::create(builder, op->getLoc(), builder.getI32IntegerAttr(static_cast<int32_t>(value)));
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
    mutation.offer(op, "waits for one group less", [&] { wait.setN(wait.getN() + 1); });
  if (auto wait = dyn_cast<NVVM::CpAsyncBulkWaitGroupOp>(op))
    mutation.offer(op, "waits for one group less", [&] { wait.setGroup(wait.getGroup() + 1); });
  if (auto wait = dyn_cast<NVVM::WgmmaWaitGroupSyncOp>(op))
    mutation.offer(op, "waits for one group less", [&] { wait.setGroup(wait.getGroup() + 1); });
  if (auto wait = dyn_cast<NVVM::MBarrierTryWaitParityOp>(op))
    mutation.offer(op, "waits for the other parity", [&] {
      Value other = arith::XOrIOp::create(builder, op->getLoc(), wait.getPhase(), makeWord(builder, op, 1));
      wait.getPhaseMutable().assign(other);
    });
  if (auto init = dyn_cast<NVVM::MBarrierInitOp>(op))
    mutation.offer(op, "expects one arrival more", [&] {
      Value more = arith::AddIOp::create(builder, op->getLoc(), init.getCount(), makeWord(builder, op, 1));
      init.getCountMutable().assign(more);
    });
  if (auto arrive = dyn_cast<NVVM::MBarrierArriveExpectTxOp>(op))
    for (int64_t more : {16, -16})
      mutation.offer(op, "expects " + Twine(more) + " bytes more", [&] {
        Value bytes = arith::AddIOp::create(builder, op->getLoc(), arrive.getTxcount(), makeWord(builder, op, more));
        arrive.getTxcountMutable().assign(bytes);
      });
}

/// What a product by tcgen05 is told.
static void changeProducts(Operation *op, Mutation &mutation) {
  auto product = dyn_cast<NVVM::Tcgen05MMAOp>(op);
  if (!product)
    return;
  OpBuilder builder(op);
  mutation.offer(op, "begins at zero where it is to add, and adds where not", [&] {
    Value one = arith::ConstantOp::create(builder, op->getLoc(), builder.getBoolAttr(true));
    product.getEnableInputDMutable().assign(arith::XOrIOp::create(builder, op->getLoc(), product.getEnableInputD(), one));
  });
  mutation.offer(op, "has 16 columns more", [&] {
    Value more = arith::AddIOp::create(builder, op->getLoc(), product.getIdesc(), makeWord(builder, op, 16 / 8 << 17));
    product.getIdescMutable().assign(more);
  });
}

/// Whether an address, in the end, is made of `value`; through arithmetic and loops.
static bool reachesAddress(Value value, llvm::SmallPtrSetImpl<Operation *> &seen) {
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
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
  if (isa<LLVM::GEPOp>(op))
    return;
  if (!isa<arith::MulIOp, arith::ShLIOp, arith::ShRUIOp, arith::RemUIOp, arith::DivUIOp, arith::AndIOp>(op))
    return;
  APInt value;
  Value constant = op->getOperand(1);
  llvm::SmallPtrSet<Operation *, 16> seen;
  if (!matchPattern(constant, m_ConstantInt(&value)) || !reachesAddress(op->getResult(0), seen))
    return;
  const bool isScale = isa<arith::MulIOp>(op);
  mutation.offer(op, isScale ? "half the stride" : "the constant is one less", [&] {
    OpBuilder builder(op);
    // A mask of an address: of less of it. Low bits may be zero anyway.
    const bool isHalved = isScale && value.ugt(1), isCut = isa<arith::AndIOp>(op) && value.ugt(0xFFFF);
    const APInt changed = isHalved ? value.lshr(1) : isCut ? value.lshr(8) : value.isOne() ? value + 1 : value - 1;
    op->setOperand(1, arith::ConstantOp::create(builder, op->getLoc(), builder.getIntegerAttr(constant.getType(), changed)));
  });
}

std::string mutate(ModuleOp module, unsigned index) {
  Mutation mutation(index);
  module.walk([&](gpu::GPUFuncOp kernel) {
    SmallVector<Operation *> ops;
    kernel.walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      changeWaits(op, mutation);
      changeProducts(op, mutation);
      changeConstants(op, mutation);
      if (isOrdering(op))
        mutation.offer(op, "is not there", [&] { op->erase(); });
      if (mutation.isDone())
        return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return mutation.text;
}

} // namespace mlir::lowbit::unittest
