//===- X86AVX512BF16.cpp - x86-64 with AVX-512, VNNI and BF16 -------------===//
// Law: everything but products of bf16 is as with VNNI alone.

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"

namespace mlir::lowbit {

using VNNI = X86AVX512VNNITargetAttr;

StringRef X86AVX512BF16TargetAttr::getName() const { return "x86-64-avx512bf16"; }
StringRef X86AVX512BF16TargetAttr::getTriple() const { return VNNI::get(getContext()).getTriple(); }
StringRef X86AVX512BF16TargetAttr::getProcessor() const { return VNNI::get(getContext()).getProcessor(); }
StringRef X86AVX512BF16TargetAttr::getFeatures() const { return "+avx512bf16"; }
StringRef X86AVX512BF16TargetAttr::getHostFeatures() const {
  return "avx512bf16,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vnni,avx512ifma,avx512vbmi,avx512vbmi2,avx512bitalg,"
         "avx512vpopcntdq,gfni,avx2,bmi,bmi2,f16c,fma,lzcnt,movbe";
}
int X86AVX512BF16TargetAttr::getPreference() const { return 25; }
unsigned X86AVX512BF16TargetAttr::getVectorBits() const { return VNNI::get(getContext()).getVectorBits(); }
unsigned X86AVX512BF16TargetAttr::getNumVectorRegisters() const { return VNNI::get(getContext()).getNumVectorRegisters(); }
std::pair<int64_t, int64_t> X86AVX512BF16TargetAttr::getCacheBytes() const { return VNNI::get(getContext()).getCacheBytes(); }
DotProduct X86AVX512BF16TargetAttr::getDotProduct() const { return VNNI::get(getContext()).getDotProduct(); }
std::optional<int64_t> X86AVX512BF16TargetAttr::getDigitInstructions(int64_t base) const {
  return VNNI::get(getContext()).getDigitInstructions(base);
}
std::optional<DotProduct> X86AVX512BF16TargetAttr::getBFloat16DotProduct() const {
  return DotProduct{/*lhsWidth=*/16, Signs::Any, /*depth=*/2, /*lanes=*/16, /*temporaries=*/1};
}

Value X86AVX512BF16TargetAttr::buildTableLookup(OpBuilder &builder, Location loc, DenseFPElementsAttr table, Value indices) const {
  return VNNI::get(getContext()).buildTableLookup(builder, loc, table, indices);
}

void X86AVX512BF16TargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  VNNI::get(getContext()).populateDotProductPatterns(patterns);
  populateBFloat16DotPattern(patterns, *getBFloat16DotProduct(), "llvm.x86.avx512bf16.dpbf16ps.512");
}

} // namespace mlir::lowbit
