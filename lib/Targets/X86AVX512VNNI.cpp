//===- X86AVX512VNNI.cpp - x86-64 with AVX-512 and VNNI -------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

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
DotProduct X86AVX512VNNITargetAttr::getDotProduct() const {
  return {/*lhsWidth=*/8, /*oppositeSigns=*/true, /*depth=*/4, /*lanes=*/16, /*temporaries=*/1};
}
PackingAttrInterface X86AVX512VNNITargetAttr::getWeightPacking(int64_t columns, bool transposed) const {
  return PanelPackingAttr::get(getContext(), columns, getDotProduct().depth, transposed);
}

namespace {
/// vpdpbusd takes the unsigned codes first and does not saturate.
struct Vpdpbusd final : DotProductPattern {
  using DotProductPattern::DotProductPattern;
  Value buildDot(OpBuilder &builder, Location loc, const NativeDot &operands) const override {
    if (operands.lhsSigned == operands.rhsSigned)
      return {};
    Value lhs = buildBroadcastGroup(builder, loc, operands.lhs, dot.lanes), rhs = operands.rhs;
    if (operands.lhsSigned)
      std::swap(lhs, rhs);
    return LLVM::CallIntrinsicOp::create(builder, loc, operands.accumulator.getType(),
                                         builder.getStringAttr("llvm.x86.avx512.vpdpbusd.512"), ValueRange{operands.accumulator, lhs, rhs})
        .getResult(0);
  }
};
} // namespace

void X86AVX512VNNITargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  patterns.add<Vpdpbusd>(getContext(), getDotProduct());
}

} // namespace mlir::lowbit
