//===- Accumulators.cpp - accumulators of wgmma are places ----------------===//
// Law: one set of accumulators is one place for as long as products write it, as it is the same registers on a GPU. A value that is used
// after a product has written over it is refused.

#include "Lowering.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SetVector.h"

namespace mlir::lowbit::gpusim {

namespace {
class Placement {
public:
  Placement(func::FuncOp kernel, Lowering &lowering) : kernel(kernel), lowering(lowering) {}
  LogicalResult run();

private:
  static bool isStart(Operation *op) { return isa_and_nonnull<LLVM::UndefOp, LLVM::PoisonOp, LLVM::ZeroOp, LLVM::ConstantOp>(op); }
  void add(Value value) {
    if (!isStart(value.getDefiningOp()))
      values.insert(value);
  }
  LogicalResult collectFrom(Value value);
  LogicalResult checkUses(Value value);
  LogicalResult placeStart(OpOperand &use);
  LogicalResult placeInsert(LLVM::InsertValueOp op);
  LogicalResult placeExtract(LLVM::ExtractValueOp op);

  func::FuncOp kernel;
  Lowering &lowering;
  llvm::SetVector<Value> values;
};
} // namespace

/// Adds what has the same place as `value`: what it was made of, and what it goes into.
LogicalResult Placement::collectFrom(Value value) {
  auto addLoop = [&](scf::ForOp loop, unsigned index) {
    for (Value tied : {loop.getInitArgs()[index], Value(loop.getRegionIterArg(index)), loop.getResult(index),
                       loop.getBody()->getTerminator()->getOperand(index)})
      add(tied);
  };
  auto addBranch = [&](scf::IfOp branch, unsigned index) {
    add(branch.getResult(index));
    add(branch.thenYield().getOperand(index));
    add(branch.elseYield().getOperand(index));
  };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto loop = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp());
    if (!loop)
      return emitError(value.getLoc(), "accumulators of wgmma are an argument of `")
             << argument.getOwner()->getParentOp()->getName() << "`; expected `scf.for`";
    addLoop(loop, argument.getArgNumber() - loop.getNumInductionVars());
  } else {
    Operation *op = value.getDefiningOp();
    const unsigned index = cast<OpResult>(value).getResultNumber();
    if (auto product = dyn_cast<NVVM::WgmmaMmaAsyncOp>(op))
      add(product.getInouts());
    else if (auto insert = dyn_cast<LLVM::InsertValueOp>(op))
      add(insert.getContainer());
    else if (auto loop = dyn_cast<scf::ForOp>(op))
      addLoop(loop, index);
    else if (auto branch = dyn_cast<scf::IfOp>(op))
      addBranch(branch, index);
    else
      return op->emitOpError("makes accumulators of wgmma, which has no model; expected `llvm.insertvalue`, a constant, or a loop");
  }
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (isa<NVVM::WgmmaMmaAsyncOp, LLVM::InsertValueOp>(user))
      add(user->getResult(0));
    else if (auto loop = dyn_cast<scf::ForOp>(user))
      addLoop(loop, use.getOperandNumber() - loop.getNumControlOperands());
    else if (auto loop = dyn_cast<scf::ForOp>(user->getParentOp()); loop && isa<scf::YieldOp>(user))
      addLoop(loop, use.getOperandNumber());
    else if (auto branch = dyn_cast<scf::IfOp>(user->getParentOp()); branch && isa<scf::YieldOp>(user))
      addBranch(branch, use.getOperandNumber());
    else if (!isa<LLVM::ExtractValueOp>(user))
      return user->emitOpError("takes accumulators of wgmma, which has no model");
  }
  return success();
}

LogicalResult Placement::checkUses(Value value) {
  Operation *last = nullptr;
  for (Operation *user : value.getUsers()) {
    if (isa<LLVM::ExtractValueOp>(user))
      continue;
    if (last)
      return user->emitOpError("takes accumulators that another op goes on with; they are one set of registers");
    last = user;
  }
  for (Operation *user : value.getUsers())
    if (last && user != last && user->getBlock() == last->getBlock() && last->isBeforeInBlock(user))
      return user->emitOpError("looks at accumulators that have been written over");
  return success();
}

static unsigned countWords(Type type) {
  auto structType = dyn_cast<LLVM::LLVMStructType>(type);
  return structType ? structType.getBody().size() : 0;
}

static constexpr unsigned kHeaderWords = 2; // sim::Accumulators

LogicalResult Placement::placeStart(OpOperand &use) {
  Operation *start = use.get().getDefiningOp();
  const unsigned words = countWords(use.get().getType());
  // Registers are set where the constant stands; what a loop outside of it uses again is set again.
  lowering.moveTo(start->getBlock() == use.getOwner()->getBlock() ? start : use.getOwner());
  Value place = lowering.allocate(kHeaderWords + words);
  if (isa<LLVM::UndefOp, LLVM::PoisonOp>(start)) {
    // Nothing is written, so that no fence is due for it; for what was done with the same registers before one still is.
    OpBuilder::InsertionGuard guard(lowering.builder);
    lowering.builder.setInsertionPointAfter(place.getDefiningOp());
    for (unsigned i = 0; i < kHeaderWords; ++i)
      LLVM::StoreOp::create(lowering.builder, lowering.getLoc(), lowering.word(0), lowering.getElement(place, i));
    use.set(place);
    return success();
  }
  lowering.call("lowbit_sim_accumulators", {}, place);
  if (isa<LLVM::ConstantOp>(start))
    return start->emitOpError("makes accumulators of wgmma, which has no model; expected `llvm.mlir.zero`, `llvm.mlir.undef`, or elements");
  if (isa<LLVM::ZeroOp>(start))
    for (unsigned i = 0; i < words; ++i)
      LLVM::StoreOp::create(lowering.builder, lowering.getLoc(), lowering.word(0), lowering.getElement(place, kHeaderWords + i));
  use.set(place);
  return success();
}

LogicalResult Placement::placeInsert(LLVM::InsertValueOp op) {
  lowering.moveTo(op);
  Value bits = lowering.toWord(op.getValue());
  if (!bits)
    return failure();
  lowering.call("lowbit_sim_accumulators", {}, op.getContainer());
  LLVM::StoreOp::create(lowering.builder, lowering.getLoc(), bits,
                        lowering.getElement(op.getContainer(), kHeaderWords + op.getPosition().front()));
  op.replaceAllUsesWith(op.getContainer());
  op.erase();
  return success();
}

LogicalResult Placement::placeExtract(LLVM::ExtractValueOp op) {
  lowering.moveTo(op);
  Value bits = lowering.call("lowbit_sim_accumulator", lowering.getWordType(),
                             {lowering.site(), op.getContainer(), lowering.word(op.getPosition().front())});
  Value value = lowering.fromWord(bits, op.getType());
  if (!value)
    return failure();
  op.replaceAllUsesWith(value);
  op.erase();
  return success();
}

LogicalResult Placement::run() {
  kernel.walk([&](NVVM::WgmmaMmaAsyncOp op) {
    add(op.getInouts());
    values.insert(op->getResult(0));
  });
  for (size_t i = 0; i < values.size(); ++i)
    if (failed(collectFrom(values[i])))
      return failure();
  SmallVector<OpOperand *> starts;
  SmallVector<LLVM::InsertValueOp> inserts;
  SmallVector<LLVM::ExtractValueOp> extracts;
  for (Value value : values) {
    if (failed(checkUses(value)))
      return failure();
    for (Operation *user : value.getUsers())
      if (auto extract = dyn_cast<LLVM::ExtractValueOp>(user))
        extracts.push_back(extract);
    if (auto insert = value.getDefiningOp<LLVM::InsertValueOp>())
      inserts.push_back(insert);
  }
  // A constant starts a place of its own wherever it goes into one.
  kernel.walk([&](Operation *op) {
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isStart(operand.get().getDefiningOp()) || !isa<LLVM::LLVMStructType>(operand.get().getType()))
        continue;
      bool goesIntoPlace = isa<NVVM::WgmmaMmaAsyncOp>(op) || (isa<LLVM::InsertValueOp>(op) && values.contains(op->getResult(0)));
      if (auto loop = dyn_cast<scf::ForOp>(op))
        goesIntoPlace = values.contains(loop.getResult(operand.getOperandNumber() - loop.getNumControlOperands()));
      if (isa<scf::YieldOp>(op))
        goesIntoPlace = values.contains(op->getParentOp()->getResult(operand.getOperandNumber()));
      if (goesIntoPlace)
        starts.push_back(&operand);
    }
  });
  for (Value value : values)
    value.setType(lowering.getPointerType());
  for (OpOperand *start : starts)
    if (failed(placeStart(*start)))
      return failure();
  for (LLVM::InsertValueOp insert : inserts)
    if (failed(placeInsert(insert)))
      return failure();
  for (LLVM::ExtractValueOp extract : extracts)
    if (failed(placeExtract(extract)))
      return failure();
  return success();
}

LogicalResult placeAccumulators(func::FuncOp kernel, Lowering &lowering) { return Placement(kernel, lowering).run(); }

} // namespace mlir::lowbit::gpusim
