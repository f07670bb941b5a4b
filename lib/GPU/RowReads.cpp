//===- RowReads.cpp - what steps read besides their own rows --------------===//
// Law: a lane finds all that a step reads: in memory as it was before the loop, or in its own registers.

#include "RowSteps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::lowbit {

static bool canEvaluate(AffineExpr expr, bool isDivided) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return !isDivided || constant.getValue() >= 0;
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return true;
  isDivided |= expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul;
  return expr.isPureAffine() && canEvaluate(binary.getLHS(), isDivided) && canEvaluate(binary.getRHS(), isDivided);
}

bool canEvaluate(AffineMap map) {
  return llvm::all_of(map.getResults(), [](AffineExpr expr) { return canEvaluate(expr, /*isDivided=*/false); });
}

/// Whether addresses of elements are known numbers from its start, and lanes have such elements.
static bool isReadable(ShapedType type) {
  if (!type.hasRank() || !type.getElementType().isIntOrFloat())
    return false;
  if (auto memref = dyn_cast<MemRefType>(type)) {
    SmallVector<int64_t> strides;
    int64_t offset = 0;
    return succeeded(memref.getStridesAndOffset(strides, offset)) && !llvm::any_of(strides, ShapedType::isDynamic);
  }
  return type.getRank() == 0 || !llvm::any_of(type.getShape().drop_front(), ShapedType::isDynamic);
}

static SetVector<Value> getCaptured(linalg::LinalgOp op) {
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op->getRegions(), captured);
  return captured;
}

LogicalResult checkReads(linalg::LinalgOp op, std::string &obstacle) {
  auto refuse = [&](const Twine &reason) {
    obstacle = reason.str();
    return failure();
  };
  auto isKnown = [](Value value) {
    auto shaped = dyn_cast<ShapedType>(value.getType());
    return shaped ? isReadable(shaped) : value.getType().isIntOrIndexOrFloat();
  };
  SmallVector<Value> all = llvm::to_vector(op->getOperands());
  llvm::append_range(all, getCaptured(op));
  for (Value value : all)
    if (!isKnown(value)) {
      std::string type;
      llvm::raw_string_ostream(type) << value.getType();
      return refuse("it reads " + type + ", which is no buffer of ints or floats with known strides");
    }
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  for (auto apply : op.getBlock()->getOps<affine::AffineApplyOp>())
    maps.push_back(apply.getAffineMap());
  if (!llvm::all_of(maps, [](AffineMap map) { return canEvaluate(map); }))
    return refuse("its indices are divided by what is not known, or may be negative where they are divided");
  return success();
}

/// The buffer or tensor that `value` is, or is a part of, made in `block`.
static Value getWhole(Value value, Block *block) {
  while (Operation *part = value.getDefiningOp()) {
    if (part->getBlock() != block || !isa<memref::SubViewOp, tensor::ExtractSliceOp>(part))
      break;
    value = part->getOperand(0);
  }
  return value;
}

/// Whether it is made in the block, and holds nothing before a step writes it.
static bool isBlank(Value value, Block *block) {
  Operation *maker = value.getDefiningOp();
  return maker && maker->getBlock() == block && isa<memref::AllocOp, tensor::EmptyOp>(maker);
}

LogicalResult checkReads(ArrayRef<RowStep> steps, std::string &obstacle) {
  DenseSet<Value> everWritten, written;
  for (const RowStep &step : steps) {
    everWritten.insert(step.op->result_begin(), step.op->result_end());
    for (Value init : step.op.getDpsInits())
      everWritten.insert(getWhole(init, step.op->getBlock()));
  }
  for (const RowStep &step : steps) {
    Block *block = step.op->getBlock();
    for (Value value : getCaptured(step.op)) {
      Value whole = getWhole(value, block);
      if (everWritten.contains(whole) || isBlank(whole, block)) {
        obstacle = "its region reads what other lanes compute";
        return failure();
      }
    }
    for (OpOperand &operand : step.op->getOpOperands()) {
      Value value = operand.get();
      if (!step.op.payloadUsesValueFromOperand(&operand) || !isBlank(getWhole(value, block), block) || written.contains(value))
        continue;
      obstacle = "it reads what nothing has written";
      return failure();
    }
    written.insert(step.op->result_begin(), step.op->result_end());
    written.insert_range(step.op.getDpsInits());
  }
  return success();
}

} // namespace mlir::lowbit
