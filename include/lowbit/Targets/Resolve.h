//===- Resolve.h - from a target's name to its attribute ------------------===//
//
// A module carries the machine it is compiled for as `lowbit.target`; passes ask that attribute, never a name.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_TARGETS_RESOLVE_H
#define LOWBIT_TARGETS_RESOLVE_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// The module attribute that holds the target.
inline constexpr StringLiteral targetAttrName = "lowbit.target";

/// The target users write as `name`. `host` is the one that fits this machine best. Unknown names, and `host` on a
/// machine that no target fits, are reported through `emitError`.
FailureOr<QuantTargetAttrInterface> resolveTarget(MLIRContext *context, StringRef name, function_ref<InFlightDiagnostic()> emitError);

/// The target of that name, which is not `host`; null when there is none.
QuantTargetAttrInterface findTarget(MLIRContext *context, StringRef name);

/// Why this machine cannot run the code of `target`, such as `needs amx-int8, …`; empty when it can.
std::string getHostObstacle(QuantTargetAttrInterface target);

/// The target of the nearest enclosing op that carries one; without any, the target that fits every machine.
QuantTargetAttrInterface getTarget(Operation *op);

/// The target named by a pass option, or, when that is empty, `getTarget(op)`. Reports on `op` what is missing.
FailureOr<QuantTargetAttrInterface> getPassTarget(Operation *op, StringRef option);

/// Elements of `type` (an integer or float) in one vector register of `target`; at least one.
int64_t getVectorLength(QuantTargetAttrInterface target, Type type);

} // namespace mlir::lowbit

#endif // LOWBIT_TARGETS_RESOLVE_H
