//===- Reference.cpp - what every other target is compared with -----------===//

#include "lowbit/IR/Lowbit.h"
#include "llvm/TargetParser/Host.h"

namespace mlir::lowbit {

StringRef ReferenceTargetAttr::getName() const { return "reference"; }
StringRef ReferenceTargetAttr::getTriple() const {
  static const std::string triple = llvm::sys::getDefaultTargetTriple();
  return triple;
}
StringRef ReferenceTargetAttr::getProcessor() const { return ""; }
StringRef ReferenceTargetAttr::getFeatures() const { return ""; }
StringRef ReferenceTargetAttr::getHostFeatures() const { return ""; }
int ReferenceTargetAttr::getPreference() const { return -1; }
unsigned ReferenceTargetAttr::getVectorBits() const { return 0; }
unsigned ReferenceTargetAttr::getNumVectorRegisters() const { return 0; }
std::pair<int64_t, int64_t> ReferenceTargetAttr::getCacheBytes() const { return {32 << 10, 512 << 10}; }

} // namespace mlir::lowbit
