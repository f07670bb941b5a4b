//===- Resolve.cpp - from a target's name to its attribute ----------------===//
// Law: targets are found by what they answer, so that a new one needs no line here.

#include "lowbit/Targets/Resolve.h"
#include "llvm/TargetParser/Host.h"

namespace mlir::lowbit {

static ArrayRef<Attribute> getAllTargets(MLIRContext *context) { return context->getOrLoadDialect<LowbitDialect>()->getTargets(); }

/// The best target for a machine; null when none fits.
static QuantTargetAttrInterface getPreferred(MLIRContext *context, const llvm::Triple &triple, const llvm::StringMap<bool> &features) {
  QuantTargetAttrInterface best;
  int bestPreference = -1;
  for (Attribute attr : getAllTargets(context)) {
    auto target = cast<QuantTargetAttrInterface>(attr);
    int preference = target.getPreference(triple, features);
    if (preference > bestPreference)
      std::tie(best, bestPreference) = std::pair(target, preference);
  }
  return best;
}

FailureOr<QuantTargetAttrInterface> resolveTarget(MLIRContext *context, StringRef name, function_ref<InFlightDiagnostic()> emitError) {
  if (name == "host") {
    if (auto best = getPreferred(context, llvm::Triple(llvm::sys::getProcessTriple()), llvm::sys::getHostCPUFeatures()))
      return best;
    return emitError() << "no target fits this machine (" << llvm::sys::getProcessTriple() << ")", failure();
  }
  for (Attribute attr : getAllTargets(context))
    if (auto target = cast<QuantTargetAttrInterface>(attr); target.getName() == name)
      return target;
  InFlightDiagnostic diagnostic = emitError() << "unknown target `" << name << "`; expected `host`";
  for (Attribute attr : getAllTargets(context))
    diagnostic << ", `" << cast<QuantTargetAttrInterface>(attr).getName() << "`";
  return failure();
}

QuantTargetAttrInterface getTarget(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto target = op->getAttrOfType<QuantTargetAttrInterface>(targetAttrName))
      return target;
  return {};
}

FailureOr<QuantTargetAttrInterface> getPassTarget(Operation *op, StringRef option) {
  if (!option.empty())
    return resolveTarget(op->getContext(), option, [&] { return op->emitError(); });
  if (QuantTargetAttrInterface target = getTarget(op))
    return target;
  op->emitError() << "no target is given; expected the pass option `target`, or the module attribute `" << targetAttrName << "`";
  return failure();
}

int64_t getVectorLength(QuantTargetAttrInterface target, Type type) {
  unsigned bits = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  return std::max<int64_t>(1, target.getVectorBits() / std::max(8u, bits));
}

} // namespace mlir::lowbit
