//===- TensorMaps.cpp - descriptions of matrices that bulk copies take ----===//

#include "TensorMaps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::lowbit {

std::pair<Type, DictionaryAttr> TensorMap::getArgument(MLIRContext *context) {
  Builder builder(context);
  NamedAttribute attributes[] = {
      builder.getNamedAttr(LLVM::LLVMDialect::getByValAttrName(), TypeAttr::get(LLVM::LLVMArrayType::get(builder.getI64Type(), 16))),
      builder.getNamedAttr(LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(64))};
  return {LLVM::LLVMPointerType::get(context), builder.getDictionaryAttr(attributes)};
}

Value TensorMap::build(KernelBuilder &b) const {
  constexpr llvm::StringLiteral name = "lowbit_gpu_tensor_map";
  Value wide[] = {LLVM::PtrToIntOp::create(b, b.getI64Type(), address), b.widen(rows), b.widen(columns), b.widen(pitch)};
  Value operands[] = {wide[0],
                      b.i32(1),
                      wide[1],
                      wide[2],
                      wide[3],
                      b.i32(boxRows),
                      b.i32(boxColumns),
                      b.i32(128),
                      batches ? b.widen(batches) : b.i64(0),
                      batches ? b.widen(batchPitch) : b.i64(0)};
  auto module = b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    SmallVector<Type> types = llvm::map_to_vector(operands, [](Value value) { return value.getType(); });
    func::FuncOp::create(b, name, b.getFunctionType(types, LLVM::LLVMPointerType::get(b.getContext()))).setPrivate();
  }
  return func::CallOp::create(b, name, LLVM::LLVMPointerType::get(b.getContext()), operands).getResult(0);
}

void copyBox(KernelBuilder &b, Value map, Value target, Value barrier, Value row, Value column, Value batch) {
  SmallVector<Value> coordinates{column, row};
  if (batch)
    coordinates.push_back(batch);
  // Shared memory of the cluster: an address of the block's own is one of it.
  target = LLVM::AddrSpaceCastOp::create(b, LLVM::LLVMPointerType::get(b.getContext(), 7), target);
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(b, target, map, coordinates, barrier, /*im2colOffsets=*/ValueRange(),
                                                         /*multicastMask=*/Value(), /*l2CacheHint=*/Value(), NVVM::TMALoadMode::TILE,
                                                         /*isCTAOnly=*/false, NVVM::CTAGroupKindAttr(), /*predicate=*/Value());
}

} // namespace mlir::lowbit
