//===- AArch64I8MM.cpp - AArch64 with 8-bit matrix products -------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"

namespace mlir::lowbit {

StringRef AArch64I8MMTargetAttr::getName() const { return "aarch64+i8mm"; }
StringRef AArch64I8MMTargetAttr::getTriple() const { return "aarch64-unknown-linux-gnu"; }
StringRef AArch64I8MMTargetAttr::getProcessor() const { return "generic"; }
StringRef AArch64I8MMTargetAttr::getFeatures() const { return "+dotprod,+i8mm"; }
StringRef AArch64I8MMTargetAttr::getHostFeatures() const { return "neon,dotprod,i8mm"; }
int AArch64I8MMTargetAttr::getPreference() const { return 30; }
unsigned AArch64I8MMTargetAttr::getVectorBits() const { return 128; }
unsigned AArch64I8MMTargetAttr::getNumVectorRegisters() const { return 32; }
std::pair<int64_t, int64_t> AArch64I8MMTargetAttr::getCacheBytes() const { return {32 << 10, 512 << 10}; }
DotProduct AArch64I8MMTargetAttr::getDotProduct() const {
  return {/*lhsWidth=*/8, Signs::Any, /*depth=*/4, /*lanes=*/4, /*temporaries=*/1};
}

void AArch64I8MMTargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  populateDotIntrinsicPatterns(
      patterns, getDotProduct(),
      {"llvm.aarch64.neon.sdot.v4i32.v16i8", "llvm.aarch64.neon.udot.v4i32.v16i8", "llvm.aarch64.neon.usdot.v4i32.v16i8"});
}

} // namespace mlir::lowbit
