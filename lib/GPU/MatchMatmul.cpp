//===- MatchMatmul.cpp - what a kernel needs to know of a product ---------===//

#include "MatchMatmul.h"
#include "ImageRows.h"
#include "KernelModule.h"

namespace mlir::lowbit {

unsigned getAlignment(int64_t value, unsigned most) {
  return ShapedType::isDynamic(value) ? 1 : value == 0 ? most : std::min<int64_t>(most, value & -value);
}

int64_t getKnown(int64_t size) { return ShapedType::isDynamic(size) ? 0 : size; }

static OperandKind getKind(ArrayRef<int64_t> matrix) {
  bool isRow = matrix[0] != 1, isColumn = matrix[1] != 1;
  return isRow ? (isColumn ? OperandKind::Full : OperandKind::Row) : isColumn ? OperandKind::Column : OperandKind::Scalar;
}

/// Whether elements lie next to one another, in the order of their indices.
static bool isPacked(MemRefType type) {
  if (type.getLayout().isIdentity())
    return true;
  auto [strides, offset] = type.getStridesAndOffset();
  int64_t expected = 1;
  for (auto [size, stride] : llvm::reverse(llvm::zip(type.getShape(), strides))) {
    if (size != 1 && (stride != expected || ShapedType::isDynamic(stride)))
      return false;
    expected = ShapedType::isDynamic(size) ? size : expected * size;
  }
  return true;
}

LogicalResult matchEpilogue(Operation *op, Value init, ValueRange operands, Region &epilogue, MatmulKernel &kernel) {
  if (!getCapturedValues(op->getRegions()).empty())
    return op->emitOpError("has an epilogue that uses values from around it; expected operands, or constants");
  ArrayRef<int64_t> shape = cast<MemRefType>(init.getType()).getShape();
  if (shape.size() > 3)
    return op->emitOpError() << "has " << shape.size() - 2 << " axes of batches; expected one at most: make them one axis";
  kernel.hasBatches = shape.size() == 3;
  kernel.batches = kernel.hasBatches ? getKnown(shape[0]) : 0;
  kernel.rows = getKnown(shape[shape.size() - 2]);
  kernel.columns = getKnown(shape.back());
  kernel.columnAlignment = getAlignment(shape.back(), 16);
  auto add = [&](Value operand, bool isResult) -> LogicalResult {
    auto type = cast<MemRefType>(operand.getType());
    Type element = type.getElementType();
    if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 != 0)
      return op->emitOpError() << "has an operand of " << element << "; expected elements of whole bytes";
    if (!isPacked(type))
      return op->emitOpError() << "has an operand of type " << type << ", whose rows are not next to one another; copy it first";
    int64_t offset = type.getStridesAndOffset().second;
    kernel.columnAlignment = std::min(kernel.columnAlignment, getAlignment(offset, 16));
    if (isResult)
      kernel.results.push_back(element);
    else
      kernel.operands.push_back({element, getKind(type.getShape().take_back(2)), !kernel.hasBatches || type.getDimSize(0) == 1});
    return success();
  };
  kernel.epilogue = &epilogue;
  if (failed(add(init, /*isResult=*/true)))
    return failure();
  return success(llvm::all_of(operands, [&](Value operand) { return succeeded(add(operand, /*isResult=*/false)); }));
}

int64_t getElementBytes(MemRefType type) { return llvm::divideCeil(type.getElementTypeBitWidth(), 8); }

FailureOr<MatmulKernel> matchMatmul(MatmulOp op) {
  auto lhs = cast<MemRefType>(op.getLhs().getType()), rhs = cast<MemRefType>(op.getRhs().getType());
  MatmulKernel kernel;
  if (failed(matchEpilogue(op, op.getInit(), op.getEpilogueOperands(), op.getEpilogue(), kernel)))
    return failure();
  unsigned width = op.getBits() ? 1 : lhs.getElementTypeBitWidth();
  kernel.lhs = {width, !op.getLhsUnsigned(), dyn_cast<FloatType>(lhs.getElementType()), op.getLhsTransposed()};
  kernel.rhs = {width, !op.getRhsUnsigned(), dyn_cast<FloatType>(rhs.getElementType()), op.getRhsTransposed()};
  for (auto [scales, type] : {std::pair(op.getLhsScales(), &kernel.lhsScale), std::pair(op.getRhsScales(), &kernel.rhsScale)}) {
    if (!scales)
      continue;
    auto buffer = cast<MemRefType>(scales.getType());
    if (!buffer.getLayout().isIdentity())
      return op.emitOpError() << "has scales of type " << buffer << ", which are a part of another buffer; copy them first", failure();
    *type = cast<FloatType>(buffer.getElementType());
  }
  kernel.group = static_cast<int64_t>(op.getGroup());
  FailureOr<SumOrder> order = getSumOrder(op);
  if (failed(order))
    return failure();
  kernel.order = *order;
  if (std::optional<WindowsAttr> windows = op.getLhsWindows()) {
    if (!isPacked(lhs))
      return op.emitOpError() << "has windows of an image of type " << lhs << ", whose elements are not next to one another; copy it first",
             failure();
    kernel.lhs.windows = findImageRows(*windows, lhs);
    kernel.depth = windows->getNumColumns();
    auto align = [&](int64_t place) { kernel.depthAlignment = std::min(kernel.depthAlignment, getAlignment(place, 16)); };
    align(kernel.lhs.windows.run);
    for (const ImageRows::Loop &loop : llvm::concat<const ImageRows::Loop>(kernel.lhs.windows.rows, kernel.lhs.windows.taps))
      align(loop.bytes);
    align(lhs.getStridesAndOffset().second);
  } else {
    int64_t depth = getKnown(lhs.getShape().take_back(2)[op.getLhsTransposed() ? 0 : 1]);
    kernel.depth = depth * getElementBytes(lhs);
  }
  for (auto [type, side] : {std::pair(lhs, &kernel.lhs), std::pair(rhs, &kernel.rhs)}) {
    if (side->windows.isThere())
      continue;
    side->isShared = kernel.hasBatches && type.getDimSize(0) == 1;
    auto [strides, offset] = type.getStridesAndOffset();
    SmallVector<int64_t> places(ArrayRef(strides).drop_back());
    if (side->isShared)
      places.erase(places.begin());
    places.append({offset, type.getShape().back()});
    for (int64_t place : places)
      kernel.depthAlignment =
          std::min(kernel.depthAlignment, getAlignment(ShapedType::isDynamic(place) ? place : place * getElementBytes(type), 16));
  }
  return kernel;
}

} // namespace mlir::lowbit
