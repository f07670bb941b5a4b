//===- PlaceRules.cpp - ids, and where shared memory is -------------------===//
// Law: an address of shared memory that becomes a number is the number that it has on a GPU.

#include "Lowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::lowbit::gpusim {

/// Numbers of `lowbit_sim_register`.
enum Register : unsigned { ThreadId = 0, BlockId = 3, BlockDim = 6, GridDim = 9, Lane = 12, WarpId = 13, SharedBytes = 14 };

static Value readRegister(unsigned which, Type type, Lowering &lowering) {
  Value value = lowering.call("lowbit_sim_register", lowering.getWordType(), lowering.word(which));
  if (type.isIndex())
    return arith::IndexCastUIOp::create(lowering.builder, lowering.getLoc(), type, value);
  return lowering.toInteger(value, type.getIntOrFloatBitWidth());
}

static LogicalResult replaceByRegister(Operation *op, unsigned which, Lowering &lowering) {
  return lowering.replace(readRegister(which, op->getResult(0).getType(), lowering));
}

template <typename Op, unsigned first> static LogicalResult lowerDimension(Op op, Lowering &lowering) {
  return replaceByRegister(op, first + static_cast<unsigned>(op.getDimension()), lowering);
}

template <typename Op, unsigned which> static LogicalResult lowerRegister(Op op, Lowering &lowering) {
  return replaceByRegister(op, which, lowering);
}

template <typename Op> static LogicalResult lowerWarpSize(Op op, Lowering &lowering) {
  Type type = op->getResult(0).getType();
  return lowering.replace(arith::ConstantOp::create(lowering.builder, lowering.getLoc(), lowering.builder.getIntegerAttr(type, 32)));
}

static LogicalResult lowerSharedMemory(gpu::DynamicSharedMemoryOp op, Lowering &lowering) {
  OpBuilder &builder = lowering.builder;
  Location loc = lowering.getLoc();
  Type pointer = lowering.getPointerType(), index = builder.getI64Type();
  Value memory = lowering.call("lowbit_sim_shared", pointer, {});
  Value bytes = lowering.toInteger(lowering.call("lowbit_sim_register", lowering.getWordType(), lowering.word(SharedBytes)), 64);
  auto array = LLVM::LLVMArrayType::get(index, 1);
  auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), {pointer, pointer, index, array, array});
  Value descriptor = LLVM::UndefOp::create(builder, loc, type);
  auto insert = [&](Value value, ArrayRef<int64_t> position) {
    descriptor = LLVM::InsertValueOp::create(builder, loc, descriptor, value, position);
  };
  insert(memory, 0);
  insert(memory, 1);
  insert(lowering.longWord(0), 2);
  insert(bytes, {3, 0});
  insert(lowering.longWord(1), {4, 0});
  return lowering.replace(UnrealizedConversionCastOp::create(builder, loc, op.getType(), descriptor).getResult(0));
}

static bool isShared(Type type) {
  auto pointer = dyn_cast<LLVM::LLVMPointerType>(type);
  return pointer && (pointer.getAddressSpace() == 3 || pointer.getAddressSpace() == 7); // 7: of a block in a cluster, which is this one
}

static LogicalResult lowerToNumber(LLVM::PtrToIntOp op, Lowering &lowering) {
  if (!isShared(op.getArg().getType()))
    return success();
  Value address = lowering.call("lowbit_sim_to_shared", lowering.builder.getI64Type(), op.getArg());
  return lowering.replace(lowering.toInteger(address, op.getType().getIntOrFloatBitWidth()));
}

static LogicalResult lowerFromNumber(LLVM::IntToPtrOp op, Lowering &lowering) {
  if (!isShared(op.getType()))
    return success();
  Value pointer = lowering.call("lowbit_sim_from_shared", lowering.getPointerType(), lowering.toInteger(op.getArg(), 64));
  pointer.setType(op.getType()); // rules of its users look at the space, which all lose in the end
  return lowering.replace(pointer);
}

static LogicalResult lowerPointerOf(memref::ExtractAlignedPointerAsIndexOp op, Lowering &lowering) {
  if (!gpu::GPUDialect::isWorkgroupMemoryAddressSpace(cast<BaseMemRefType>(op.getSource().getType()).getMemorySpace()))
    return success();
  lowering.builder.setInsertionPointAfter(op);
  Value number = lowering.toInteger(op, 64);
  Operation *user = number.getDefiningOp();
  Value pointer = LLVM::IntToPtrOp::create(lowering.builder, lowering.getLoc(), lowering.getPointerType(), number);
  Value address = lowering.call("lowbit_sim_to_shared", lowering.builder.getI64Type(), pointer);
  Value index = arith::IndexCastUIOp::create(lowering.builder, lowering.getLoc(), op.getType(), address);
  op.getResult().replaceAllUsesExcept(index, user);
  return success();
}

/// All memory spaces are one.
static LogicalResult lowerSpaceCast(LLVM::AddrSpaceCastOp op, Lowering &) {
  op.replaceAllUsesWith(op.getArg());
  op.erase();
  return success();
}

void addPlaceRules(Rules &rules) {
  rules.add(lowerDimension<gpu::ThreadIdOp, ThreadId>);
  rules.add(lowerDimension<gpu::BlockIdOp, BlockId>);
  rules.add(lowerDimension<gpu::BlockDimOp, BlockDim>);
  rules.add(lowerDimension<gpu::GridDimOp, GridDim>);
  rules.add(lowerRegister<gpu::LaneIdOp, Lane>);
  rules.add(lowerRegister<gpu::SubgroupIdOp, WarpId>);
  rules.add(lowerWarpSize<gpu::SubgroupSizeOp>);
  rules.add(lowerRegister<NVVM::ThreadIdXOp, ThreadId>);
  rules.add(lowerRegister<NVVM::ThreadIdYOp, ThreadId + 1>);
  rules.add(lowerRegister<NVVM::ThreadIdZOp, ThreadId + 2>);
  rules.add(lowerRegister<NVVM::BlockIdXOp, BlockId>);
  rules.add(lowerRegister<NVVM::BlockIdYOp, BlockId + 1>);
  rules.add(lowerRegister<NVVM::BlockIdZOp, BlockId + 2>);
  rules.add(lowerRegister<NVVM::BlockDimXOp, BlockDim>);
  rules.add(lowerRegister<NVVM::BlockDimYOp, BlockDim + 1>);
  rules.add(lowerRegister<NVVM::BlockDimZOp, BlockDim + 2>);
  rules.add(lowerRegister<NVVM::GridDimXOp, GridDim>);
  rules.add(lowerRegister<NVVM::GridDimYOp, GridDim + 1>);
  rules.add(lowerRegister<NVVM::GridDimZOp, GridDim + 2>);
  rules.add(lowerRegister<NVVM::LaneIdOp, Lane>);
  rules.add(lowerRegister<NVVM::WarpIdOp, WarpId>);
  rules.add(lowerRegister<NVVM::DynamicSmemSize, SharedBytes>);
  rules.add(lowerWarpSize<NVVM::WarpSizeOp>);
  rules.add(lowerSharedMemory);
  rules.add(lowerToNumber);
  rules.add(lowerFromNumber);
  rules.add(lowerPointerOf);
  rules.add(lowerSpaceCast);
}

} // namespace mlir::lowbit::gpusim
