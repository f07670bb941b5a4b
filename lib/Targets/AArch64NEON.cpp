//===- AArch64NEON.cpp - AArch64 as every processor has it --------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::lowbit {

StringRef AArch64NEONTargetAttr::getName() const { return "aarch64+neon"; }
StringRef AArch64NEONTargetAttr::getTriple() const { return "aarch64-unknown-linux-gnu"; }
StringRef AArch64NEONTargetAttr::getProcessor() const { return "generic"; }
StringRef AArch64NEONTargetAttr::getFeatures() const { return "+neon"; }
StringRef AArch64NEONTargetAttr::getHostFeatures() const { return "neon"; }
int AArch64NEONTargetAttr::getPreference() const { return 10; }
unsigned AArch64NEONTargetAttr::getVectorBits() const { return 128; }
unsigned AArch64NEONTargetAttr::getNumVectorRegisters() const { return 32; }
std::pair<int64_t, int64_t> AArch64NEONTargetAttr::getCacheBytes() const { return {32 << 10, 512 << 10}; }
DotProduct AArch64NEONTargetAttr::getDotProduct() const {
  return {/*lhsWidth=*/8, Signs::Equal, /*depth=*/2, /*lanes=*/4, /*temporaries=*/2};
}

namespace {
/// smull multiplies 8-bit codes to 16 bits, sadalp adds pairs of these to 32: both exact.
struct MultiplyPairs final : DotProductPattern {
  using DotProductPattern::DotProductPattern;
  Value buildDot(OpBuilder &builder, Location loc, const NativeDot &operands) const override {
    if (operands.lhsSigned != operands.rhsSigned)
      return {};
    bool isSigned = operands.lhsSigned;
    auto call = [&](StringRef name, Type type, ValueRange arguments) {
      return LLVM::CallIntrinsicOp::create(builder, loc, type, builder.getStringAttr(name), arguments).getResult(0);
    };
    Value lhs = buildBroadcastGroup(builder, loc, operands.lhs, dot.lanes);
    Type shorts = VectorType::get(dot.lanes * dot.depth, builder.getI16Type());
    Value products = call(isSigned ? "llvm.aarch64.neon.smull.v8i16" : "llvm.aarch64.neon.umull.v8i16", shorts, {lhs, operands.rhs});
    Value pairs = call(isSigned ? "llvm.aarch64.neon.saddlp.v4i32.v8i16" : "llvm.aarch64.neon.uaddlp.v4i32.v8i16",
                       operands.accumulator.getType(), products);
    return arith::AddIOp::create(builder, loc, operands.accumulator, pairs);
  }
};
} // namespace

void AArch64NEONTargetAttr::populateDotProductPatterns(RewritePatternSet &patterns) const {
  patterns.add<MultiplyPairs>(getContext(), getDotProduct());
}

} // namespace mlir::lowbit
