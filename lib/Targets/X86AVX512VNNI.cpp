//===- X86AVX512VNNI.cpp - x86-64 with AVX-512 and VNNI -------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"

namespace mlir::lowbit {

StringRef X86AVX512VNNITargetAttr::getName() const { return "x86-64-avx512vnni"; }
StringRef X86AVX512VNNITargetAttr::getTriple() const { return "x86_64-unknown-linux-gnu"; }
StringRef X86AVX512VNNITargetAttr::getProcessor() const { return "icelake-server"; }
StringRef X86AVX512VNNITargetAttr::getFeatures() const { return ""; }
StringRef X86AVX512VNNITargetAttr::getHostFeatures() const {
  return "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni,avx512ifma,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,gfni,"
         "avx2,bmi,bmi2,f16c,fma,lzcnt,movbe";
}
int X86AVX512VNNITargetAttr::getPreference() const { return 20; }
unsigned X86AVX512VNNITargetAttr::getVectorBits() const { return 512; }
unsigned X86AVX512VNNITargetAttr::getNumVectorRegisters() const { return 32; }
std::pair<int64_t, int64_t> X86AVX512VNNITargetAttr::getCacheBytes() const { return {32 << 10, 1 << 20}; }
DotProduct X86AVX512VNNITargetAttr::getDotProduct() const {
  return {/*lhsWidth=*/8, Signs::Opposite, /*depth=*/4, /*lanes=*/16, /*temporaries=*/1};
}
// To base 3: four lookups of 128 entries, and four and two for the top digit.
std::optional<int64_t> X86AVX512VNNITargetAttr::getDigitInstructions(int64_t base) const {
  return base == 3 ? std::optional<int64_t>(10) : std::nullopt;
}

Value X86AVX512VNNITargetAttr::buildTableLookup(OpBuilder &builder, Location loc, DenseFPElementsAttr table, Value indices) const {
  return buildPermutedLookup(builder, loc, table, indices, getVectorBits(),
                             {"llvm.x86.avx512.permvar.sf.512", "llvm.x86.avx512.permvar.hi.512"});
}

void X86AVX512VNNITargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  populateByteShufflePatterns(patterns);
  // Takes the unsigned codes first and does not saturate.
  populateDotIntrinsicPatterns(patterns, getDotProduct(), {"", "", "llvm.x86.avx512.vpdpbusd.512"});
}

} // namespace mlir::lowbit
