//===- Calibration.cpp - statistics for programs that embed the compiler --===//

#include "Context.h"
#include "lowbit/Calibration/Statistics.h"
#include "lowbit/Execution/Calibrate.h"
#include "lowbit/Recipes/Recipe.h"

namespace mlir::lowbit {

struct ModelStatistics::Storage {
  std::shared_ptr<SessionContext> session;
  Statistics statistics;
};

struct Calibration::Storage {
  std::shared_ptr<SessionContext> session;
  std::shared_ptr<const Calibrator> calibrator;
  std::optional<Recorder> recorder;
};

static ModelStatistics wrap(std::shared_ptr<SessionContext> session, Statistics statistics) {
  return ModelStatistics(std::make_shared<ModelStatistics::Storage>(ModelStatistics::Storage{std::move(session), std::move(statistics)}));
}

llvm::Expected<ModelStatistics> ModelStatistics::load(const std::string &path) {
  auto session = SessionContext::get();
  Work work(session);
  work.getContext().getOrLoadDialect<LowbitDialect>();
  llvm::Expected<Statistics> statistics = Statistics::load(path, &work.getContext());
  if (!statistics)
    return statistics.takeError();
  return wrap(session, std::move(*statistics));
}

llvm::Error ModelStatistics::save(const std::string &path) const {
  Work work(storage->session);
  return storage->statistics.save(path);
}

std::string ModelStatistics::getText() const {
  Work work(storage->session);
  std::string text;
  llvm::raw_string_ostream stream(text);
  storage->statistics.print(stream);
  return text;
}

llvm::Expected<ModelStatistics> ModelStatistics::clone() const {
  Work work(storage->session);
  llvm::Expected<Statistics> copy = Statistics::parse(getText(), &work.getContext());
  if (!copy)
    return copy.takeError();
  return wrap(storage->session, std::move(*copy));
}

llvm::Error ModelStatistics::merge(const ModelStatistics &other) {
  Work work(storage->session);
  return storage->statistics.merge(other.storage->statistics);
}

uint64_t ModelStatistics::getRuns() const { return storage->statistics.getRuns(); }

std::vector<std::string> ModelStatistics::getSites() const {
  std::vector<std::string> names;
  for (const SiteStatistics &site : storage->statistics.getSites())
    names.push_back(site.name);
  return names;
}

const Statistics &getStatistics(const ModelStatistics &statistics) { return statistics.storage->statistics; }

/// The one observer that the rules of `recipe` name; `minmax` where they name none. Failure has been reported.
static FailureOr<std::string> getObserver(const std::string &recipe, MLIRContext &context) {
  std::string observer;
  if (recipe.empty())
    return std::string("minmax");
  Location loc = NameLoc::get(StringAttr::get(&context, "recipe"));
  FailureOr<Recipe> loaded = Recipe::load(recipe, loc);
  if (failed(loaded))
    return failure();
  for (const RecipeRule &rule : loaded->rules) {
    if (!rule.activation || !rule.activation->observer)
      continue;
    std::string text;
    llvm::raw_string_ostream(text) << rule.activation->observer;
    if (!observer.empty() && observer != text)
      return emitError(rule.loc) << "rules name the observers `" << observer << "` and `" << text
                                 << "`; expected one, or `observer` in the call",
             failure();
    observer = text;
  }
  return observer.empty() ? "minmax" : observer;
}

llvm::Expected<Calibration> Model::calibrate(const std::string &observer, const std::string &axes, const std::vector<std::string> &sites,
                                             const std::string &recipe, const std::string &entry, unsigned threads) const {
  Work work(storage->session);
  work.getContext().getOrLoadDialect<LowbitDialect>();
  CalibrateOptions options;
  FailureOr<std::string> chosen = observer.empty() ? getObserver(recipe, work.getContext()) : observer;
  if (failed(chosen))
    return work.takeError("the recipe could not be read");
  options.observer = *chosen;
  options.axes = axes;
  options.sites = sites;
  options.entry = entry;
  options.compile.threads = threads;
  auto calibrator = Calibrator::create(*storage->module, options);
  if (failed(calibrator))
    return work.takeError("the model could not be prepared for calibration");
  auto run = std::make_shared<Calibration::Storage>();
  run->session = storage->session;
  run->recorder.emplace((*calibrator)->createRecorder());
  run->calibrator = std::move(*calibrator);
  return Calibration(std::move(run));
}

Calibration Calibration::fork() const {
  auto run = std::make_shared<Storage>();
  run->session = storage->session;
  run->calibrator = storage->calibrator;
  run->recorder.emplace(run->calibrator->createRecorder());
  return Calibration(std::move(run));
}

EntryInfo Calibration::getEntry() const { return describeEntry(storage->calibrator->getEntry()); }

llvm::Error Calibration::run(ArrayRef<Buffer> inputs) {
  if (!storage->recorder)
    return llvm::createStringError("calibration has ended");
  return storage->calibrator->run(*storage->recorder, inputs);
}

llvm::Expected<ModelStatistics> Calibration::finish() {
  if (!storage->recorder)
    return llvm::createStringError("calibration has ended");
  ModelStatistics statistics = wrap(storage->session, storage->recorder->takeStatistics());
  storage->recorder.reset();
  return statistics;
}

} // namespace mlir::lowbit
