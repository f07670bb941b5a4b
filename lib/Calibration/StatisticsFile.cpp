//===- StatisticsFile.cpp - statistics as JSON ----------------------------===//
//
// {"kind": "lowbit statistics", "version": 1, "model": "…", "runs": 64, "sites": [
// {"name": "…", "observer": "#lowbit.minmax", "shape": [4, 8], "axes": [], "states": […], "histogram": {…}},
// …]}
// One line a site. Reading trusts nothing: depth and doubled keys are checked before the text is parsed, every number by its owner.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Calibration/Statistics.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileOutputBuffer.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

namespace mlir::lowbit {

static constexpr int64_t kVersion = 1;
static constexpr StringLiteral kKind = "lowbit statistics";
/// Memory that states of a file may take, however small the file is.
static constexpr size_t kMostBytes = size_t(4) << 30;

static llvm::json::Value toJSON(ArrayRef<int64_t> integers) { return llvm::json::Array(integers); }

void Statistics::print(raw_ostream &os) const {
  using llvm::json::Value;
  os << "{\"kind\":" << Value(kKind) << ",\"version\":" << kVersion << ",\"model\":" << Value(model) << ",\"runs\":" << runs
     << ",\"sites\":[";
  for (auto [i, site] : llvm::enumerate(sites)) {
    std::string observer;
    llvm::raw_string_ostream(observer) << site.observer;
    os << (i ? ",\n" : "\n") << "{\"name\":" << Value(site.name) << ",\"observer\":" << Value(observer)
       << ",\"shape\":" << toJSON(site.shape) << ",\"axes\":" << toJSON(site.axes) << ",\"states\":[";
    llvm::interleave(site.states, os, [&](const std::unique_ptr<ObserverState> &state) { os << state->toJSON(); }, ",");
    os << "],\"histogram\":" << site.histogram.toJSON() << "}";
  }
  os << "\n]}\n";
}

llvm::Error Statistics::save(StringRef path) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(os);
  // A temporary file that takes the name at the end.
  auto buffer = llvm::FileOutputBuffer::create(path, text.size());
  if (!buffer)
    return llvm::createFileError(path, buffer.takeError());
  std::copy(text.begin(), text.end(), (*buffer)->getBufferStart());
  if (llvm::Error error = (*buffer)->commit())
    return llvm::createFileError(path, std::move(error));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

class StatisticsReader {
public:
  explicit StatisticsReader(MLIRContext *context) : context(context) {}

  llvm::Expected<Statistics> read(StringRef text);

private:
  llvm::Error checkHeader(const llvm::json::Value &document);
  llvm::Error readSite(const llvm::json::Value &value, SiteStatistics &site);
  llvm::Error readShape(const llvm::json::Object &object, SiteStatistics &site, uint64_t &numStates);
  llvm::Error readStates(const llvm::json::Object &object, SiteStatistics &site, uint64_t numStates);

  MLIRContext *context;
  size_t numBytes = 0;
};

llvm::Error StatisticsReader::checkHeader(const llvm::json::Value &document) {
  const llvm::json::Object *object = document.getAsObject();
  if (!object || object->getString("kind") != StringRef(kKind))
    return llvm::createStringError("not statistics: expected an object with \"kind\": \"" + kKind + "\"");
  std::optional<int64_t> version = object->getInteger("version");
  if (!version || *version < 1)
    return llvm::createStringError("`version` is missing or not a positive integer");
  if (*version > kVersion)
    return llvm::createStringError("version %lld is newer than %lld, the newest that this program reads; update it or calibrate again",
                                   static_cast<long long>(*version), static_cast<long long>(kVersion));
  return llvm::Error::success();
}

llvm::Expected<Statistics> StatisticsReader::read(StringRef text) {
  if (llvm::Error error = checkJSONStructure(text))
    return std::move(error);
  llvm::Expected<llvm::json::Value> document = llvm::json::parse(text);
  if (!document)
    return document.takeError();
  if (llvm::Error error = checkHeader(*document))
    return std::move(error);
  auto object = readObject(*document, {"kind", "version", "model", "runs", "sites"}, "statistics");
  if (!object)
    return object.takeError();
  Statistics statistics;
  std::optional<StringRef> model = (*object)->getString("model");
  if (!model || model->size() != 64 || model->find_first_not_of("0123456789abcdef") != StringRef::npos)
    return llvm::createStringError("`model` is not a fingerprint of 64 hexadecimal digits");
  statistics.model = model->str();
  llvm::Expected<uint64_t> runs = readCount((*object)->get("runs"), "`runs`");
  if (!runs)
    return runs.takeError();
  statistics.runs = *runs;
  const llvm::json::Array *sites = (*object)->getArray("sites");
  if (!sites || sites->empty())
    return llvm::createStringError("`sites` is not a list of at least one site");
  llvm::StringSet<> names;
  for (auto [i, value] : llvm::enumerate(*sites)) {
    SiteStatistics &site = statistics.sites.emplace_back();
    if (llvm::Error error = readSite(value, site)) {
      std::string which = site.name.empty() ? "number " + std::to_string(i) : "`" + site.name + "`";
      return llvm::createStringError("site " + which + ": " + llvm::toString(std::move(error)));
    }
    if (!names.insert(site.name).second)
      return llvm::createStringError("site `" + site.name + "` is there twice");
  }
  return statistics;
}

llvm::Error StatisticsReader::readSite(const llvm::json::Value &value, SiteStatistics &site) {
  auto object = readObject(value, {"name", "observer", "shape", "axes", "states", "histogram"}, "statistics of a site");
  if (!object)
    return object.takeError();
  std::optional<StringRef> name = (*object)->getString("name"), observer = (*object)->getString("observer");
  if (!name || name->empty())
    return llvm::createStringError("`name` is not a string of at least one character");
  site.name = name->str();
  site.observer = observer && observer->starts_with("#lowbit.") ? parseObserver(*observer, context) : ObserverAttrInterface();
  if (!site.observer)
    return llvm::createStringError("`observer` is not one that this program knows; expected such as \"#lowbit.minmax\"");
  uint64_t numStates = 0;
  if (llvm::Error error = readShape(**object, site, numStates))
    return error;
  if (llvm::Error error = readStates(**object, site, numStates))
    return error;
  return site.histogram.fromJSON(*(*object)->get("histogram"));
}

llvm::Error StatisticsReader::readShape(const llvm::json::Object &object, SiteStatistics &site, uint64_t &numStates) {
  const llvm::json::Array *shape = object.getArray("shape"), *axes = object.getArray("axes");
  if (!shape || !axes)
    return llvm::createStringError("`shape` or `axes` is not a list of integers");
  for (const llvm::json::Value &value : *shape) {
    std::optional<int64_t> size = value.getAsInteger();
    if (!size || (*size < 0 && !ShapedType::isDynamic(*size)))
      return llvm::createStringError("`shape` has an entry that is not a size");
    site.shape.push_back(*size);
  }
  numStates = 1;
  for (const llvm::json::Value &value : *axes) {
    std::optional<int64_t> axis = value.getAsInteger();
    if (!axis || *axis < 0 || *axis >= static_cast<int64_t>(site.shape.size()) || (!site.axes.empty() && *axis <= site.axes.back()))
      return llvm::createStringError("`axes` are not distinct axes of `shape` in increasing order");
    site.axes.push_back(*axis);
    uint64_t size = ShapedType::isDynamic(site.shape[*axis]) ? 0 : site.shape[*axis];
    if (size > kLargestCount || (numStates *= size) > kLargestCount)
      return llvm::createStringError("`axes` have too many indices");
  }
  return llvm::Error::success();
}

llvm::Error StatisticsReader::readStates(const llvm::json::Object &object, SiteStatistics &site, uint64_t numStates) {
  const llvm::json::Array *states = object.getArray("states");
  if (!states || states->size() != numStates)
    return llvm::createStringError("`states` is not a list of %llu states, one for each index of `axes`",
                                   static_cast<unsigned long long>(numStates));
  for (const llvm::json::Value &value : *states) {
    std::unique_ptr<ObserverState> state = site.observer.createState();
    if (llvm::Error error = state->fromJSON(value))
      return error;
    numBytes += state->getNumBytes();
    if (numBytes > kMostBytes)
      return llvm::createStringError("states take more than 4 GiB");
    site.states.push_back(std::move(state));
  }
  return llvm::Error::success();
}

llvm::Expected<Statistics> Statistics::parse(StringRef text, MLIRContext *context) { return StatisticsReader(context).read(text); }

llvm::Expected<Statistics> Statistics::load(StringRef path, MLIRContext *context) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (std::error_code code = buffer.getError())
    return llvm::createFileError(path, code);
  llvm::Expected<Statistics> statistics = parse((*buffer)->getBuffer(), context);
  if (!statistics)
    return llvm::createFileError(path, statistics.takeError());
  return statistics;
}

} // namespace mlir::lowbit
