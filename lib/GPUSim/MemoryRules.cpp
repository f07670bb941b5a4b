//===- MemoryRules.cpp - plain loads, stores and atomics ------------------===//
// Law: an access stays what it is; before it the simulator is told of it.

#include "Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::lowbit::gpusim {

bool isLocal(Value address) {
  while (Operation *op = address.getDefiningOp()) {
    if (isa<LLVM::AllocaOp, memref::AllocaOp>(op))
      return true;
    if (auto element = dyn_cast<LLVM::GEPOp>(op))
      address = element.getBase();
    else if (auto view = dyn_cast<ViewLikeOpInterface>(op))
      address = view.getViewSource();
    else
      return false;
  }
  return false;
}

static LogicalResult follow(StringRef function, Value pointer, Type type, std::optional<uint64_t> alignment, Lowering &lowering) {
  const DataLayout layout = DataLayout::closest(lowering.getOperation());
  const uint64_t bytes = layout.getTypeSize(type), wanted = alignment ? *alignment : layout.getTypeABIAlignment(type);
  Value arguments[] = {lowering.site(), pointer, lowering.longWord(bytes), lowering.word(wanted)};
  lowering.call(function, {}, arguments);
  return success();
}

static std::optional<uint64_t> getAlignment(std::optional<uint64_t> alignment) {
  return alignment && *alignment ? alignment : std::nullopt;
}

static LogicalResult lowerLoad(LLVM::LoadOp op, Lowering &lowering) {
  if (isLocal(op.getAddr()))
    return success();
  return follow("lowbit_sim_load", op.getAddr(), op.getType(), getAlignment(op.getAlignment()), lowering);
}

static LogicalResult lowerStore(LLVM::StoreOp op, Lowering &lowering) {
  if (isLocal(op.getAddr()))
    return success();
  return follow("lowbit_sim_store", op.getAddr(), op.getValue().getType(), getAlignment(op.getAlignment()), lowering);
}

static LogicalResult lowerAtomic(LLVM::AtomicRMWOp op, Lowering &lowering) {
  return follow("lowbit_sim_atomic", op.getPtr(), op.getType(), getAlignment(op.getAlignment()), lowering);
}

static LogicalResult lowerExchange(LLVM::AtomicCmpXchgOp op, Lowering &lowering) {
  return follow("lowbit_sim_atomic", op.getPtr(), op.getVal().getType(), getAlignment(op.getAlignment()), lowering);
}

/// The address of an element of a memref.
static Value getAddress(Value memref, ValueRange indices, Lowering &lowering) {
  OpBuilder &builder = lowering.builder;
  Location loc = lowering.getLoc();
  auto metadata = memref::ExtractStridedMetadataOp::create(builder, loc, memref);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, memref), place = metadata.getOffset();
  for (auto [index, stride] : llvm::zip_equal(indices, metadata.getStrides()))
    place = arith::AddIOp::create(builder, loc, place, arith::MulIOp::create(builder, loc, index, stride));
  const uint64_t bytes = DataLayout::closest(lowering.getOperation()).getTypeSize(cast<MemRefType>(memref.getType()).getElementType());
  place = arith::MulIOp::create(builder, loc, place, arith::ConstantIndexOp::create(builder, loc, bytes));
  Value number = lowering.toInteger(arith::AddIOp::create(builder, loc, base, place), 64);
  return LLVM::IntToPtrOp::create(builder, loc, lowering.getPointerType(), number);
}

template <typename Op> static LogicalResult lowerElement(Op op, Lowering &lowering) {
  constexpr bool isStore = std::is_same_v<Op, memref::StoreOp>;
  Value memref = op.getMemRef();
  if (isLocal(memref))
    return success();
  return follow(isStore ? "lowbit_sim_store" : "lowbit_sim_load", getAddress(memref, op.getIndices(), lowering),
                op.getMemRefType().getElementType(), std::nullopt, lowering);
}

template <typename Op> static LogicalResult lowerVector(Op op, Lowering &lowering) {
  constexpr bool isStore = std::is_same_v<Op, vector::StoreOp>;
  if (isLocal(op.getBase()))
    return success();
  return follow(isStore ? "lowbit_sim_store" : "lowbit_sim_load", getAddress(op.getBase(), op.getIndices(), lowering), op.getVectorType(),
                getAlignment(op.getAlignment()), lowering);
}

static LogicalResult lowerAtomicElement(memref::AtomicRMWOp op, Lowering &lowering) {
  return follow("lowbit_sim_atomic", getAddress(op.getMemref(), op.getIndices(), lowering), op.getType(), std::nullopt, lowering);
}

void addMemoryRules(Rules &rules) {
  rules.add(lowerLoad);
  rules.add(lowerStore);
  rules.add(lowerAtomic);
  rules.add(lowerExchange);
  rules.add(lowerElement<memref::LoadOp>);
  rules.add(lowerElement<memref::StoreOp>);
  rules.add(lowerVector<vector::LoadOp>);
  rules.add(lowerVector<vector::StoreOp>);
  rules.add(lowerAtomicElement);
}

} // namespace mlir::lowbit::gpusim
