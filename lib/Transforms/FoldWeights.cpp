//===- FoldWeights.cpp - constants become codes on the host ---------------===//
//
// Invariant: every constant equals, to the bit, what the reference lowering of the op would compute at run time.
//
//===----------------------------------------------------------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/HostQuantize.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_FOLDWEIGHTSPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {

/// Calls `visit(first, count, scale)` for runs of `count` elements that share the scale with index `scale`.
template <typename Visit> void forEachRun(ArrayRef<int64_t> shape, SchemeAttr scheme, Visit visit) {
  int64_t total = ShapedType::getNumElements(shape), rank = shape.size();
  if (total == 0)
    return;
  if (scheme.isPerTensor() || rank == 0)
    return visit(int64_t(0), total, int64_t(0));
  SmallVector<int64_t> shares, strides(rank, 1), index(rank, 0);
  for (auto [size, block] : llvm::zip_equal(shape, scheme.getBlock().asArrayRef()))
    shares.push_back(block == 0 ? size : block);
  for (int64_t axis = rank - 1; axis > 0; --axis)
    strides[axis - 1] = strides[axis] * (shape[axis] / shares[axis]);
  for (int64_t first = 0, run = shares.back(); first < total; first += run) {
    int64_t scale = 0;
    for (int64_t axis = 0; axis < rank; ++axis)
      scale += index[axis] / shares[axis] * strides[axis];
    visit(first, run, scale);
    index.back() += run;
    for (int64_t axis = rank - 1; axis > 0 && index[axis] == shape[axis]; --axis) {
      index[axis] = 0;
      ++index[axis - 1];
    }
  }
}

template <typename T> void appendBytes(std::vector<char> &bytes, T value, unsigned width) {
  uint64_t bits = static_cast<uint64_t>(value);
  const char *from = reinterpret_cast<const char *>(&bits);
  bytes.insert(bytes.end(), from, from + width);
}

/// NaN and infinity have no code.
LogicalResult checkFinite(Operation *op, ArrayRef<float> reals, ArrayRef<int64_t> shape, StringRef key) {
  for (auto [i, real] : llvm::enumerate(reals))
    if (!std::isfinite(real))
      return op->emitError() << "weight `" << key << "` holds " << (std::isnan(real) ? "NaN" : "infinity") << " at "
                             << formatIndex(shape, i)
                             << "; expected finite numbers: mend the model, or keep the site in float by a rule with `keep`";
  return success();
}

class WeightFolder {
public:
  explicit WeightFolder(MLIRContext *context) : rewriter(context) {}

  LogicalResult foldScales(ComputeScalesOp op, ElementsAttr input) {
    StringRef key = getResourceKey(input, "constant");
    FailureOr<std::vector<float>> reals = readReals(op, input);
    ArrayRef<int64_t> shape = input.getShapedType().getShape();
    if (failed(reals) || failed(checkFinite(op, *reals, shape, key)))
      return failure();
    SchemeAttr scheme = op.getScheme();
    auto type = cast<RankedTensorType>(op.getScales().getType());
    struct Range {
      float low = 0, high = 0;
    };
    std::vector<Range> ranges(type.getNumElements());
    forEachRun(shape, scheme, [&](int64_t first, int64_t count, int64_t scale) {
      for (float real : ArrayRef<float>(*reals).slice(first, count)) {
        ranges[scale].low = std::min(ranges[scale].low, real);
        ranges[scale].high = std::max(ranges[scale].high, real);
      }
    });
    std::vector<char> scaleBytes, zeroBytes;
    HostQuantizer quantizer(scheme);
    auto scaleType = cast<FloatType>(scheme.getScaleType());
    for (auto [i, range] : llvm::enumerate(ranges)) {
      HostScale scale = quantizer.computeScale(range.low, range.high);
      if (!quantizer.isUsable(scale.scale))
        return op.emitError() << "scale " << i << " of `" << key << "`, whose values lie from " << range.low << " to " << range.high
                              << ", is beyond what " << scaleType << " can hold; choose a wider scale type";
      APFloat stored(scale.scale);
      bool losesInfo;
      stored.convert(scaleType.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
      appendBytes(scaleBytes, stored.bitcastToAPInt().getZExtValue(), (scaleType.getWidth() + 7) / 8);
      if (scheme.getZero())
        appendBytes(zeroBytes, scale.zero, (scheme.getZero().getWidth() + 7) / 8);
    }
    markAdded(replace(op.getScales(), buildElements(type, scaleBytes, (key + ".scales").str())));
    if (op.getZeros())
      markAdded(replace(op.getZeros(), buildElements(cast<RankedTensorType>(op.getZeros().getType()), zeroBytes, (key + ".zeros").str())));
    return success();
  }

  LogicalResult foldCodes(QuantizeOp op, ElementsAttr input, ElementsAttr scaleElements, ElementsAttr zeroElements) {
    StringRef key = getResourceKey(input, "constant");
    FailureOr<std::vector<float>> reals = readReals(op, input), scales = readReals(op, scaleElements);
    ArrayRef<int64_t> shape = input.getShapedType().getShape();
    if (failed(reals) || failed(scales) || failed(checkFinite(op, *reals, shape, key)))
      return failure();
    FailureOr<std::vector<int64_t>> zeros = std::vector<int64_t>(scales->size(), 0);
    if (zeroElements)
      zeros = readIntegers(op, zeroElements);
    if (failed(zeros))
      return failure();
    SchemeAttr scheme = op.getScheme();
    NumberFormatAttrInterface format = scheme.getFormat();
    uint64_t zeroMask =
        scheme.getZero() && !format.isSigned() ? llvm::maskTrailingOnes<uint64_t>(scheme.getZero().getWidth()) : ~uint64_t(0);
    HostQuantizer quantizer(scheme);
    unsigned width = (format.getWidth() + 7) / 8;
    std::vector<char> bytes(reals->size() * width);
    double signal = 0, noise = 0;
    forEachRun(shape, scheme, [&](int64_t first, int64_t count, int64_t index) {
      HostScale scale{(*scales)[index], static_cast<int64_t>(static_cast<uint64_t>((*zeros)[index]) & zeroMask)};
      for (int64_t i = first; i < first + count; ++i) {
        uint64_t code = quantizer.encode((*reals)[i], scale);
        std::memcpy(&bytes[i * width], &code, width);
        double error = (*reals)[i] - quantizer.decode(code, scale);
        signal += static_cast<double>((*reals)[i]) * (*reals)[i];
        noise += error * error;
      }
    });
    Operation *codes =
        replace(op.getCodes(), buildElements(cast<RankedTensorType>(op.getCodes().getType()), bytes, (key + ".codes").str()));
    // Said for reports, which no longer have the floats.
    codes->setAttr(kSQNRAttr, getSQNRAttr(rewriter.getContext(), signal, noise));
    return success();
  }

private:
  /// Reports do not count what quantization adds as bytes of the float model.
  void markAdded(Operation *constant) { constant->setAttr(kAddedAttr, rewriter.getUnitAttr()); }

  Operation *replace(Value value, ElementsAttr elements) {
    rewriter.setInsertionPointAfterValue(value);
    Value constant = arith::ConstantOp::create(rewriter, value.getLoc(), elements);
    rewriter.replaceAllUsesWith(value, constant);
    return constant.getDefiningOp();
  }

  IRRewriter rewriter;
};

struct FoldWeightsPass final : impl::FoldWeightsPassBase<FoldWeightsPass> {
  void runOnOperation() override {
    WeightFolder folder(&getContext());
    WalkResult result = getOperation()->walk([&](Operation *op) -> WalkResult {
      if (auto compute = dyn_cast<ComputeScalesOp>(op))
        if (ElementsAttr input = getConstantElements(compute.getInput()))
          return folder.foldScales(compute, input);
      if (auto quantize = dyn_cast<QuantizeOp>(op)) {
        ElementsAttr input = getConstantElements(quantize.getInput()), scales = getConstantElements(quantize.getScales());
        ElementsAttr zeros = quantize.getZeros() ? getConstantElements(quantize.getZeros()) : ElementsAttr();
        if (input && scales && (!quantize.getZeros() || zeros))
          return folder.foldCodes(quantize, input, scales, zeros);
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    getOperation()->walk([](Operation *op) {
      op->removeAttr(kOriginalAttr);
      op->removeAttr(kSmoothingAttr);
    });
    eraseDead();
  }

private:
  /// The folded ops and the float constants that nothing reads any more.
  void eraseDead() {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<ComputeScalesOp, QuantizeOp>(op) || op->hasTrait<OpTrait::ConstantLike>())
        ops.push_back(op);
    });
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
  }
};
} // namespace
} // namespace mlir::lowbit
