//===- X86AVX512VNNI.cpp - x86-64 with AVX-512 and VNNI -------------------===//

#include "lowbit/IR/Lowbit.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::lowbit {

StringRef X86AVX512VNNITargetAttr::getName() const { return "x86-64-avx512vnni"; }
StringRef X86AVX512VNNITargetAttr::getTriple() const { return "x86_64-unknown-linux-gnu"; }
StringRef X86AVX512VNNITargetAttr::getProcessor() const { return "icelake-server"; }
StringRef X86AVX512VNNITargetAttr::getFeatures() const { return ""; }
int X86AVX512VNNITargetAttr::getPreference(const llvm::Triple &triple, const llvm::StringMap<bool> &features) const {
  bool runs = triple.getArch() == llvm::Triple::x86_64 && features.lookup("avx512vnni") && features.lookup("avx512bw") &&
              features.lookup("avx512vl") && features.lookup("avx512dq");
  return runs ? 20 : -1;
}
unsigned X86AVX512VNNITargetAttr::getVectorBits() const { return 512; }
unsigned X86AVX512VNNITargetAttr::getNumVectorRegisters() const { return 32; }
std::pair<int64_t, int64_t> X86AVX512VNNITargetAttr::getCacheBytes() const { return {32 << 10, 1 << 20}; }
std::optional<DotProduct> X86AVX512VNNITargetAttr::getDotProduct() const { return DotProduct{false, true, 4, 16}; }
void X86AVX512VNNITargetAttr::populateDotProductPatterns(RewritePatternSet &) const {}

} // namespace mlir::lowbit
