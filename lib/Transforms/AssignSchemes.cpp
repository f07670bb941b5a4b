//===- AssignSchemes.cpp - a recipe's rules to a scheme a site ------------===//
//
// Invariant: every site gets schemes, or a reason why it stays float. A rule whose pattern names nothing is an error.
//
//===----------------------------------------------------------------------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Recipes/Recipe.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "lowbit/Transforms/StaticScales.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_ASSIGNSCHEMESPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {

/// A quantizable op with its name.
struct Site {
  QuantizableOpInterface op;
  StringRef name;
  bool isEnd;
};

/// Every rule must name a site: a misspelt pattern would otherwise leave ops in float unnoticed.
LogicalResult checkPatterns(const Recipe &recipe, ArrayRef<Site> sites) {
  for (const RecipeRule &rule : recipe.rules) {
    if (rule.pattern == "*" ||
        llvm::any_of(sites, [&](const Site &site) { return rule.matchesName(site.name) && (site.isEnd || !rule.onlyEnds); }))
      continue;
    InFlightDiagnostic diagnostic = emitError(rule.loc) << "pattern \"" << rule.pattern << "\" matches no site"
                                                        << (rule.onlyEnds ? " that is the first or the last of its kind" : "");
    Diagnostic &note = diagnostic.attachNote() << (sites.empty() ? "the module has no site" : "sites are named");
    for (const Site &site : sites.take_front(8))
      note << " `" << site.name << "`";
    if (sites.size() > 8)
      note << " and " << sites.size() - 8 << " more";
    return diagnostic;
  }
  return success();
}

struct AssignSchemesPass final : PassWithModels<impl::AssignSchemesPassBase<AssignSchemesPass>> {
  using PassWithModels::PassWithModels;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<Recipe> recipe = Recipe::load(this->recipe, module.getLoc());
    SmallVector<Site> sites;
    if (failed(recipe) || failed(collectSites(sites)) || failed(checkPatterns(*recipe, sites)) || failed(loadStatistics(*recipe)))
      return signalPassFailure();
    if (sites.empty()) {
      module.emitError() << "nothing in the module can be quantized; expected a contraction, convolution or table lookup of floats";
      return signalPassFailure();
    }
    for (Site site : sites)
      if (failed(assign(*recipe, site)))
        return signalPassFailure();
  }

private:
  LogicalResult loadStatistics(const Recipe &recipe) {
    Location loc = getOperation().getLoc();
    if (!recipe.needsStatistics())
      return success();
    if (stats.empty())
      return emitError(loc) << "recipe `" << recipe.name
                            << "` has static activations, which need statistics; calibrate first, and give `stats`";
    llvm::Expected<Statistics> loaded = Statistics::load(stats, &getContext());
    if (!loaded)
      return emitError(loc) << llvm::toString(loaded.takeError());
    statistics = std::make_shared<Statistics>(std::move(*loaded));
    return statistics->verifyModel(getOperation(), [&] { return emitError(loc); });
  }

  LogicalResult collectSites(SmallVectorImpl<Site> &sites) {
    SiteEnds ends(getOperation());
    WalkResult result = getOperation()->walk([&](QuantizableOpInterface op) -> WalkResult {
      std::string reason;
      if (op.getQuantizableOperands(reason).empty() && reason.empty())
        return WalkResult::advance();
      auto name = op->getAttrOfType<StringAttr>(kSiteAttr);
      if (!name)
        return op->emitOpError() << "can be quantized but has no `" << kSiteAttr << "`; run `lowbit-name-sites` first";
      sites.push_back({op, name.getValue(), ends.contains(op)});
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult assign(const Recipe &recipe, Site site) {
    std::string reason;
    SmallVector<QuantizableOperand> operands = site.op.getQuantizableOperands(reason);
    if (operands.empty())
      return reportLeftInFloat(site.op, reason), success();
    const RecipeRule *rule = recipe.findRule(site.name, site.op.getSiteKind(), site.isEnd);
    if (!rule)
      return reportLeftInFloat(site.op, "no rule of recipe `" + recipe.name + "` matches it"), success();
    if (rule->keepReason) {
      if (rule->floatType)
        site.op->setAttr(kFloatTypeAttr, TypeAttr::get(rule->floatType));
      return reportLeftInFloat(site.op, *rule->keepReason), success();
    }
    NamedAttrList schemes;
    for (const QuantizableOperand &operand : operands) {
      const auto &chosen = operand.role == OperandRole::Weight ? rule->weight : rule->activation;
      if (!chosen)
        continue;
      FailureOr<DictionaryAttr> assigned = assignOperand(*chosen, site, operand);
      if (failed(assigned))
        return failure();
      schemes.set(operand.name, *assigned);
    }
    if (schemes.empty())
      return reportLeftInFloat(site.op, "its rule in recipe `" + recipe.name + "` has no scheme for its operands"), success();
    site.op->setAttr(kSchemesAttr, schemes.getDictionary(&getContext()));
    return success();
  }

  /// A recipe that names an observer was tuned with its ranges.
  LogicalResult checkObserver(const SchemeRecipe &chosen, Site site, const QuantizableOperand &operand) {
    const SiteStatistics *observed = statistics->lookup(getObservedName(site.name, operand));
    if (!chosen.observer || !observed || chosen.observer == Attribute(observed->observer))
      return success();
    return site.op->emitOpError() << "the recipe wants observer " << chosen.observer << " at site `" << site.name
                                  << "`, but the statistics are of " << observed->observer
                                  << "; calibrate with the recipe's observer, or remove it from the recipe";
  }

  FailureOr<DictionaryAttr> assignOperand(const SchemeRecipe &chosen, Site site, const QuantizableOperand &operand) {
    FailureOr<SchemeAttr> scheme = chosen.getScheme(operand, site.op->getLoc());
    if (failed(scheme))
      return failure();
    Builder builder(&getContext());
    NamedAttrList entries;
    entries.set("scheme", *scheme);
    if (chosen.hasTensorScale)
      entries.set(kTensorScaleAttr, builder.getUnitAttr());
    if (chosen.isStatic) {
      if (failed(checkObserver(chosen, site, operand)))
        return failure();
      FailureOr<StaticScale> fixed = computeStaticScale(*statistics, site.op, site.name, operand, *scheme);
      if (failed(fixed))
        return failure();
      entries.set("scale", builder.getF32FloatAttr(fixed->scale));
      if (scheme->getZero())
        entries.set("zero", builder.getIntegerAttr(scheme->getZero(), fixed->zero));
    }
    return entries.getDictionary(&getContext());
  }

  std::shared_ptr<Statistics> statistics; ///< Shared, for passes are copied.
};
} // namespace
} // namespace mlir::lowbit
