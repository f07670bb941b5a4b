//===- X86AVX512BF16.cpp - x86-64 with AVX-512, VNNI and BF16 -------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"

namespace mlir::lowbit {

StringRef X86AVX512BF16TargetAttr::getName() const { return "x86-64-avx512bf16"; }
StringRef X86AVX512BF16TargetAttr::getTriple() const { return "x86_64-unknown-linux-gnu"; }
StringRef X86AVX512BF16TargetAttr::getProcessor() const { return "icelake-server"; }
StringRef X86AVX512BF16TargetAttr::getFeatures() const { return "+avx512bf16"; }
StringRef X86AVX512BF16TargetAttr::getHostFeatures() const {
  return "avx512bf16,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni,avx512ifma,avx512vbmi,avx512vbmi2,avx512bitalg,"
         "avx512vpopcntdq,gfni,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe";
}
int X86AVX512BF16TargetAttr::getPreference() const { return 25; }
unsigned X86AVX512BF16TargetAttr::getVectorBits() const { return 512; }
unsigned X86AVX512BF16TargetAttr::getNumVectorRegisters() const { return 32; }
std::pair<int64_t, int64_t> X86AVX512BF16TargetAttr::getCacheBytes() const { return {32 << 10, 1 << 20}; }
DotProduct X86AVX512BF16TargetAttr::getDotProduct() const {
  return {/*lhsWidth=*/8, Signs::Opposite, /*depth=*/4, /*lanes=*/16, /*temporaries=*/1};
}
std::optional<DotProduct> X86AVX512BF16TargetAttr::getBFloat16DotProduct() const {
  return DotProduct{/*lhsWidth=*/16, Signs::Any, /*depth=*/2, /*lanes=*/16, /*temporaries=*/1};
}

Value X86AVX512BF16TargetAttr::buildTableLookup(OpBuilder &builder, Location loc, DenseFPElementsAttr table, Value indices) const {
  return buildPermutedLookup(builder, loc, table, indices, getVectorBits(),
                             {"llvm.x86.avx512.permvar.sf.512", "llvm.x86.avx512.permvar.hi.512"});
}

void X86AVX512BF16TargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  populateDotIntrinsicPatterns(patterns, getDotProduct(), {"", "", "llvm.x86.avx512.vpdpbusd.512"});
  populateBFloat16DotPattern(patterns, *getBFloat16DotProduct(), "llvm.x86.avx512bf16.dpbf16ps.512");
}

} // namespace mlir::lowbit
