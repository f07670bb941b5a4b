//===- LowerReference.cpp - the meaning of the dialect --------------------===//
//
// Invariant: after the pass no op or type of the dialect is left but `observe` and `lookup` on vectors, or it failed and said why.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Conversion/LowerReference.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/IR/CodeConstants.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_LOWERREFERENCEPASS
#include "lowbit/Conversion/Passes.h.inc"

void convertCodeTypes(Operation *root) {
  AttrTypeReplacer replacer;
  replacer.addReplacement([](CodeType type) -> Type { return type.getFormat().getStorageType(); });
  auto getStoredType = [](ShapedType type) -> ShapedType {
    auto code = dyn_cast<CodeType>(type.getElementType());
    return code ? type.clone(code.getFormat().getStorageType()) : ShapedType();
  };
  // `dense<"0x…">` of codes is a string to MLIR, one byte a code.
  replacer.addReplacement([=](DenseStringElementsAttr constant) -> std::pair<Attribute, WalkResult> {
    ShapedType stored = getStoredType(constant.getType());
    std::optional<std::string> bytes = stored ? getCodeBytes(constant) : std::nullopt;
    if (bytes)
      return {DenseElementsAttr::getFromRawBuffer(stored, ArrayRef(bytes->data(), bytes->size())), WalkResult::skip()};
    return {constant, WalkResult::skip()};
  });
  // One byte an element before and after: only the type changes.
  replacer.addReplacement([=](DenseResourceElementsAttr constant) -> std::pair<Attribute, WalkResult> {
    if (ShapedType stored = getStoredType(constant.getType()))
      return {DenseResourceElementsAttr::get(stored, constant.getRawHandle()), WalkResult::skip()};
    return {constant, WalkResult::skip()};
  });
  replacer.recursivelyReplaceElementsIn(root, /*replaceAttrs=*/true, /*replaceLocs=*/false, /*replaceTypes=*/true);
}

void populateLowerReferencePatterns(RewritePatternSet &patterns) {
  populateLowerQuantizePatterns(patterns);
  populateLowerScalesPatterns(patterns);
  populateLowerFakeQuantPatterns(patterns);
  populateLowerRequantizePatterns(patterns);
  populateLowerContractPatterns(patterns);
  populateLowerBitsPatterns(patterns);
  populateLowerPackPatterns(patterns);
}

namespace {

/// Remembers why the last pattern that met an op did not lower it.
struct ReasonListener final : RewriterBase::Listener {
  void notifyMatchFailure(Location loc, function_ref<void(Diagnostic &)> reasonCallback) override {
    Diagnostic diagnostic(loc, DiagnosticSeverity::Remark);
    reasonCallback(diagnostic);
    reasons[loc] = diagnostic.str();
  }
  DenseMap<Location, std::string> reasons;
};

struct LowerReferencePass final : impl::LowerReferencePassBase<LowerReferencePass> {
  void runOnOperation() override {
    convertCodeTypes(getOperation());
    RewritePatternSet patterns(&getContext());
    populateLowerReferencePatterns(patterns);
    ReasonListener listener;
    GreedyRewriteConfig config;
    config.setListener(&listener);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns), config)))
      return signalPassFailure();
    WalkResult result = getOperation()->walk([&](Operation *op) {
      bool isForTarget = isa<DecodeOp, LookupOp>(op) && isa<VectorType>(op->getResultTypes().front());
      if (!isa_and_nonnull<LowbitDialect>(op->getDialect()) || isa<ObserveOp>(op) || isForTarget || isa<MatmulOp, GroupedMatmulOp>(op) ||
          isa<ContractOp, MatmulOp, GroupedMatmulOp>(op->getParentOp()))
        return WalkResult::advance();
      InFlightDiagnostic diagnostic = op->emitOpError("has no reference lowering");
      auto reason = listener.reasons.find(op->getLoc());
      if (reason != listener.reasons.end())
        diagnostic << ": " << reason->second;
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
} // namespace mlir::lowbit
