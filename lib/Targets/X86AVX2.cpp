//===- X86AVX2.cpp - x86-64 with AVX2 and FMA -----------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

StringRef X86AVX2TargetAttr::getName() const { return "x86-64-avx2"; }
StringRef X86AVX2TargetAttr::getTriple() const { return "x86_64-unknown-linux-gnu"; }
StringRef X86AVX2TargetAttr::getProcessor() const { return "x86-64-v3"; }
StringRef X86AVX2TargetAttr::getFeatures() const { return ""; }
int X86AVX2TargetAttr::getPreference(const llvm::Triple &triple, const llvm::StringMap<bool> &features) const {
  bool runs = triple.getArch() == llvm::Triple::x86_64 && features.lookup("avx2") && features.lookup("fma") && features.lookup("bmi2");
  return runs ? 10 : -1;
}
unsigned X86AVX2TargetAttr::getVectorBits() const { return 256; }
unsigned X86AVX2TargetAttr::getNumVectorRegisters() const { return 16; }
std::pair<int64_t, int64_t> X86AVX2TargetAttr::getCacheBytes() const { return {32 << 10, 256 << 10}; }
std::optional<DotProduct> X86AVX2TargetAttr::getDotProduct() const { return std::nullopt; }
void X86AVX2TargetAttr::populateDotProductPatterns(RewritePatternSet &) const {}

} // namespace mlir::lowbit
