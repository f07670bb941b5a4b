//===- RowElements.cpp - elements of buffers that a lane reads and writes -===//

#include "RowElements.h"
#include "ElementAccess.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include <numeric>

namespace mlir::lowbit {

/// Bytes of one load or store.
static constexpr int64_t mostBytes = 16;

RowElements::RowElements(KernelBuilder &b, scf::ForallOp loop, ArrayRef<Value> values, ValueRange arguments, ValueRange inductions) : b(b) {
  for (auto [value, argument] : llvm::zip_equal(values, arguments))
    known[value] = argument;
  for (auto [value, induction] : llvm::zip_equal(loop.getInductionVars(), inductions))
    known[value] = induction;
}

Value RowElements::getIndex(Value value) {
  if (Value found = known.lookup(value))
    return b.toI32(found);
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return b.i32(constant.getSExtValue());
  auto apply = value.getDefiningOp<affine::AffineApplyOp>();
  if (!apply)
    return Value();
  SmallVector<Value> operands = llvm::map_to_vector(apply.getMapOperands(), [&](Value operand) { return getIndex(operand); });
  AffineMap map = apply.getAffineMap();
  ArrayRef<Value> all(operands);
  return evaluate(b, map.getResult(0), all.take_front(map.getNumDims()), all.drop_front(map.getNumDims()));
}

RowView RowElements::getView(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  RowView view;
  view.element = type.getElementType();
  auto [strides, offset] = type.getStridesAndOffset();
  view.strides = strides;
  auto part = buffer.getDefiningOp<memref::SubViewOp>();
  if (!part || known.contains(buffer)) {
    view.pointer = known.lookup(buffer);
    view.alignment = ShapedType::isDynamic(offset) ? 1 : std::gcd(offset, int64_t(256));
    return view;
  }
  RowView whole = getView(part.getSource());
  view.alignment = whole.alignment;
  Value elements = b.i64(0);
  for (auto [start, stride] : llvm::zip_equal(part.getMixedOffsets(), whole.strides)) {
    auto fixed = dyn_cast<Attribute>(start);
    int64_t number = fixed ? cast<IntegerAttr>(fixed).getInt() : 1;
    view.alignment = std::gcd(view.alignment, number * stride);
    Value place = fixed ? b.i64(number) : b.widen(getIndex(cast<Value>(start)));
    elements = b.add(elements, b.mul(place, stride));
  }
  view.pointer = b.offset(whole.pointer, b.mul(elements, getElementBytes(view.element)));
  return view;
}

LoopIndices RowElements::startIndices(const RowStep &step) {
  return llvm::map_to_vector(step.sizes, [&](int64_t size) { return size == 1 ? b.i32(0) : Value(); });
}

Value RowElements::getAddress(const RowView &view, AffineMap map, const LoopIndices &indices) {
  SmallVector<Value> places = llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) { return evaluate(b, expr, indices); });
  return b.offset(view.pointer, getElementOffset(b, view.element, view.strides, places));
}

SmallVector<Value> RowElements::loadNeighbours(const RowView &view, Value address, int64_t stride, int64_t count, bool isAligned) {
  int64_t bytes = getElementBytes(view.element);
  if (isAligned && stride == 1 && count > 1 && count * bytes <= mostBytes)
    return b.loadElements(view.element, address, count);
  SmallVector<Value> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(stride == 0 && i > 0 ? values[0] : loadElement(b, view.element, b.offset(address, i * stride * bytes)));
  return values;
}

void RowElements::storeNeighbours(const RowView &view, Value address, int64_t stride, ArrayRef<Value> values, bool isAligned) {
  int64_t bytes = getElementBytes(view.element), count = values.size();
  if (isAligned && stride == 1 && count > 1 && count * bytes <= mostBytes)
    return b.storeElements(values, address);
  for (auto [i, value] : llvm::enumerate(values))
    storeElement(b, value, b.offset(address, static_cast<int64_t>(i) * stride * bytes));
}

Value RowElements::resolve(Value value, IRMapping &mapping) {
  if (Value found = mapping.lookupOrNull(value))
    return found;
  Value made = known.lookup(value);
  if (made && value.getType().isIndex() && !made.getType().isIndex())
    made = arith::IndexCastUIOp::create(b, b.getIndexType(), made);
  if (!made && value.getType().isIndex())
    if (Value index = getIndex(value))
      made = arith::IndexCastUIOp::create(b, b.getIndexType(), index);
  if (!made)
    made = b.clone(*value.getDefiningOp())->getResult(cast<OpResult>(value).getResultNumber());
  mapping.map(value, made);
  return made;
}

void RowElements::clone(Operation &op, IRMapping &mapping, const LoopIndices &indices) {
  if (auto index = dyn_cast<linalg::IndexOp>(op)) {
    mapping.map(index.getResult(), arith::IndexCastUIOp::create(b, b.getIndexType(), indices[index.getDim()]));
    return;
  }
  for (Value operand : op.getOperands())
    if (!isa<MemRefType>(operand.getType()))
      resolve(operand, mapping);
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    SmallVector<Value> operands =
        llvm::map_to_vector(apply.getMapOperands(), [&](Value operand) { return b.toI32(mapping.lookup(operand)); });
    AffineMap map = apply.getAffineMap();
    ArrayRef<Value> all(operands);
    Value place = evaluate(b, map.getResult(0), all.take_front(map.getNumDims()), all.drop_front(map.getNumDims()));
    mapping.map(apply.getResult(), arith::IndexCastUIOp::create(b, b.getIndexType(), place));
    return;
  }
  if (auto read = dyn_cast<memref::LoadOp>(op)) {
    RowView view = getView(read.getMemref());
    SmallVector<Value> places = llvm::map_to_vector(read.getIndices(), [&](Value index) { return b.toI32(mapping.lookup(index)); });
    Value address = b.offset(view.pointer, getElementOffset(b, view.element, view.strides, places));
    mapping.map(read.getResult(), loadElement(b, view.element, address));
    return;
  }
  b.clone(op, mapping);
}

} // namespace mlir::lowbit
