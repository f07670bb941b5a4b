//===- MatmulKernel.cpp - arguments of a kernel, on both sides ------------===//

#include "lowbit/GPU/MatmulKernel.h"

namespace mlir::lowbit {

std::array<int64_t, 3> MatmulKernel::guessSizes() const {
  constexpr int64_t usual = 1024;
  return {rows ? rows : usual, columns ? columns : usual, depth ? depth : usual};
}

int64_t MatmulKernel::guessBatches() const {
  constexpr int64_t usual = 8;
  return hasBatches ? (batches ? batches : usual) : 1;
}

SumOrder MatmulKernel::getFloat8Order(bool byWarpgroups) {
  SumOrder order;
  order.matrix = byWarpgroups ? 32 : 16; // mma.sync makes f16 of them
  order.part = byWarpgroups ? 128 : 32;
  return order;
}

Type MatmulKernel::getSumType(MLIRContext *context) const {
  return lhs.number || group != 0 ? Type(Float32Type::get(context)) : Type(IntegerType::get(context, 32));
}

SmallVector<Type> MatmulArguments::getTypes(MLIRContext *context, const MatmulKernel &kernel) {
  size_t scales = (kernel.lhsScale ? 1 : 0) + (kernel.rhsScale ? 1 : 0);
  SmallVector<Type> types(2 + scales + kernel.operands.size() + kernel.results.size(), LLVM::LLVMPointerType::get(context, 1));
  types.append(kernel.hasBatches ? 8 : 5, IntegerType::get(context, 32));
  return types;
}

MatmulArguments MatmulArguments::get(ValueRange values, const MatmulKernel &kernel) {
  MatmulArguments arguments;
  auto take = [&] {
    Value value = values.front();
    values = values.drop_front();
    return value;
  };
  arguments.lhs = take();
  arguments.rhs = take();
  if (kernel.lhsScale)
    arguments.lhsScales = take();
  if (kernel.rhsScale)
    arguments.rhsScales = take();
  for (size_t i = 0; i < kernel.operands.size(); ++i)
    arguments.operands.push_back(take());
  for (size_t i = 0; i < kernel.results.size(); ++i)
    arguments.results.push_back(take());
  for (Value *value : {&arguments.rows, &arguments.columns, &arguments.depth, &arguments.lhsPitch, &arguments.rhsPitch})
    *value = take();
  if (kernel.hasBatches)
    for (Value *value : {&arguments.batches, &arguments.lhsBatchPitch, &arguments.rhsBatchPitch})
      *value = take();
  return arguments;
}

SmallVector<Value> MatmulArguments::toValues() const {
  SmallVector<Value> values{lhs, rhs};
  for (Value scales : {lhsScales, rhsScales})
    if (scales)
      values.push_back(scales);
  llvm::append_range(values, operands);
  llvm::append_range(values, results);
  values.append({rows, columns, depth, lhsPitch, rhsPitch});
  if (batches)
    values.append({batches, lhsBatchPitch, rhsBatchPitch});
  return values;
}

MatmulArguments MatmulArguments::atBatch(KernelBuilder &b, const MatmulKernel &kernel, Value batch) const {
  MatmulArguments moved = *this;
  Value index = b.widen(batch);
  auto move = [&](Value &pointer, Value bytes) { pointer = b.offset(pointer, b.mul(index, bytes)); };
  if (!kernel.lhs.isShared)
    move(moved.lhs, b.widen(lhsBatchPitch));
  if (!kernel.rhs.isShared)
    move(moved.rhs, b.widen(rhsBatchPitch));
  auto getBytes = [&](OperandKind kind, Type type) {
    Value elements = b.i64(llvm::divideCeil(type.getIntOrFloatBitWidth(), 8));
    if (kind == OperandKind::Row || kind == OperandKind::Full)
      elements = b.mul(b.widen(rows), elements);
    if (kind == OperandKind::Column || kind == OperandKind::Full)
      elements = b.mul(b.widen(columns), elements);
    return elements;
  };
  for (auto [pointer, operand] : llvm::zip(moved.operands, kernel.operands))
    if (!operand.isShared)
      move(pointer, getBytes(operand.kind, operand.type));
  for (auto [pointer, type] : llvm::zip(moved.results, kernel.results))
    move(pointer, getBytes(OperandKind::Full, type));
  return moved;
}

} // namespace mlir::lowbit
