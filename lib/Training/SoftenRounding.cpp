//===- SoftenRounding.cpp - weights between their neighbours on the grid --===//
// Law: a weight within the range of its codes keeps its value, up to float rounding; one outside becomes the nearest code's.

#include "NamePatterns.h"
#include "Rounding.h"
#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Losses/Build.h"
#include "lowbit/PTQ/CodeLevels.h"
#include "lowbit/PTQ/WeightSite.h"
#include "lowbit/Training/Passes.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Transforms/RegionUtils.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_SOFTENROUNDINGPASS
#include "lowbit/Training/Passes.h.inc"

namespace {
struct SoftenRoundingPass final : PassWithModels<impl::SoftenRoundingPassBase<SoftenRoundingPass>> {
  using PassWithModels::PassWithModels;

  void runOnOperation() override {
    if (failed(soften()))
      signalPassFailure();
  }

private:
  LogicalResult soften() {
    FailureOr<NamePatterns> patterns = NamePatterns::parse(getOperation(), sites);
    if (failed(patterns))
      return failure();
    for (WeightSite &site : WeightSite::collect(getOperation()))
      if (patterns->match(site.getName()) && failed(soften(site)))
        return failure();
    if (const std::string *unused = patterns->findUnused())
      return getOperation().emitError() << "no site whose weight becomes codes matches `" << *unused
                                        << "`; expected a glob over names of sites that the recipe gives codes";
    // What computed the weights, and nothing reads any more, would otherwise count as something to train.
    IRRewriter rewriter(&getContext());
    (void)runRegionDCE(rewriter, getOperation()->getRegions());
    return success();
  }

  static DequantizeOp findWeight(WeightSite &site) {
    std::string reason;
    for (const QuantizableOperand &operand : cast<QuantizableOpInterface>(site.getOp()).getQuantizableOperands(reason))
      if (operand.role == OperandRole::Weight)
        return operand.operand->get().getDefiningOp<DequantizeOp>();
    return {};
  }

  LogicalResult soften(WeightSite &site) {
    DequantizeOp dequantize = findWeight(site);
    auto type = cast<RankedTensorType>(dequantize.getResult().getType());
    if (!type.getElementType().isF32())
      return site.getOp()->emitError() << "weight of site `" << site.getName() << "` is " << type
                                       << "; expected f32, whose rounding can be learned";
    FailureOr<std::vector<float>> weight = site.readWeight();
    FailureOr<std::vector<HostScale>> scales = site.readScales();
    if (failed(weight) || failed(scales))
      return failure();
    // Scales that are computed from the weight become constants, which hardening needs.
    if (!site.hasCodes())
      site.setScales(*scales);

    CodeLevels levels(site.getQuantizer());
    std::vector<float> below(weight->size()), gap(weight->size()), variable(weight->size());
    int64_t outputs = site.getNumOutputs();
    for (int64_t k = 0; k < site.getNumInputs(); ++k)
      for (int64_t n = 0; n < outputs; ++n) {
        int64_t i = k * outputs + n;
        HostScale scale = (*scales)[site.getScaleIndex(k, n)];
        int64_t level = levels.findBelow((*weight)[i] / scale.scale + static_cast<float>(scale.zero));
        int64_t above = std::min(level + 1, levels.size() - 1);
        below[i] = levels.decode(level, scale);
        gap[i] = levels.decode(above, scale) - below[i];
        variable[i] = getVariable(gap[i] != 0 ? ((*weight)[i] - below[i]) / gap[i] : 0.0f);
      }
    Value values[] = {site.buildFloats(below, ".below"), site.buildFloats(gap, ".gap"), site.buildFloats(variable, ".rounding")};
    OpBuilder builder(dequantize);
    Value result = buildMap(builder, dequantize.getLoc(), values, [](OpBuilder &b, Location loc, ValueRange args) -> Value {
      Value up = arith::MulFOp::create(b, loc, args[kGap], buildHeight(b, loc, args[kVariable]));
      return arith::AddFOp::create(b, loc, args[kBelow], up);
    });
    Operation *softened = result.getDefiningOp();
    softened->setAttr(kRoundingAttr, builder.getStringAttr(site.getName()));
    softened->setAttr(kRoundingSchemeAttr, site.getScheme());
    softened->setAttr(kRoundingScalesAttr, getConstantElements(dequantize.getScales()));
    if (dequantize.getZeros())
      softened->setAttr(kRoundingZerosAttr, getConstantElements(dequantize.getZeros()));
    site.replaceWeight(result);
    site.getOp()->removeAttr(kOriginalAttr);
    return success();
  }

  /// The `v` with `h(v) = height`, finite for heights from 0 to 1.
  static float getVariable(float height) {
    float sigmoid = (std::clamp(height, 0.0f, 1.0f) - kShift) / kStretch;
    return -std::log(1 / sigmoid - 1);
  }
};
} // namespace
} // namespace mlir::lowbit
