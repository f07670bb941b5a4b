//===- X86AVX10.cpp - x86-64 with AVX10.2 -------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"

namespace mlir::lowbit {

StringRef X86AVX10TargetAttr::getName() const { return "x86-64-avx10.2"; }
StringRef X86AVX10TargetAttr::getTriple() const { return "x86_64-unknown-linux-gnu"; }
StringRef X86AVX10TargetAttr::getProcessor() const { return "x86-64-v4"; }
StringRef X86AVX10TargetAttr::getFeatures() const { return "+avx10.2"; }
StringRef X86AVX10TargetAttr::getHostFeatures() const { return "avx10.2,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe"; }
int X86AVX10TargetAttr::getPreference() const { return 30; }
unsigned X86AVX10TargetAttr::getVectorBits() const { return 512; }
unsigned X86AVX10TargetAttr::getNumVectorRegisters() const { return 32; }
std::pair<int64_t, int64_t> X86AVX10TargetAttr::getCacheBytes() const { return {48 << 10, 2048 << 10}; }
DotProduct X86AVX10TargetAttr::getDotProduct() const { return {/*lhsWidth=*/8, Signs::Any, /*depth=*/4, /*lanes=*/16, /*temporaries=*/1}; }

std::optional<DotProduct> X86AVX10TargetAttr::getBFloat16DotProduct() const {
  return DotProduct{/*lhsWidth=*/16, Signs::Any, /*depth=*/2, /*lanes=*/16, /*temporaries=*/1};
}

Value X86AVX10TargetAttr::buildTableLookup(OpBuilder &builder, Location loc, DenseFPElementsAttr table, Value indices) const {
  return buildPermutedLookup(builder, loc, table, indices, getVectorBits(),
                             {"llvm.x86.avx512.permvar.sf.512", "llvm.x86.avx512.permvar.hi.512"});
}

void X86AVX10TargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  populateDotIntrinsicPatterns(patterns, getDotProduct(),
                               {"llvm.x86.avx10.vpdpbssd.512", "llvm.x86.avx10.vpdpbuud.512", "llvm.x86.avx512.vpdpbusd.512"});
  populateBFloat16DotPattern(patterns, *getBFloat16DotProduct(), "llvm.x86.avx512bf16.dpbf16ps.512");
}

} // namespace mlir::lowbit
