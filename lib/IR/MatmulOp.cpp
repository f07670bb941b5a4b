//===- MatmulOp.cpp - verifier and effects of lowbit.matmul ---------------===//

#include "VerifyMatmul.h"
#include "lowbit/IR/CodeConstants.h"

namespace mlir::lowbit {

bool agree(int64_t a, int64_t b) { return a == b || ShapedType::isDynamic(a) || ShapedType::isDynamic(b); }

bool agree(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [](auto pair) { return agree(std::get<0>(pair), std::get<1>(pair)); });
}

LogicalResult verifyProduct(Operation *op, Value init, ValueRange epilogueOperands) {
  bool isBuffer = isa<MemRefType>(init.getType());
  ArrayRef<int64_t> shape = cast<ShapedType>(init.getType()).getShape();
  for (Value operand : op->getOperands()) {
    auto buffer = dyn_cast<MemRefType>(operand.getType());
    if (static_cast<bool>(buffer) != isBuffer)
      return op->emitOpError("(C4) operands are tensors and buffers; expected all of one kind");
    if (buffer && !buffer.isLastDimUnitStride())
      return op->emitOpError() << "(C1) the last axis of " << buffer << " is not contiguous";
  }
  for (auto [i, operand] : llvm::enumerate(epilogueOperands)) {
    auto type = cast<ShapedType>(operand.getType());
    bool fits = type.getRank() == static_cast<int64_t>(shape.size()) && llvm::all_of(llvm::zip(type.getShape(), shape), [](auto sizes) {
                  return std::get<0>(sizes) == 1 || agree(std::get<0>(sizes), std::get<1>(sizes));
                });
    if (!fits)
      return op->emitOpError() << "(C2) operand " << i << " has type " << type << "; expected the shape of " << init.getType()
                               << ", or 1 along axes that share its elements";
  }
  if (op->getNumResults() != (isBuffer ? 0 : 1) || (!isBuffer && op->getResult(0).getType() != init.getType()))
    return op->emitOpError() << "(C4) expected " << (isBuffer ? "no result" : "one result, of the type of init,")
                             << " with operands that are " << (isBuffer ? "buffers" : "tensors");
  return verifyConstantOperands(op);
}

LogicalResult verifyEpilogue(Operation *op, Region &epilogue, Type sum, ValueRange operands, Value init) {
  Block &body = epilogue.front();
  SmallVector<Type> expected{sum};
  for (Value operand : operands)
    expected.push_back(getElementTypeOrSelf(operand.getType()));
  if (SmallVector<Type>(body.getArgumentTypes()) != expected)
    return op->emitOpError() << "(C3) the epilogue takes " << body.getArgumentTypes() << "; expected " << expected;
  Value yielded = cast<YieldOp>(body.getTerminator()).getValue();
  Type element = getElementTypeOrSelf(init.getType());
  if (!yielded || yielded.getType() != element)
    return op->emitOpError() << "(C3) the epilogue yields " << (yielded ? yielded.getType() : Type(NoneType::get(op->getContext())))
                             << "; expected the element type of init, " << element;
  return success();
}

void addBufferEffects(DestinationStyleOpInterface op, MemoryEffectList &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    if (op.isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
    else
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  }
}

/// Whether a side with the axes `[…, first, depth]` has those of init before them, or 1.
static bool hasBatchesOf(ArrayRef<int64_t> side, ArrayRef<int64_t> init) {
  return llvm::all_of(llvm::zip(side.drop_back(2), init.drop_back(2)),
                      [](auto sizes) { return std::get<0>(sizes) == 1 || agree(std::get<0>(sizes), std::get<1>(sizes)); });
}

static bool isFloat(Value side) { return isa<FloatType>(getElementTypeOrSelf(side.getType())); }

Type MatmulOp::getSumType() {
  return isFloat(getLhs()) || getGroup() != 0 ? Type(Float32Type::get(getContext())) : Type(IntegerType::get(getContext(), 32));
}

/// Scales that change along the reduction.
static LogicalResult verifyGroups(MatmulOp op, int64_t rows, int64_t columns, int64_t depth) {
  constexpr int64_t smallest = 32, largest = 4096;
  auto group = static_cast<int64_t>(op.getGroup());
  bool hasScales = op.getLhsScales() || op.getRhsScales();
  if (!hasScales && group == 0)
    return success();
  if (!hasScales || group < smallest || group > largest || !llvm::isPowerOf2_64(group) ||
      (!ShapedType::isDynamic(depth) && depth % group != 0))
    return op.emitOpError() << "(C7) has " << (hasScales ? "" : "no ") << "scales along the reduction and group " << group
                            << "; expected a power of two from " << smallest << " to " << largest
                            << " that divides the reduction, with scales, or zero without";
  if (cast<ShapedType>(op.getInit().getType()).getRank() != 2 || op.getBits() || op.getLhsWindows() ||
      getElementTypeOrSelf(op.getLhs().getType()).isF32())
    return op.emitOpError("(C7) has groups; expected a product of rank 2, of bytes or of floats of 8 bits");
  int64_t groups = ShapedType::isDynamic(depth) ? depth : depth / group;
  for (auto [scales, shape] :
       {std::pair(op.getLhsScales(), std::array{rows, groups}), std::pair(op.getRhsScales(), std::array{groups, columns})}) {
    if (!scales)
      continue;
    auto type = cast<ShapedType>(scales.getType());
    auto element = dyn_cast<FloatType>(type.getElementType());
    if (!agree(type.getShape(), shape) || !element ||
        (element.getWidth() != 8 && !element.isF16() && !element.isBF16() && !element.isF32()))
      return op.emitOpError() << "(C7) has scales of type " << type << "; expected [M, K / group] of lhs and [K / group, N] of rhs, "
                              << "of f32, f16, bf16 or floats of 8 bits";
  }
  return success();
}

/// The matrix that lhs is: itself, or its windows.
static FailureOr<SmallVector<int64_t>> getLeftShape(MatmulOp op) {
  auto lhs = cast<ShapedType>(op.getLhs().getType());
  std::optional<WindowsAttr> windows = op.getLhsWindows();
  if (!windows)
    return SmallVector<int64_t>(lhs.getShape());
  if (!lhs.hasStaticShape() || !lhs.getElementType().isInteger() || lhs.getRank() != windows->getMap().getNumResults())
    return op.emitOpError() << "(C6) lhs is " << lhs << "; expected integers in a static shape of " << windows->getMap().getNumResults()
                            << " axes, of which windows are read";
  int64_t rows = ShapedType::getNumElements(windows->getRows(lhs.getShape()));
  return SmallVector<int64_t>{rows, windows->getNumColumns()};
}

LogicalResult MatmulOp::verify() {
  auto lhs = cast<ShapedType>(getLhs().getType()), rhs = cast<ShapedType>(getRhs().getType()), init = cast<ShapedType>(getInit().getType());
  auto [left8, right8] = std::pair(lhs.getElementTypeBitWidth() == 8, rhs.getElementTypeBitWidth() == 8);
  if (isFloat(getLhs()) != isFloat(getRhs()) || left8 != right8)
    return emitOpError() << "(C5) sides are of " << lhs.getElementType() << " and " << rhs.getElementType()
                         << "; expected both of integers, both of floats of 8 bits, or both of f32";
  if (isFloat(getLhs()) && (getLhsUnsigned() || getRhsUnsigned() || getBits()))
    return emitOpError("(C5) floats are neither unsigned nor bits");
  bool mayTurn = lhs.getElementType().isF32();
  if (!mayTurn && (getLhsTransposed() || getRhsTransposed()))
    return emitOpError("(C5) bytes are not transposed");
  FailureOr<SmallVector<int64_t>> matrix = getLeftShape(*this);
  if (failed(matrix))
    return failure();
  int64_t rank = matrix->size();
  if (rank < 2 || rhs.getRank() != rank || init.getRank() != rank)
    return emitOpError() << "(C1) lhs, rhs and init have ranks " << rank << ", " << rhs.getRank() << " and " << init.getRank()
                         << "; expected the same, at least 2";
  auto turn = [](ArrayRef<int64_t> shape, bool isTransposed) {
    SmallVector<int64_t> sizes(shape);
    if (isTransposed)
      std::swap(sizes[sizes.size() - 1], sizes[sizes.size() - 2]);
    return sizes;
  };
  SmallVector<int64_t> left = turn(*matrix, getLhsTransposed()), right = turn(rhs.getShape(), getRhsTransposed());
  ArrayRef<int64_t> shape = init.getShape();
  if (!agree(left.back(), right.back()) || !hasBatchesOf(left, shape) || !hasBatchesOf(right, shape) ||
      !agree(shape.take_back(2), {left[left.size() - 2], right[right.size() - 2]})) {
    InFlightDiagnostic diagnostic = emitOpError() << "(C1) shapes of " << lhs << ", " << rhs << " and " << init << " do not agree";
    diagnostic.attachNote() << "expected […, M, K], […, N, K] and […, M, N]" << (mayTurn ? ", but for what is transposed" : "");
    return diagnostic;
  }
  if (failed(verifyGroups(*this, left[left.size() - 2], right[right.size() - 2], left.back())))
    return failure();
  return verifyProduct(*this, getInit(), getEpilogueOperands());
}

LogicalResult MatmulOp::verifyRegions() { return verifyEpilogue(*this, getEpilogue(), getSumType(), getEpilogueOperands(), getInit()); }

void MatmulOp::getEffects(MemoryEffectList &effects) { addBufferEffects(*this, effects); }

} // namespace mlir::lowbit
