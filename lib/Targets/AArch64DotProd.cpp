//===- AArch64DotProd.cpp - AArch64 with dot products -------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"

namespace mlir::lowbit {

StringRef AArch64DotProdTargetAttr::getName() const { return "aarch64+dotprod"; }
StringRef AArch64DotProdTargetAttr::getTriple() const { return "aarch64-unknown-linux-gnu"; }
StringRef AArch64DotProdTargetAttr::getProcessor() const { return "generic"; }
StringRef AArch64DotProdTargetAttr::getFeatures() const { return "+dotprod"; }
StringRef AArch64DotProdTargetAttr::getHostFeatures() const { return "neon,dotprod"; }
int AArch64DotProdTargetAttr::getPreference() const { return 20; }
unsigned AArch64DotProdTargetAttr::getVectorBits() const { return 128; }
unsigned AArch64DotProdTargetAttr::getNumVectorRegisters() const { return 32; }
std::pair<int64_t, int64_t> AArch64DotProdTargetAttr::getCacheBytes() const { return {32 << 10, 512 << 10}; }
DotProduct AArch64DotProdTargetAttr::getDotProduct() const {
  return {/*lhsWidth=*/8, Signs::Equal, /*depth=*/4, /*lanes=*/4, /*temporaries=*/1};
}

void AArch64DotProdTargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  populateDotIntrinsicPatterns(patterns, getDotProduct(), {"llvm.aarch64.neon.sdot.v4i32.v16i8", "llvm.aarch64.neon.udot.v4i32.v16i8", ""});
}

} // namespace mlir::lowbit
