//===- X86AVXVNNIINT8.cpp - x86-64 with AVX-VNNI-INT8 -------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"

namespace mlir::lowbit {

StringRef X86AVXVNNIINT8TargetAttr::getName() const { return "x86-64-avxvnniint8"; }
StringRef X86AVXVNNIINT8TargetAttr::getTriple() const { return "x86_64-unknown-linux-gnu"; }
StringRef X86AVXVNNIINT8TargetAttr::getProcessor() const { return "x86-64-v3"; }
StringRef X86AVXVNNIINT8TargetAttr::getFeatures() const { return "+avxvnni,+avxvnniint8"; }
StringRef X86AVXVNNIINT8TargetAttr::getHostFeatures() const { return "avxvnni,avxvnniint8,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe"; }
int X86AVXVNNIINT8TargetAttr::getPreference() const { return 14; }
unsigned X86AVXVNNIINT8TargetAttr::getVectorBits() const { return 256; }
unsigned X86AVXVNNIINT8TargetAttr::getNumVectorRegisters() const { return 16; }
std::pair<int64_t, int64_t> X86AVXVNNIINT8TargetAttr::getCacheBytes() const { return {32 << 10, 2048 << 10}; }
DotProduct X86AVXVNNIINT8TargetAttr::getDotProduct() const {
  return {/*lhsWidth=*/8, Signs::Any, /*depth=*/4, /*lanes=*/8, /*temporaries=*/1};
}

void X86AVXVNNIINT8TargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  populateDotIntrinsicPatterns(patterns, getDotProduct(),
                               {"llvm.x86.avx2.vpdpbssd.256", "llvm.x86.avx2.vpdpbuud.256", "llvm.x86.avx512.vpdpbusd.256"});
}

} // namespace mlir::lowbit
