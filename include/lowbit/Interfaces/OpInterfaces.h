//===- OpInterfaces.h - quantizable, scale-transparent, fixed-range ops ---===//
#ifndef LOWBIT_INTERFACES_OPINTERFACES_H
#define LOWBIT_INTERFACES_OPINTERFACES_H

#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

class DequantizeOp;
class Gradients;

/// What an operand is to a quantizable op.
enum class OperandRole { Activation, Weight };

/// An operand that may become codes.
struct QuantizableOperand {
  OpOperand *operand;
  OperandRole role;
  /// What attributes, recipes and statistics call it: `activation`, `weight`, or `lhs` and `rhs` where both are activations.
  StringRef name;
  /// Axes of the operand that the op keeps, one scale each when per channel (weights) or per token (activations).
  SmallVector<int64_t> keptAxes;
  /// Axes of the operand that the op sums over.
  SmallVector<int64_t> reducedAxes;
};

/// The discardable attribute that names a quantizable op.
constexpr StringLiteral kSiteAttr = "lowbit.site";
/// On a named op: what algorithms have done to its activation, a list of strings. Statistics are of what it reads since.
constexpr StringLiteral kActivationChangesAttr = "lowbit.activation_changes";

/// The name under which statistics of an operand are kept: the site itself for `activation`, else `site:name`.
std::string getObservedName(StringRef site, const QuantizableOperand &operand);

} // namespace mlir::lowbit

#include "lowbit/Interfaces/OpInterfaces.h.inc"

#endif // LOWBIT_INTERFACES_OPINTERFACES_H
