//===- X86AVXVNNI.cpp - x86-64 with AVX-VNNI ----------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"

namespace mlir::lowbit {

StringRef X86AVXVNNITargetAttr::getName() const { return "x86-64-avxvnni"; }
StringRef X86AVXVNNITargetAttr::getTriple() const { return "x86_64-unknown-linux-gnu"; }
StringRef X86AVXVNNITargetAttr::getProcessor() const { return "x86-64-v3"; }
StringRef X86AVXVNNITargetAttr::getFeatures() const { return "+avxvnni"; }
StringRef X86AVXVNNITargetAttr::getHostFeatures() const { return "avxvnni,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe"; }
int X86AVXVNNITargetAttr::getPreference() const { return 12; }
unsigned X86AVXVNNITargetAttr::getVectorBits() const { return 256; }
unsigned X86AVXVNNITargetAttr::getNumVectorRegisters() const { return 16; }
std::pair<int64_t, int64_t> X86AVXVNNITargetAttr::getCacheBytes() const { return {32 << 10, 1024 << 10}; }
DotProduct X86AVXVNNITargetAttr::getDotProduct() const {
  return {/*lhsWidth=*/8, Signs::Opposite, /*depth=*/4, /*lanes=*/8, /*temporaries=*/1};
}

void X86AVXVNNITargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  populateDotIntrinsicPatterns(patterns, getDotProduct(), {"", "", "llvm.x86.avx512.vpdpbusd.256"});
}

} // namespace mlir::lowbit
