//===- EmulateBFloat16.cpp - bf16 on machines that do not have it ----------===//
// Law: a number of bf16 is 16 bits in memory, and an f32 whenever it is computed with; what is rounded is rounded to nearest, ties to even.

#include "lowbit/GPU/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/GPUArchitecture.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_EMULATEBFLOAT16PASS
#include "lowbit/GPU/Passes.h.inc"

static Value toBits(OpBuilder &builder, Location loc, Value value) {
  return arith::BitcastOp::create(builder, loc, builder.getI16Type(), value);
}

namespace {
struct LoadBits final : OpRewritePattern<LLVM::LoadOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LLVM::LoadOp op, PatternRewriter &rewriter) const override {
    if (!op.getType().isBF16())
      return rewriter.notifyMatchFailure(op, "not of bf16");
    Value bits = LLVM::LoadOp::create(rewriter, op.getLoc(), rewriter.getI16Type(), op.getAddr(), op.getAlignment().value_or(2));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), bits);
    return success();
  }
};

struct StoreBits final : OpRewritePattern<LLVM::StoreOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LLVM::StoreOp op, PatternRewriter &rewriter) const override {
    if (!op.getValue().getType().isBF16())
      return rewriter.notifyMatchFailure(op, "not of bf16");
    rewriter.replaceOpWithNewOp<LLVM::StoreOp>(op, toBits(rewriter, op.getLoc(), op.getValue()), op.getAddr(),
                                               op.getAlignment().value_or(2));
    return success();
  }
};

struct SelectBits final : OpRewritePattern<arith::SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::SelectOp op, PatternRewriter &rewriter) const override {
    if (!op.getType().isBF16())
      return rewriter.notifyMatchFailure(op, "not of bf16");
    Location loc = op.getLoc();
    Value yes = toBits(rewriter, loc, op.getTrueValue()), no = toBits(rewriter, loc, op.getFalseValue());
    Value bits = arith::SelectOp::create(rewriter, loc, op.getCondition(), yes, no);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), bits);
    return success();
  }
};

struct EmulateBFloat16Pass final : impl::EmulateBFloat16PassBase<EmulateBFloat16Pass> {
  using EmulateBFloat16PassBase::EmulateBFloat16PassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    if (const GPUArchitecture *gpu = resolved->getGPU(); !gpu || gpu->hasBFloat16)
      return;
    for (auto kernels : getOperation().getOps<gpu::GPUModuleOp>())
      if (failed(emulate(kernels)))
        return signalPassFailure();
  }

private:
  static LogicalResult emulate(gpu::GPUModuleOp kernels) {
    MLIRContext *context = kernels.getContext();
    Type narrow = BFloat16Type::get(context);
    TypeConverter converter;
    arith::populateEmulateUnsupportedFloatsConversions(converter, narrow, Float32Type::get(context));
    RewritePatternSet computing(context), moving(context);
    arith::populateEmulateUnsupportedFloatsPatterns(computing, converter);
    ConversionTarget legal(*context);
    arith::populateEmulateUnsupportedFloatsLegality(legal, converter);
    // Those move bits, and do not compute.
    legal.addLegalOp<arith::SelectOp, arith::BitcastOp>();
    legal.addLegalDialect<LLVM::LLVMDialect>();
    if (failed(applyPartialConversion(kernels, legal, std::move(computing))))
      return failure();
    arith::populateExpandBFloat16Patterns(moving);
    arith::BitcastOp::getCanonicalizationPatterns(moving, context);
    moving.add<LoadBits, StoreBits, SelectBits>(context);
    return applyPatternsGreedily(kernels, std::move(moving));
  }
};
} // namespace
} // namespace mlir::lowbit
