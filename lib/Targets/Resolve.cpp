//===- Resolve.cpp - from a target's name to its attribute ----------------===//
// Law: targets are found by what they answer, so that a new one needs no line here.

#include "lowbit/Targets/Resolve.h"
#include "llvm/TargetParser/Host.h"

namespace mlir::lowbit {

static ArrayRef<Attribute> getAllTargets(MLIRContext *context) { return context->getOrLoadDialect<LowbitDialect>()->getTargets(); }

std::string getHostObstacle(QuantTargetAttrInterface target) {
  llvm::Triple host(llvm::sys::getProcessTriple()), triple(target.getTriple());
  if (triple.getArch() != host.getArch())
    return ("is for " + triple.getArchName() + ", and this machine is " + host.getArchName()).str();
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  std::string missing;
  for (StringRef feature : llvm::split(target.getHostFeatures(), ','))
    if (!feature.empty() && !features.lookup(feature))
      missing += (missing.empty() ? "" : ", ") + feature.str();
  return missing.empty() ? "" : "needs " + missing + ", which this machine (" + llvm::sys::getHostCPUName().str() + ") does not have";
}

/// The best target that this machine runs; null when there is none.
static QuantTargetAttrInterface getPreferred(MLIRContext *context) {
  QuantTargetAttrInterface best;
  int bestPreference = -1;
  for (Attribute attr : getAllTargets(context)) {
    auto target = cast<QuantTargetAttrInterface>(attr);
    int preference = target.getPreference();
    if (preference > bestPreference && getHostObstacle(target).empty())
      std::tie(best, bestPreference) = std::pair(target, preference);
  }
  return best;
}

QuantTargetAttrInterface findTarget(MLIRContext *context, StringRef name) {
  for (Attribute attr : getAllTargets(context))
    if (auto target = cast<QuantTargetAttrInterface>(attr); target.getName() == name)
      return target;
  return {};
}

FailureOr<QuantTargetAttrInterface> resolveTarget(MLIRContext *context, StringRef name, function_ref<InFlightDiagnostic()> emitError) {
  if (name == "host") {
    if (auto best = getPreferred(context))
      return best;
    return emitError() << "no target fits this machine (" << llvm::sys::getProcessTriple() << ")", failure();
  }
  if (QuantTargetAttrInterface target = findTarget(context, name))
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
