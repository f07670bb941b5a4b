//===- X86AVX2.cpp - x86-64 with AVX2 and FMA -----------------------------===//

#include "lowbit/Formats/Build.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::lowbit {

StringRef X86AVX2TargetAttr::getName() const { return "x86-64-avx2"; }
StringRef X86AVX2TargetAttr::getTriple() const { return "x86_64-unknown-linux-gnu"; }
StringRef X86AVX2TargetAttr::getProcessor() const { return "x86-64-v3"; }
StringRef X86AVX2TargetAttr::getFeatures() const { return ""; }
StringRef X86AVX2TargetAttr::getHostFeatures() const { return "avx2,bmi,bmi2,f16c,fma,lzcnt,movbe"; }
int X86AVX2TargetAttr::getPreference() const { return 10; }
unsigned X86AVX2TargetAttr::getVectorBits() const { return 256; }
unsigned X86AVX2TargetAttr::getNumVectorRegisters() const { return 16; }
std::pair<int64_t, int64_t> X86AVX2TargetAttr::getCacheBytes() const { return {32 << 10, 256 << 10}; }
DotProduct X86AVX2TargetAttr::getDotProduct() const { return {/*lhsWidth=*/16, Signs::Any, /*depth=*/2, /*lanes=*/8, /*temporaries=*/2}; }

namespace {
/// vpmaddwd sums two products of 16 bits in 32: exact for 8-bit codes of any sign.
struct Vpmaddwd final : DotProductPattern {
  using DotProductPattern::DotProductPattern;
  Value buildDot(OpBuilder &builder, Location loc, const NativeDot &operands) const override {
    if (!operands.lhsSigned)
      return {};
    Value lhs = buildBroadcastGroup(builder, loc, operands.lhs, dot.lanes);
    Value rhs = buildResize(builder, loc, operands.rhs, 16, operands.rhsSigned);
    Value products = LLVM::CallIntrinsicOp::create(builder, loc, operands.accumulator.getType(),
                                                   builder.getStringAttr("llvm.x86.avx2.pmadd.wd"), ValueRange{lhs, rhs})
                         .getResult(0);
    return arith::AddIOp::create(builder, loc, operands.accumulator, products);
  }
};
} // namespace

void X86AVX2TargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  patterns.add<Vpmaddwd>(getContext(), getDotProduct());
}

} // namespace mlir::lowbit
