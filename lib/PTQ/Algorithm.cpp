//===- Algorithm.cpp - what algorithms of post-training quantization share -===//

#include "lowbit/PTQ/Algorithm.h"
#include "ChannelScaling.h"
#include "lowbit/Calibration/MomentRows.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/PTQ/DampedMoments.h"
#include "lowbit/PTQ/LinearAlgebra.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/GlobPattern.h"

namespace mlir::lowbit {

LogicalResult Algorithm::runOnSites(ModuleOp module, StringRef pattern, StringRef path) {
  statisticsPath = path.str();
  statistics.reset();
  llvm::Expected<llvm::GlobPattern> glob = RecipeRule::compilePattern(pattern);
  if (!glob)
    return emitError(module.getLoc()) << "`sites` is \"" << pattern << "\": " << llvm::toString(glob.takeError());
  SmallVector<WeightSite, 0> sites = WeightSite::collect(module);
  // A table that is looked up meets no activation.
  if (needsMoments())
    llvm::erase_if(sites, [](const WeightSite &site) { return !site.getActivation(); });
  SmallVector<WeightSite, 0> wanted;
  bool matches = pattern == "*";
  for (WeightSite &site : sites) {
    if (!glob->match(site.getName()))
      continue;
    matches = true;
    std::string reason;
    if (needsMoments() && !findMomentRows(cast<QuantizableOpInterface>(site.getOp()), reason))
      reportUnchanged(site, "it has no second moments: " + reason);
    else
      wanted.push_back(site);
  }
  if (matches)
    return improveAll(wanted);
  InFlightDiagnostic diagnostic = emitError(module.getLoc())
                                  << getAlgorithmName() << ": pattern \"" << pattern << "\" matches no site whose weight becomes codes";
  Diagnostic &note = diagnostic.attachNote() << (sites.empty() ? "there is none" : "they are named");
  for (WeightSite &site : MutableArrayRef<WeightSite>(sites).take_front(8))
    note << " `" << site.getName() << "`";
  return diagnostic;
}

LogicalResult Algorithm::improveAll(MutableArrayRef<WeightSite> sites) {
  for (WeightSite &site : sites)
    if (failed(improve(site)))
      return failure();
  return success();
}

const Statistics *Algorithm::getStatistics(WeightSite &site) {
  if (statistics)
    return statistics.get();
  Operation *op = site.getOp();
  if (statisticsPath.empty()) {
    op->emitOpError() << getAlgorithmName() << " needs statistics of site `" << site.getName()
                      << "`; calibrate with this recipe (`lowbit quantize --calib data.npz`, or `m.calibrate(batches, recipe=…)`), "
                         "and give them as `stats`";
    return nullptr;
  }
  llvm::Expected<Statistics> loaded = Statistics::load(statisticsPath, op->getContext());
  if (!loaded) {
    op->emitOpError() << llvm::toString(loaded.takeError());
    return nullptr;
  }
  statistics = std::make_shared<Statistics>(std::move(*loaded));
  if (failed(statistics->verifyModel(op->getParentOfType<ModuleOp>(), [&] { return emitError(op->getLoc()); })))
    statistics.reset();
  return statistics.get();
}

/// The channel of its activation that each input of `site` reads.
static std::vector<int64_t> findInputChannels(WeightSite &site) {
  std::string reason;
  SmallVector<QuantizableOperand> operands = cast<QuantizableOpInterface>(site.getOp()).getQuantizableOperands(reason);
  bool activationFirst = operands[0].role == OperandRole::Activation;
  return findInputChannels(site.getOp(), operands[activationFirst ? 0 : 1], operands[activationFirst ? 1 : 0]);
}

FailureOr<SecondMoments> Algorithm::readMoments(WeightSite &site) {
  const Statistics *loaded = getStatistics(site);
  if (!loaded)
    return failure();
  Operation *op = site.getOp();
  llvm::Expected<SecondMoments> moments = lowbit::readMoments(statisticsPath, *loaded, site.getObservedName());
  if (!moments)
    return op->emitOpError() << getAlgorithmName() << " needs second moments of site `" << site.getName()
                             << "`: " << llvm::toString(moments.takeError())
                             << "; calibrate with this recipe (`lowbit quantize --calib data.npz`, or `m.calibrate(batches, recipe=…)`, "
                                "or `quant-run --observe s.json --observe-moments '"
                             << site.getName() << "'`)";
  if (moments->getNumChannels() != site.getNumInputs())
    return op->emitOpError() << "second moments of site `" << site.getName() << "` are of " << moments->getNumChannels()
                             << " channels, but its weight has " << site.getNumInputs() << " inputs; calibrate this model";
  if (moments->getNumRows() == 0)
    return op->emitOpError() << "second moments of site `" << site.getName() << "` have seen no row; calibrate on more data";
  if (auto factors = op->getAttrOfType<DenseF32ArrayAttr>(kSmoothingAttr))
    moments->scale(llvm::map_to_vector(findInputChannels(site), [&](int64_t channel) { return factors[channel]; }));
  return std::move(*moments);
}

/// Adds `text` to the list of strings `name` of `site`.
static void addNote(Operation *site, StringRef name, StringRef text) {
  SmallVector<Attribute> notes;
  if (auto old = site->getAttrOfType<ArrayAttr>(name))
    llvm::append_range(notes, old);
  notes.push_back(StringAttr::get(site->getContext(), text));
  site->setAttr(name, ArrayAttr::get(site->getContext(), notes));
}

void Algorithm::noteActivationChange(Operation *site, StringRef change) { addNote(site, kActivationChangesAttr, change); }

static StringRef getSiteName(Operation *site) { return site->getAttrOfType<StringAttr>(kSiteAttr).getValue(); }

FailureOr<PagedVector<double>> Algorithm::factorMoments(WeightSite &site, const SecondMoments &moments, ArrayRef<int64_t> order,
                                                        double damping) {
  PagedVector<double> matrix = dampMoments(moments, order, damping);
  if (!factorInverse(matrix, moments.getNumChannels()))
    return site.getOp()->emitOpError() << getAlgorithmName() << ": second moments of site `" << site.getName()
                                       << "` are singular even with damping " << damping << "; use more data, or a larger `damping`";
  return matrix;
}

void Algorithm::reportImprovement(Operation *site, StringRef measure, double before, double after) {
  addNote(site, kAlgorithmsAttr, llvm::formatv("{0}: {1} {2} -> {3}", getAlgorithmName(), measure, before, after).str());
  remark::passed(site->getLoc(), getRemarkOptions("ptq", site))
      << remark::add("{0}: `{1}`: {2} {3} -> {4}", getAlgorithmName(), getSiteName(site), measure, before, after);
}

bool Algorithm::isBetter(WeightSite &site, StringRef measure, double before, double after) {
  bool better = after < before;
  if (better)
    reportImprovement(site, measure, before, after);
  else
    reportUnchanged(site, llvm::formatv("its {0} would be {1}, not {2}", measure, after, before).str());
  return better;
}

void Algorithm::reportUnchanged(Operation *site, const Twine &reason) {
  addNote(site, kAlgorithmsAttr, (getAlgorithmName() + ": stays as it was: " + reason).str());
  remark::missed(site->getLoc(), getRemarkOptions("ptq", site))
      << remark::add("{0}: `{1}` stays as it was", getAlgorithmName(), getSiteName(site)) << remark::reason("{0}", reason.str());
}

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

/// Adds the pass of `algorithm` to `pm`; null after an error.
static Algorithm *addAlgorithm(OpPassManager &pm, const AlgorithmRecipe &algorithm) {
  static const bool registered = (registerLowbitPTQPasses(), true);
  (void)registered;
  std::string argument = "lowbit-ptq-" + algorithm.name;
  const PassInfo *info = PassInfo::lookup(argument);
  if (!info) {
    emitError(algorithm.loc) << "there is no algorithm `" << algorithm.name
                             << "`; expected the NAME of a pass `lowbit-ptq-NAME` (docs/Passes.md), "
                             << "such as `gptq`";
    return nullptr;
  }
  auto report = [&](const Twine &message) { return emitError(algorithm.loc) << "algorithm `" << algorithm.name << "`: " << message; };
  if (failed(info->addToPipeline(pm, algorithm.options, report)))
    return nullptr;
  auto *added = dynamic_cast<Algorithm *>(&*std::prev(pm.end()));
  if (!added)
    emitError(algorithm.loc) << "`" << argument << "` is no algorithm that recipes can list";
  return added;
}

/// Adds the algorithms of `recipe` that change activations, or the others; `setInputs` gives each what it reads, or says that it is left
/// out.
static LogicalResult addAlgorithms(OpPassManager &pm, const Recipe &recipe, bool changingActivations,
                                   function_ref<bool(Algorithm &, const AlgorithmRecipe &)> setInputs) {
  for (const AlgorithmRecipe &algorithm : recipe.algorithms) {
    OpPassManager alone(ModuleOp::getOperationName());
    Algorithm *added = addAlgorithm(alone, algorithm);
    if (!added)
      return failure();
    if (added->changesActivations() == changingActivations && setInputs(*added, algorithm))
      setInputs(*addAlgorithm(pm, algorithm), algorithm);
  }
  return success();
}

LogicalResult addActivationAlgorithms(OpPassManager &pm, const Recipe &recipe, StringRef text) {
  return addAlgorithms(pm, recipe, /*changingActivations=*/true, [&](Algorithm &added, const AlgorithmRecipe &algorithm) {
    added.setInputs(algorithm.pattern, /*statisticsPath=*/"");
    added.setRecipe(text);
    return true;
  });
}

LogicalResult addAlgorithms(OpPassManager &pm, const Recipe &recipe, StringRef statisticsPath, Location loc) {
  bool hasMoments = !statisticsPath.empty() && llvm::sys::fs::exists(getMomentsPath(statisticsPath));
  std::string left;
  LogicalResult result = addAlgorithms(pm, recipe, /*changingActivations=*/false, [&](Algorithm &added, const AlgorithmRecipe &algorithm) {
    if (algorithm.isOptional && added.needsMoments() && !hasMoments) {
      left += (left.empty() ? "`" : ", `") + algorithm.name + "`";
      return false;
    }
    added.setInputs(algorithm.pattern, statisticsPath);
    return true;
  });
  if (succeeded(result) && !left.empty())
    remark::missed(loc, remark::RemarkOpts::name("ptq").category("lowbit").function("module"))
        << remark::add("recipe `{0}`: {1} left out, which need statistics with second moments", recipe.name, left)
        << remark::suggest("calibrate with this recipe, and give the statistics");
  return result;
}

LogicalResult collectMomentPatterns(const Recipe &recipe, std::vector<std::string> &patterns) {
  for (const AlgorithmRecipe &algorithm : recipe.algorithms) {
    OpPassManager pm(ModuleOp::getOperationName());
    Algorithm *added = addAlgorithm(pm, algorithm);
    if (!added)
      return failure();
    if (added->needsMoments() && !llvm::is_contained(patterns, algorithm.pattern))
      patterns.push_back(algorithm.pattern);
  }
  return success();
}

} // namespace mlir::lowbit
