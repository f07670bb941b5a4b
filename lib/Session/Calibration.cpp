//===- Calibration.cpp - statistics for programs that embed the compiler --===//

#include "Context.h"
#include "lowbit/Calibration/Statistics.h"
#include "lowbit/Execution/Calibrate.h"
#include "lowbit/PTQ/Algorithm.h"
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

const unsigned ModelStatistics::kShard = kCalibrationShard;

llvm::Expected<ModelStatistics> ModelStatistics::load(const std::string &path) {
  auto session = SessionContext::get();
  Work work(session);
  work.getContext().getOrLoadDialect<LowbitDialect>();
  llvm::Expected<Statistics> statistics = Statistics::load(path, &work.getContext());
  if (!statistics)
    return statistics.takeError();
  if (llvm::Error error = loadMoments(path, *statistics))
    return std::move(error);
  return wrap(session, std::move(*statistics));
}

llvm::Error ModelStatistics::save(const std::string &path) const {
  Work work(storage->session);
  if (llvm::Error error = storage->statistics.save(path))
    return error;
  return saveMoments(path, storage->statistics);
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
  Statistics copy = storage->statistics.cloneEmpty();
  if (llvm::Error error = copy.merge(storage->statistics))
    return std::move(error);
  return wrap(storage->session, std::move(copy));
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
static FailureOr<std::string> getObserver(const Recipe &recipe) {
  std::string observer;
  for (const RecipeRule &rule : recipe.rules) {
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

/// What the rules and algorithms of the recipe ask for, where the request does not say.
static LogicalResult applyRecipe(const std::string &text, MLIRContext &context, CalibrateOptions &options) {
  FailureOr<Recipe> recipe = Recipe::load(text, NameLoc::get(StringAttr::get(&context, "recipe")));
  if (failed(recipe))
    return failure();
  if (options.observer.empty()) {
    FailureOr<std::string> observer = getObserver(*recipe);
    if (failed(observer))
      return failure();
    options.observer = *observer;
  }
  options.recipe = text;
  return collectMomentPatterns(*recipe, options.moments);
}

llvm::Expected<Calibration> Model::calibrate(const CalibrationRequest &request) const {
  Work work(storage->session);
  work.getContext().getOrLoadDialect<LowbitDialect>();
  CalibrateOptions options;
  options.observer = request.observer;
  options.axes = request.axes;
  options.sites = request.sites;
  options.moments = request.moments;
  options.mask = request.mask;
  options.entry = request.entry;
  options.compile.threads = request.threads;
  if (!request.recipe.empty() && failed(applyRecipe(request.recipe, work.getContext(), options)))
    return work.takeError("the recipe could not be read");
  if (options.observer.empty())
    options.observer = "minmax";
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
