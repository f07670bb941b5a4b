//===- CodeConstants.h - constants of codes and resources -----------------===//
//
// MLIR never checks that a resource has the bytes its type needs, and it reads `dense<"0x…">` of codes as text. Ops of the
// dialect check both where such a constant feeds them.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_IR_CODECONSTANTS_H
#define LOWBIT_IR_CODECONSTANTS_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include <string>

namespace mlir {
class Operation;
} // namespace mlir

namespace mlir::lowbit {

/// What elements are in memory: codes of a type of their own are what stores them.
Type getStoredType(Type element);

/// The bytes, one a code, of `dense<"0x…">`; none when the text is not hexadecimal or does not hold a byte for each code.
std::optional<std::string> getCodeBytes(DenseStringElementsAttr constant);

/// The bytes that a resource of `type` holds: whole bytes an element; none when that cannot be counted.
std::optional<int64_t> getResourceSize(ShapedType type);

/// Reports to `emitError` when `constant` is a resource, or text, that does not hold the elements of its type. A resource
/// without data (printed elided) passes: whoever reads it refuses it.
LogicalResult verifyConstant(Attribute constant, function_ref<InFlightDiagnostic()> emitError);

/// `verifyConstant` for the constants that are operands of `op`.
LogicalResult verifyConstantOperands(Operation *op);

} // namespace mlir::lowbit

#endif // LOWBIT_IR_CODECONSTANTS_H
