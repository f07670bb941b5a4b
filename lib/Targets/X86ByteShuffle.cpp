//===- X86ByteShuffle.cpp - lookups by the shuffles of AVX512-VBMI --------===//
// Law: the shuffles ignore the bits of an index beyond their table's size, as `lowbit.lookup` does; a shorter table is repeated.

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Targets/DotProductPattern.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::lowbit {
namespace {
struct ShuffleBytes final : OpRewritePattern<LookupOp> {
  using OpRewritePattern::OpRewritePattern;
  static constexpr int64_t size = 64;

  LogicalResult matchAndRewrite(LookupOp op, PatternRewriter &rewriter) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    int64_t entries = op.getTable().size();
    if (!type || type.getRank() != 1 || type.getNumElements() != size || entries > 2 * size)
      return rewriter.notifyMatchFailure(op, "not a register of indices into a table of at most two");
    Value low = buildTable(rewriter, op, 0), high = entries > size ? buildTable(rewriter, op, size) : Value();
    StringRef name = high ? "llvm.x86.avx512.vpermi2var.qi.512" : "llvm.x86.avx512.permvar.qi.512";
    SmallVector<Value> operands{low, op.getIndex()};
    if (high)
      operands.push_back(high);
    rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(op, type, rewriter.getStringAttr(name), operands);
    return success();
  }

private:
  static Value buildTable(PatternRewriter &rewriter, LookupOp op, int64_t first) {
    ArrayRef<int8_t> table = op.getTable();
    SmallVector<int8_t> bytes;
    for (int64_t i = 0; i < size; ++i)
      bytes.push_back(table[(first + i) % table.size()]);
    auto type = cast<VectorType>(op.getType());
    return arith::ConstantOp::create(rewriter, op.getLoc(), DenseElementsAttr::get(type, ArrayRef(bytes)));
  }
};
} // namespace

void populateByteShufflePatterns(RewritePatternSet &patterns) { patterns.add<ShuffleBytes>(patterns.getContext()); }

} // namespace mlir::lowbit
