//===- Statistics.cpp - what calibration has learned about a model --------===//

#include "lowbit/Calibration/Statistics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/SHA256.h"

namespace mlir::lowbit {

/// States that one site may keep: more than any channel or token axis in use, few enough to bound memory.
static constexpr int64_t kMostStates = 1 << 20;

std::pair<double, double> SiteStatistics::getRange(NumberFormatAttrInterface format, bool symmetric) const {
  std::unique_ptr<ObserverState> all = observer.createState();
  for (const std::unique_ptr<ObserverState> &state : states)
    llvm::cantFail(all->merge(*state)); // fails only beyond 2^53 values
  return all->getRange(format, symmetric);
}

SmallVector<std::pair<double, double>> SiteStatistics::getRanges(NumberFormatAttrInterface format, bool symmetric) const {
  return llvm::map_to_vector(states, [&](const std::unique_ptr<ObserverState> &state) { return state->getRange(format, symmetric); });
}

/// How many states an op keeps, or failure after an error.
static FailureOr<int64_t> countStates(ObserveOp op) {
  int64_t count = 1;
  for (int64_t axis : op.getAxes().value_or(ArrayRef<int64_t>())) {
    int64_t size = op.getInput().getType().getDimSize(axis);
    if (ShapedType::isDynamic(size))
      return op.emitOpError() << "keeps a state for each index of axis " << axis << ", whose size is known only at run time; "
                              << "expected a static size, or no axes";
    count *= size;
    if (count > kMostStates)
      return op.emitOpError() << "keeps more than " << kMostStates << " states; expected fewer axes";
  }
  return count;
}

FailureOr<Statistics> Statistics::create(ModuleOp module) {
  Statistics statistics;
  llvm::StringSet<> names;
  llvm::DenseMap<std::pair<Value, Attribute>, std::string> momentsOf;
  WalkResult result = module.walk([&](ObserveOp op) -> WalkResult {
    if (!names.insert(op.getSite()).second)
      return op.emitOpError() << "records site \"" << op.getSite() << "\", which another op records too";
    FailureOr<int64_t> numStates = countStates(op);
    if (failed(numStates))
      return failure();
    SiteStatistics site;
    site.name = op.getSite().str();
    site.observer = op.getObserver();
    site.shape = llvm::to_vector(op.getInput().getType().getShape());
    site.axes = llvm::to_vector(op.getAxes().value_or(ArrayRef<int64_t>()));
    for (int64_t i = 0; i < *numStates; ++i)
      site.states.push_back(site.observer.createState());
    if (op.getMoments()) {
      site.windows = op.getWindows().value_or(WindowsAttr());
      site.momentsOf = momentsOf.try_emplace({op.getInput(), site.windows}, site.name).first->second;
      if (site.momentsOf == site.name)
        site.moments = std::make_unique<SecondMoments>(site.windows ? site.windows.getNumColumns() : site.shape.back());
    }
    statistics.sites.push_back(std::move(site));
    return success();
  });
  if (result.wasInterrupted())
    return failure();
  if (statistics.sites.empty())
    return module.emitError("has nothing to record; expected `lowbit.observe`, which `lowbit-insert-observers` adds");
  statistics.model = getModelFingerprint(module);
  return statistics;
}

Statistics Statistics::cloneEmpty() const {
  Statistics clone;
  clone.model = model;
  for (const SiteStatistics &site : sites) {
    SiteStatistics &empty = clone.sites.emplace_back();
    empty.name = site.name;
    empty.observer = site.observer;
    empty.shape = site.shape;
    empty.axes = site.axes;
    for (size_t i = 0; i < site.states.size(); ++i)
      empty.states.push_back(site.observer.createState());
    empty.momentsOf = site.momentsOf;
    empty.windows = site.windows;
    if (site.moments)
      empty.moments = std::make_unique<SecondMoments>(site.moments->getNumChannels());
  }
  return clone;
}

const SiteStatistics *Statistics::lookup(StringRef site) const {
  auto found = llvm::find_if(sites, [&](const SiteStatistics &each) { return each.name == site; });
  return found == sites.end() ? nullptr : &*found;
}

/// Why `other` cannot be added to `site`; empty when it can.
static std::string findDifference(const SiteStatistics &site, const SiteStatistics &other) {
  std::string ours, theirs;
  llvm::raw_string_ostream(ours) << site.observer;
  llvm::raw_string_ostream(theirs) << other.observer;
  if (site.name != other.name)
    return "site `" + site.name + "` meets site `" + other.name + "`";
  if (ours != theirs)
    return "site `" + site.name + "` is observed by " + ours + " and by " + theirs;
  if (site.axes != other.axes || site.shape != other.shape || site.states.size() != other.states.size())
    return "site `" + site.name + "` has other axes or another shape";
  if (site.momentsOf != other.momentsOf || (site.moments && site.moments->getNumChannels() != other.moments->getNumChannels()))
    return "site `" + site.name + "` has second moments of other rows, or in one of them only";
  return "";
}

llvm::Error Statistics::merge(const Statistics &other) {
  if (model != other.model)
    return llvm::createStringError("statistics of different models cannot be merged");
  if (sites.size() != other.sites.size())
    return llvm::createStringError("statistics of %zu and of %zu sites cannot be merged", sites.size(), other.sites.size());
  for (auto [site, added] : llvm::zip_equal(sites, other.sites)) {
    if (std::string difference = findDifference(site, added); !difference.empty())
      return llvm::createStringError("statistics cannot be merged: " + difference);
    if (site.getCount() + added.getCount() > kLargestCount)
      return llvm::createStringError("statistics cannot be merged: site `" + site.name + "` counts more than 2^53 values");
  }
  for (auto [site, added] : llvm::zip_equal(sites, other.sites)) {
    for (auto [state, addedState] : llvm::zip_equal(site.states, added.states))
      llvm::cantFail(state->merge(*addedState)); // checked above
    llvm::cantFail(site.histogram.merge(added.histogram));
    if (site.moments)
      site.moments->merge(*added.moments);
  }
  runs += other.runs;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Which model
//===----------------------------------------------------------------------===//

/// Calls `report` for every named site, else for every observe op, with its name and a text of its types and of what has changed its
/// activation, unless changes do not count.
static void forEachSite(ModuleOp module, function_ref<void(StringRef, StringRef)> report, bool withChanges = true) {
  auto describe = [&](Operation *op) {
    std::string text;
    llvm::raw_string_ostream os(text);
    os << op->getName() << '(';
    llvm::interleaveComma(op->getOperandTypes(), os);
    os << ')';
    if (Attribute changes = op->getAttr(kActivationChangesAttr); changes && withChanges)
      os << changes;
    return text;
  };
  bool anyNamed = false;
  module.walk([&](Operation *op) {
    if (auto site = op->getAttrOfType<StringAttr>(kSiteAttr)) {
      anyNamed = true;
      report(site.getValue(), describe(op));
    }
  });
  if (!anyNamed)
    module.walk([&](ObserveOp op) { report(op.getSite(), describe(op)); });
}

static std::string computeFingerprint(ModuleOp module, bool withChanges) {
  llvm::SHA256 hash;
  auto add = [&](StringRef name, StringRef description) {
    hash.update(name);
    hash.update(StringRef("\0", 1));
    hash.update(description);
    hash.update("\n");
  };
  forEachSite(module, add, withChanges);
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

std::string getModelFingerprint(ModuleOp module) { return computeFingerprint(module, /*withChanges=*/true); }

LogicalResult Statistics::verifyModel(ModuleOp module, function_ref<InFlightDiagnostic()> emitError) const {
  if (getModelFingerprint(module) == model)
    return success();
  if (computeFingerprint(module, /*withChanges=*/false) == model)
    return emitError() << "statistics are of this model before algorithms of the recipe changed its activations; calibrate with the recipe "
                          "(`lowbit quantize --calib data.npz`, `m.calibrate(batches, recipe=…)`, or `quant-run --observe-recipe`)";
  llvm::StringSet<> names;
  forEachSite(module, [&](StringRef name, StringRef) { names.insert(name); });
  if (names.empty())
    return emitError() << "cannot be compared with statistics: no op has `" << kSiteAttr << "`; run `lowbit-name-sites` first";
  for (const SiteStatistics &site : sites)
    if (!names.contains(site.name) && !names.contains(StringRef(site.name).rsplit(':').first))
      return emitError() << "statistics are of another model: they have site `" << site.name
                         << "`, which this one has not; calibrate this model";
  return emitError() << "statistics are of another model: its sites have other names or operand types, or an algorithm has changed what "
                        "they read; calibrate this model, with the recipe it is quantized by";
}

ObserverAttrInterface parseObserver(StringRef text, MLIRContext *context) {
  text.consume_front("#lowbit.");
  return dyn_cast_or_null<ObserverAttrInterface>(LowbitDialect::parsePolicy(context, text));
}

} // namespace mlir::lowbit
