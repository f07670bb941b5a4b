//===- Generic.cpp - any CPU that LLVM knows ------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "llvm/TargetParser/Host.h"

namespace mlir::lowbit {

StringRef GenericTargetAttr::getName() const { return "generic"; }
StringRef GenericTargetAttr::getTriple() const {
  static const std::string triple = llvm::sys::getDefaultTargetTriple();
  return triple;
}
StringRef GenericTargetAttr::getProcessor() const { return ""; }
StringRef GenericTargetAttr::getFeatures() const { return ""; }
StringRef GenericTargetAttr::getHostFeatures() const { return ""; }
int GenericTargetAttr::getPreference() const { return 0; }
unsigned GenericTargetAttr::getVectorBits() const { return 128; }
unsigned GenericTargetAttr::getNumVectorRegisters() const { return 16; }
std::pair<int64_t, int64_t> GenericTargetAttr::getCacheBytes() const { return {32 << 10, 512 << 10}; }

} // namespace mlir::lowbit
