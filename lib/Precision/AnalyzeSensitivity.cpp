//===- AnalyzeSensitivity.cpp - losses from second moments ----------------===//
//
// Every scheme is tried on a copy of the module, on all sites at once: a site's loss does not depend on what others get.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Calibration/MomentRows.h"
#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "lowbit/Precision/Passes.h"
#include "lowbit/Precision/Sensitivity.h"
#include "lowbit/Report/Energy.h"
#include "lowbit/Report/Report.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/ScopeExit.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_ANALYZESENSITIVITYPASS
#include "lowbit/Precision/Passes.h.inc"

namespace {

/// Multiply-accumulates of a site; 0 where a size is known only at run time.
uint64_t countMacs(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  uint64_t count = linalgOp ? 1 : 0;
  if (linalgOp)
    for (int64_t size : linalgOp.getStaticLoopRanges())
      count = ShapedType::isDynamic(size) ? 0 : count * size;
  return count;
}

uint64_t countBytes(const WeightSite &site) {
  SchemeAttr scheme = site.getScheme();
  auto divide = [](uint64_t bits) { return llvm::divideCeil(bits, 8); };
  uint64_t numScales = site.getNumScales();
  return divide(static_cast<uint64_t>(site.getNumInputs()) * site.getNumOutputs() * scheme.getFormat().getWidth()) +
         divide(numScales * scheme.getScaleType().getIntOrFloatBitWidth()) +
         (scheme.getZero() ? divide(numScales * scheme.getZero().getWidth()) : 0) +
         (llvm::any_of(site.getOp()->getUsers(), [](Operation *user) { return user->hasAttr(kTensorScaleAttr); }) ? sizeof(float) : 0);
}

/// Picojoules of a call: products, and constants that come from memory.
double estimateEnergy(uint64_t macs, unsigned left, unsigned right, uint64_t bytes) {
  return static_cast<double>(macs) * getPicojoules(left, right) + static_cast<double>(bytes) * getPicojoulesPerByte();
}

/// Costs of a site whose operands are floats of `width` bits.
PrecisionCosts getFloatCosts(const SiteSensitivity &site, unsigned width) {
  uint64_t bytes = site.getNumWeights() * width / 8;
  return {bytes, std::nullopt, estimateEnergy(site.rows * site.getNumWeights(), width, width, bytes)};
}

/// What `weight` is in a narrower float.
std::vector<float> roundFloats(ArrayRef<float> weight, const llvm::fltSemantics &semantics) {
  std::vector<float> rounded;
  rounded.reserve(weight.size());
  for (float real : weight) {
    APFloat value(real);
    bool losesInfo;
    value.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
    value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
    rounded.push_back(value.convertToFloat());
  }
  return rounded;
}

struct AnalyzeSensitivityPass final : PassWithModels<impl::AnalyzeSensitivityPassBase<AnalyzeSensitivityPass>>, Algorithm {
  using PassWithModels::PassWithModels;

  void setInputs(StringRef, StringRef statisticsPath) override { stats = statisticsPath.str(); }
  StringRef getAlgorithmName() const override { return "analyze-sensitivity"; }

  void getDependentDialects(DialectRegistry &registry) const override {
    PassWithModels::getDependentDialects(registry);
    OpPassManager pm(ModuleOp::getOperationName());
    pm.addPass(createAssignSchemesPass());
    pm.addPass(createSplitTensorScalesPass());
    pm.addPass(createInsertQDQPass());
    pm.getDependentDialects(registry);
  }

  void runOnOperation() override {
    markAllAnalysesPreserved();
    if (failed(analyze()))
      signalPassFailure();
  }

private:
  LogicalResult analyze() {
    ModuleOp module = getOperation();
    llvm::Expected<PrecisionSpace> loaded = PrecisionSpace::load(space, &getContext());
    if (!loaded)
      return emitError(module.getLoc()) << llvm::toString(loaded.takeError());
    found = Sensitivity();
    found.space = std::move(*loaded);
    found.model = getModelFingerprint(module);
    found.measure = stats.empty() ? "energy of the weight's error, of the weight's" : "energy of the output's error, of the output's";
    collectSites();
    if (found.sites.empty())
      return emitError(module.getLoc()) << "no site of kind " << llvm::join(found.space.kinds, ", ")
                                        << " has a constant weight; run `lowbit-name-sites` first, or name other `kinds` in the space";
    // Codes first: they bring the weights that float candidates are rounded from.
    for (bool isFloat : {false, true})
      for (auto [i, candidate] : llvm::enumerate(found.space.schemes))
        if (static_cast<bool>(candidate.keys.get("float")) == isFloat) {
          scheme = i;
          if (failed(tryScheme()))
            return failure();
        }
    for (SiteSensitivity &site : found.sites)
      llvm::sort(site.candidates, [](const auto &a, const auto &b) { return a.scheme < b.scheme; });
    finishCosts();
    if (llvm::Error error = found.save(output))
      return emitError(module.getLoc()) << llvm::toString(std::move(error));
    return success();
  }

  void collectSites() {
    index.clear();
    floats.clear();
    getOperation()->walk([&](QuantizableOpInterface op) {
      auto name = op->getAttrOfType<StringAttr>(kSiteAttr);
      std::string reason;
      SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(reason);
      const auto *weight = llvm::find_if(operands, [](const QuantizableOperand &each) { return each.role == OperandRole::Weight; });
      if (!name || weight == operands.end() || !llvm::is_contained(found.space.kinds, op.getSiteKind()) ||
          !getConstantElements(weight->operand->get()))
        return;
      SiteSensitivity site;
      site.name = name.str();
      site.kind = op.getSiteKind().str();
      ArrayRef<int64_t> shape = cast<ShapedType>(weight->operand->get().getType()).getShape();
      site.inputs = site.outputs = 1;
      for (int64_t axis : weight->reducedAxes)
        site.inputs *= shape[axis];
      for (int64_t axis : weight->keptAxes)
        site.outputs *= shape[axis];
      site.rows = countMacs(op) / site.getNumWeights();
      index[site.name] = found.sites.size();
      found.sites.push_back(std::move(site));
    });
  }

  /// Whether groups of the scheme at hand divide what `site` sums over.
  bool fits(const Recipe &recipe, const SiteSensitivity &site) {
    const auto &weight = recipe.rules.front().weight;
    return !weight || weight->group == 0 || site.inputs % weight->group == 0;
  }

  /// Adds the scheme at hand to the candidates of all sites.
  LogicalResult tryScheme() {
    ModuleOp module = getOperation();
    std::string text;
    llvm::raw_string_ostream os(text);
    auto print = [&](function_ref<bool(const SiteSensitivity &)> isWanted) {
      text.clear();
      found.space.printRecipeHead(os, "candidate", "");
      bool isFirst = true;
      for (const SiteSensitivity &site : found.sites) {
        if (!isWanted(site))
          continue;
        os << (isFirst ? "{" : ", {");
        found.space.schemes[scheme].printRule(os, escapePattern(site.name));
        os << "}";
        isFirst = false;
      }
      if (isFirst)
        return false;
      os << ", {\"keep\": \"not looked at\"}]}";
      return true;
    };
    print([](const SiteSensitivity &) { return true; });
    FailureOr<Recipe> recipe = Recipe::parse(text, "space", &getContext());
    if (failed(recipe))
      return failure();
    if (!print([&](const SiteSensitivity &site) { return fits(*recipe, site); }))
      return success();
    if (recipe->rules.front().keepReason)
      return addFloats(*recipe);
    // A copy inside of the module is one that passes may run on.
    OwningOpRef<ModuleOp> copy = cast<ModuleOp>(module->clone());
    ModuleOp inner = *copy;
    OpBuilder::atBlockEnd(module.getBody()).insert(copy.release());
    llvm::scope_exit remove([&] { inner->erase(); });
    OpPassManager pm(ModuleOp::getOperationName());
    AssignSchemesPassOptions options;
    options.recipe = text;
    options.stats = stats;
    pm.addPass(createAssignSchemesPass(options));
    pm.addPass(createSplitTensorScalesPass());
    pm.addPass(createInsertQDQPass());
    if (failed(addAlgorithms(pm, *recipe, stats, module.getLoc())) || failed(runPipeline(pm, inner)))
      return failure();
    activationWidth = recipe->rules.front().activation ? recipe->rules.front().activation->format.getWidth() : 32;
    return runOnSites(inner, "*", stats);
  }

  LogicalResult improve(WeightSite &site) override {
    auto known = index.find(site.getName());
    // A table that is looked up meets no activation.
    if (known == index.end() || !site.getActivation())
      return success();
    std::string reason;
    bool hasMoments = !stats.empty() && findMomentRows(cast<QuantizableOpInterface>(site.getOp()), reason);
    if (!hasMoments && !stats.empty())
      reportUnchanged(site, "its loss is that for independent inputs, for it has no second moments: " + reason);
    FailureOr<SecondMoments> moments = hasMoments ? readMoments(site) : SecondMoments();
    FailureOr<std::vector<float>> weight = site.readWeight(), rounded = site.readRounded();
    if (failed(moments) || failed(weight) || failed(rounded))
      return failure();
    if (centered && hasMoments)
      moments->center();
    SiteSensitivity &entry = found.sites[known->second];
    unsigned width = site.getScheme().getFormat().getWidth();
    uint64_t bytes = countBytes(site);
    PrecisionCosts costs{bytes, std::nullopt, estimateEnergy(countMacs(site.getOp()), activationWidth, width, bytes)};
    entry.candidates.push_back({scheme, measureLoss(&getContext(), *moments, *weight, *rounded), costs});
    if (floats.size() == found.sites.size())
      return success();
    FloatLosses &each = floats[site.getName().str()];
    each.f16 = measureLoss(&getContext(), *moments, *weight, roundFloats(*weight, APFloat::IEEEhalf()));
    each.bf16 = measureLoss(&getContext(), *moments, *weight, roundFloats(*weight, APFloat::BFloat()));
    return success();
  }

  /// Without moments, as if all inputs were independent and equally large.
  static double measureLoss(MLIRContext *context, const SecondMoments &moments, ArrayRef<float> weight, ArrayRef<float> rounded) {
    std::vector<float> errors(weight.size());
    for (auto [error, real, other] : llvm::zip_equal(errors, weight, rounded))
      error = real - other;
    auto measure = [&](ArrayRef<float> matrix) {
      if (moments.getNumChannels() != 0)
        return measureError(context, moments.getProducts(), matrix, moments.getNumChannels());
      double sum = 0;
      for (float real : matrix)
        sum += static_cast<double>(real) * real;
      return sum;
    };
    double noise = measure(errors), signal = measure(weight);
    return signal > 0 ? std::max(0.0, noise / signal) : 0;
  }

  LogicalResult addFloats(const Recipe &recipe) {
    FloatType type = recipe.rules.front().floatType;
    for (SiteSensitivity &site : found.sites) {
      auto losses = floats.find(site.name);
      if (losses == floats.end())
        return emitError(getOperation().getLoc()) << "site `" << site.name << "` has no candidate of codes, by which its weight would be "
                                                  << "measured; add a scheme whose group divides its " << site.inputs << " inputs";
      double loss = !type ? 0 : type.isF16() ? losses->second.f16 : losses->second.bf16;
      site.candidates.push_back({scheme, loss, getFloatCosts(site, type ? type.getWidth() : 32)});
    }
    return success();
  }

  /// Costs of the float model, and of what is not chosen.
  void finishCosts() {
    llvm::json::Object report = buildReport(getOperation(), nullptr);
    found.baseline.bytes = report.getObject("bytes")->getInteger("quantized").value_or(0);
    const llvm::json::Object &total = *report.getObject("energy_pj");
    found.baseline.energy = total.getNumber("arithmetic").value_or(0) + total.getNumber("memory").value_or(0);
    uint64_t bytes = 0;
    double energy = 0;
    for (const SiteSensitivity &site : found.sites) {
      PrecisionCosts costs = getFloatCosts(site, 32);
      bytes += costs.bytes;
      energy += costs.energy;
    }
    found.rest.bytes = found.baseline.bytes > bytes ? found.baseline.bytes - bytes : 0;
    found.rest.energy = std::max(0.0, found.baseline.energy - energy);
  }

  struct FloatLosses {
    double f16 = 0, bf16 = 0;
  };
  Sensitivity found;
  unsigned scheme = 0, activationWidth = 32; ///< At hand.
  std::map<std::string, size_t, std::less<>> index;
  std::map<std::string, FloatLosses, std::less<>> floats;
};
} // namespace
} // namespace mlir::lowbit
