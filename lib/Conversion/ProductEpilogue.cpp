//===- ProductEpilogue.cpp - epilogues of products, written elsewhere ------===//

#include "lowbit/Conversion/ProductEpilogue.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

Value applyEpilogue(OpBuilder &builder, Region &epilogue, Value sum, ValueRange elements) {
  Block &body = epilogue.front();
  IRMapping mapping;
  mapping.map(body.getArgument(0), sum);
  mapping.map(body.getArguments().drop_front(), elements);
  for (Operation &nested : body.without_terminator())
    builder.clone(nested, mapping);
  return mapping.lookupOrDefault(cast<YieldOp>(body.getTerminator()).getValue());
}

AffineMap getEpilogueMap(MLIRContext *context, ArrayRef<int64_t> shape) {
  SmallVector<AffineExpr> axes;
  for (auto [axis, size] : llvm::enumerate(shape))
    axes.push_back(size == 1 ? getAffineConstantExpr(0, context) : getAffineDimExpr(axis, context));
  return AffineMap::get(shape.size(), 0, axes, context);
}

} // namespace mlir::lowbit
