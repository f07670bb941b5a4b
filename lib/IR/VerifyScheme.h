//===- VerifyScheme.h - constraints that ops share ------------------------===//
#ifndef LOWBIT_LIB_IR_VERIFYSCHEME_H
#define LOWBIT_LIB_IR_VERIFYSCHEME_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// Codes hold the code type of `format`. `label` is the number of the constraint in the op's document.
LogicalResult verifyCodeType(Operation *op, StringRef label, StringRef what, Value codes, NumberFormatAttrInterface format);
/// Two tensors of one shape.
LogicalResult verifySameShape(Operation *op, StringRef label, StringRef what, Value value, StringRef than, Value other);
/// `scales` covers `shape` in the blocks of `scheme`.
LogicalResult verifyScaleShape(Operation *op, StringRef label, StringRef what, Value scales, ArrayRef<int64_t> shape, SchemeAttr scheme);
/// `scales` is of the scheme's scale type, or of f32 (a dequantized or computed scale).
LogicalResult verifyScaleType(Operation *op, StringRef label, Value scales, SchemeAttr scheme);
/// `zeros` (may be null) is there as the scheme says, and like `scales`.
LogicalResult verifyZeros(Operation *op, StringRef label, Value zeros, Value scales, SchemeAttr scheme);
/// Constant scales are positive and finite.
LogicalResult verifyScaleValues(Operation *op, Value scales);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IR_VERIFYSCHEME_H
