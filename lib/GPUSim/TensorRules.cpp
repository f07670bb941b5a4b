//===- TensorRules.cpp - tcgen05 ------------------------------------------===//
// Law: registers that tcgen05.ld fills are a place, of which each use asks whether the load was waited for.

#include "Lowering.h"
#include "lowbit/Execution/Sim/TensorMemory.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit::gpusim {

/// An address of tensor memory as its 32 bits.
static Value getWord(Value pointer, Lowering &lowering) {
  return LLVM::PtrToIntOp::create(lowering.builder, lowering.getLoc(), lowering.getWordType(), pointer);
}

template <typename Op> static bool isOfOneBlock(Op op) { return op.getGroup() == NVVM::CTAGroupKind::CTA_1; }
static constexpr StringLiteral twoBlocks = "of two blocks has no model; expected `cta_1`";

static LogicalResult lowerAlloc(NVVM::Tcgen05AllocOp op, Lowering &lowering) {
  if (!isOfOneBlock(op))
    return lowering.refuse(twoBlocks);
  lowering.call("lowbit_sim_tcgen05_alloc", {}, {lowering.site(), op.getAddr(), op.getNCols()});
  op.erase();
  return success();
}

static LogicalResult lowerDealloc(NVVM::Tcgen05DeallocOp op, Lowering &lowering) {
  if (!isOfOneBlock(op))
    return lowering.refuse(twoBlocks);
  lowering.call("lowbit_sim_tcgen05_dealloc", {}, {lowering.site(), getWord(op.getTaddr(), lowering), op.getNCols()});
  op.erase();
  return success();
}

static LogicalResult lowerRelinquish(NVVM::Tcgen05RelinquishAllocPermitOp op, Lowering &lowering) {
  if (!isOfOneBlock(op))
    return lowering.refuse(twoBlocks);
  lowering.call("lowbit_sim_tcgen05_relinquish", {}, lowering.site());
  op.erase();
  return success();
}

static LogicalResult lowerFence(NVVM::Tcgen05FenceOp op, Lowering &lowering) {
  lowering.call("lowbit_sim_tcgen05_fence", {}, lowering.word(op.getKind() == NVVM::Tcgen05FenceKind::AFTER_THREAD_SYNC));
  op.erase();
  return success();
}

static LogicalResult lowerWait(NVVM::Tcgen05WaitOp op, Lowering &lowering) {
  if (op.getKind() != NVVM::Tcgen05WaitKind::LOAD)
    return lowering.refuse("for stores has no model");
  lowering.call("lowbit_sim_tcgen05_wait", {}, lowering.site());
  op.erase();
  return success();
}

static LogicalResult lowerCommit(NVVM::Tcgen05CommitOp op, Lowering &lowering) {
  if (!isOfOneBlock(op) || op.getMulticastMask())
    return lowering.refuse("to several blocks of a cluster has no model");
  lowering.call("lowbit_sim_tcgen05_commit", {}, {lowering.site(), op.getAddr()});
  op.erase();
  return success();
}

static LogicalResult lowerProduct(NVVM::Tcgen05MMAOp op, Lowering &lowering) {
  if (op.getKind() != NVVM::Tcgen05MMAKind::I8)
    return lowering.refuse("of this kind has no model; `i8` has");
  if (op.getCtaGroup() != NVVM::CTAGroupKind::CTA_1)
    return lowering.refuse(twoBlocks);
  if (!op.getMatrixA().getType().isInteger(64) || op.getScaleInputD() || op.getDisableOutputLane() || op.getAShift() ||
      op.getCollectorOp() != NVVM::Tcgen05MMACollectorOp::DISCARD)
    return lowering.refuse("has no model but of A and B in shared memory, and of all lanes, without a scale, a shift or a collector");
  lowering.call("lowbit_sim_tcgen05_mma", {},
                {lowering.site(), getWord(op.getMatrixD(), lowering), op.getMatrixA(), op.getMatrixB(), op.getIdesc(),
                 lowering.toInteger(op.getEnableInputD(), 32)});
  op.erase();
  return success();
}

static std::optional<sim::TensorShape> getShape(NVVM::Tcgen05LdStShape shape) {
  switch (shape) {
  case NVVM::Tcgen05LdStShape::SHAPE_32X32B:
    return sim::TensorShape::Lanes32x32;
  case NVVM::Tcgen05LdStShape::SHAPE_16X256B:
    return sim::TensorShape::Lanes16x256;
  default:
    return std::nullopt;
  }
}

static LogicalResult lowerLoad(NVVM::Tcgen05LdOp op, Lowering &lowering) {
  const std::optional<sim::TensorShape> shape = getShape(op.getShape());
  auto type = dyn_cast<VectorType>(op.getType());
  if (!shape || op.getPack() || op.getOffset() || !type)
    return lowering.refuse("has no model but in shapes 32x32b and 16x256b, of several registers of 32 bits");
  for (Operation *user : op->getUsers())
    if (auto extract = dyn_cast<vector::ExtractOp>(user);
        !extract || extract.getStaticPosition().size() != 1 || extract.hasDynamicPosition())
      return user->emitOpError("takes registers of `tcgen05.ld`, which has no model; expected `vector.extract` of one");
  const unsigned count = type.getNumElements();
  Value registers = lowering.allocate(1 + count);
  lowering.call("lowbit_sim_tcgen05_load", {},
                {lowering.site(), registers, getWord(op.getTmemAddr(), lowering), lowering.word(static_cast<unsigned>(*shape)),
                 lowering.word(count)});
  return lowering.replace(UnrealizedConversionCastOp::create(lowering.builder, lowering.getLoc(), type, registers).getResult(0));
}

/// A register of a load, by the rule above; other vectors are the host's.
static LogicalResult lowerExtract(vector::ExtractOp op, Lowering &lowering) {
  auto cast = op.getSource().getDefiningOp<UnrealizedConversionCastOp>();
  if (!cast || !isa<LLVM::LLVMPointerType>(cast.getOperand(0).getType()))
    return success();
  Value index = lowering.word(op.getStaticPosition().front());
  return lowering.replace(
      lowering.call("lowbit_sim_tcgen05_register", lowering.getWordType(), {lowering.site(), cast.getOperand(0), index}));
}

void addTensorRules(Rules &rules) {
  rules.add(lowerAlloc);
  rules.add(lowerDealloc);
  rules.add(lowerRelinquish);
  rules.add(lowerFence);
  rules.add(lowerWait);
  rules.add(lowerCommit);
  rules.add(lowerProduct);
  rules.add(lowerLoad);
  rules.add(lowerExtract);
}

} // namespace mlir::lowbit::gpusim
