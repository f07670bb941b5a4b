//===- Projection.cpp - from a student's width to its teacher's -----------===//
// Law: the matrix belongs to the loss alone; the model that is deployed does not have it.

#include "Projection.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/Training/Parameters.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <random>

namespace mlir::lowbit {

bool canProject(RankedTensorType type, RankedTensorType target) {
  return type && target && type.getRank() >= 2 && type.getRank() == target.getRank() && type.hasStaticShape() && target.hasStaticShape() &&
         type.getElementType().isF32() && target.getElementType().isF32() && type.getShape().drop_back() == target.getShape().drop_back();
}

/// Numbers of mean 0 and variance 1 / rows, so that magnitudes stay what they are; the same on all machines.
static DenseElementsAttr makeInitial(RankedTensorType type) {
  std::mt19937 random(0);
  double largest = std::sqrt(3.0 / type.getDimSize(0));
  SmallVector<float> values;
  for (int64_t i = 0, e = type.getNumElements(); i != e; ++i)
    values.push_back(static_cast<float>((random() / 2147483648.0 - 1.0) * largest));
  return DenseElementsAttr::get(type, ArrayRef<float>(values));
}

/// The parameter `name` of `student`: the one that is there, or a new one behind all others, of which `initial` gives the first value.
static Value getMatrix(func::FuncOp student, const Twine &name, RankedTensorType type) {
  unsigned position = 0;
  for (unsigned i = 0, e = student.getNumArguments(); i != e; ++i) {
    if (!student.getArgAttr(i, kParameterAttr))
      continue;
    if (getPortName(student, i) == name.str())
      return student.getArgument(i);
    position = i + 1;
  }
  Builder builder(student.getContext());
  auto attributes = builder.getDictionaryAttr(
      {builder.getNamedAttr(kNameAttr, builder.getStringAttr(name)), builder.getNamedAttr(kParameterAttr, builder.getStringAttr(kOther))});
  (void)student.insertArgument(position, type, attributes, student.getLoc());
  if (auto initial = student->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>("initial")) {
    OpBuilder inside(initial.getBody().front().getTerminator());
    (void)appendResult(initial, arith::ConstantOp::create(inside, initial.getLoc(), makeInitial(type)), name.str());
  }
  return student.getArgument(position);
}

/// All axes but the last as one.
static Value flatten(OpBuilder &builder, Location loc, Value value) {
  int64_t rank = cast<RankedTensorType>(value.getType()).getRank();
  if (rank == 2)
    return value;
  SmallVector<ReassociationIndices> axes{llvm::to_vector<2>(llvm::seq<int64_t>(rank - 1)), {rank - 1}};
  return tensor::CollapseShapeOp::create(builder, loc, value, axes);
}

Value buildProjection(OpBuilder &builder, func::FuncOp student, StringRef name, Value value, RankedTensorType target) {
  Location loc = student.getLoc();
  int64_t width = cast<RankedTensorType>(value.getType()).getShape().back(), wanted = target.getShape().back();
  Value matrix = getMatrix(student, "projection." + name, RankedTensorType::get({width, wanted}, builder.getF32Type()));
  Value rows = flatten(builder, loc, value);
  Value zeros = buildZeros(builder, loc, {cast<RankedTensorType>(rows.getType()).getDimSize(0), wanted});
  Value product = linalg::MatmulOp::create(builder, loc, ValueRange{rows, matrix}, zeros).getResult(0);
  if (target.getRank() == 2)
    return product;
  SmallVector<ReassociationIndices> axes{llvm::to_vector<2>(llvm::seq<int64_t>(target.getRank() - 1)), {target.getRank() - 1}};
  return tensor::ExpandShapeOp::create(builder, loc, target, product, axes);
}

} // namespace mlir::lowbit
