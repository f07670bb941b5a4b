//===- SensitivityFile.cpp - sensitivity as JSON --------------------------===//
//
// {"kind": "lowbit sensitivity", "version": 1, "model": "…", "measure": "…", "kinds": ["linear"], "algorithms": […], "schemes": [
// {"name": "w4", "weight": {…}, "activation": {…}},
// {"name": "f16", "float": "f16"}], "rules": [
// …], "rest": {"bytes": 0, "latency": null, "energy": 0}, "baseline": {…}, "sites": [
// {"name": "…", "kind": "linear", "rows": 64, "inputs": 8, "outputs": 4, "candidates": [
//   {"scheme": "w4", "loss": 0.01, "bytes": 24, "latency": null, "energy": 150}, …]}, …]}
// Reading trusts nothing: depth and doubled keys are checked before the text is parsed, schemes by the reader of recipes.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Observers/Values.h"
#include "lowbit/Precision/Sensitivity.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileOutputBuffer.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>

namespace mlir::lowbit {

static constexpr int64_t kVersion = 1;
static constexpr StringLiteral kKind = "lowbit sensitivity", kSpaceKind = "lowbit precision space";

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static void printHead(raw_ostream &os, StringRef kind) { os << "{\"kind\": \"" << kind << "\", \"version\": " << kVersion; }

void PrecisionSpace::print(raw_ostream &os) const {
  os << ", \"kinds\": ";
  printJSON(os, llvm::json::Array(kinds));
  os << ", \"algorithms\": ";
  printJSON(os, llvm::json::Array(algorithms));
  os << ", \"schemes\": [";
  for (auto [i, scheme] : llvm::enumerate(schemes)) {
    os << (i ? ",\n" : "\n") << "{\"name\": " << llvm::json::Value(scheme.name);
    for (StringRef key : {"weight", "activation", "float"})
      if (const llvm::json::Value *value = scheme.keys.get(key)) {
        os << ", \"" << key << "\": ";
        printJSON(os, *value);
      }
    os << "}";
  }
  os << "], \"rules\": [";
  for (auto [i, rule] : llvm::enumerate(rules)) {
    os << (i ? ",\n" : "\n");
    printJSON(os, rule);
  }
  os << "]";
}

static void printCosts(raw_ostream &os, const PrecisionCosts &costs) {
  os << "\"bytes\": " << costs.bytes << ", \"latency\": ";
  printJSON(os, costs.latency ? llvm::json::Value(*costs.latency) : llvm::json::Value(nullptr));
  os << ", \"energy\": ";
  printJSON(os, costs.energy);
}

void Sensitivity::print(raw_ostream &os) const {
  printHead(os, kKind);
  os << ", \"model\": \"" << model << "\", \"measure\": " << llvm::json::Value(measure);
  space.print(os);
  os << ", \"rest\": {";
  printCosts(os, rest);
  os << "}, \"baseline\": {";
  printCosts(os, baseline);
  os << "}, \"sites\": [";
  for (auto [i, site] : llvm::enumerate(sites)) {
    os << (i ? ",\n" : "\n") << "{\"name\": " << llvm::json::Value(site.name) << ", \"kind\": " << llvm::json::Value(site.kind)
       << ", \"rows\": " << site.rows << ", \"inputs\": " << site.inputs << ", \"outputs\": " << site.outputs << ", \"candidates\": [";
    for (auto [j, candidate] : llvm::enumerate(site.candidates)) {
      os << (j ? ",\n  " : "\n  ") << "{\"scheme\": " << llvm::json::Value(space.schemes[candidate.scheme].name) << ", \"loss\": ";
      printJSON(os, candidate.loss);
      os << ", ";
      printCosts(os, candidate.costs);
      os << "}";
    }
    os << "]}";
  }
  os << "]}\n";
}

llvm::Error Sensitivity::save(StringRef path) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(os);
  if (path == "-") {
    llvm::outs() << text;
    return llvm::Error::success();
  }
  auto buffer = llvm::FileOutputBuffer::create(path, text.size());
  if (!buffer)
    return llvm::createFileError(path, buffer.takeError());
  llvm::copy(text, (*buffer)->getBufferStart());
  if (llvm::Error error = (*buffer)->commit())
    return llvm::createFileError(path, std::move(error));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// The document, if it is of `kind`, of a version that is known, and has exactly the keys `keys`.
static llvm::Expected<llvm::json::Object> readDocument(StringRef text, StringRef kind, ArrayRef<StringRef> keys) {
  if (llvm::Error error = checkJSONStructure(text))
    return std::move(error);
  llvm::Expected<llvm::json::Value> document = llvm::json::parse(text);
  if (!document)
    return document.takeError();
  llvm::json::Object *object = document->getAsObject();
  if (!object || object->getString("kind") != kind)
    return llvm::createStringError("expected an object with \"kind\": \"" + kind + "\"");
  std::optional<int64_t> version = object->getInteger("version");
  if (!version || *version < 1)
    return llvm::createStringError("`version` is missing or not a positive integer");
  if (*version > kVersion)
    return llvm::createStringError("version %lld is newer than %lld, the newest that this program reads; update it or analyze again",
                                   static_cast<long long>(*version), static_cast<long long>(kVersion));
  if (auto checked = readObject(*document, keys, kind); !checked)
    return checked.takeError();
  return std::move(*object);
}

static llvm::Expected<std::string> readText(const llvm::json::Object &object, StringRef key) {
  std::optional<StringRef> text = object.getString(key);
  if (!text || text->empty())
    return llvm::createStringError("`" + key + "` is not a string of at least one character");
  return text->str();
}

/// A number from zero on.
static llvm::Expected<double> readAmount(const llvm::json::Object &object, StringRef key) {
  std::optional<double> number = object.getNumber(key);
  if (!number || !std::isfinite(*number) || *number < 0)
    return llvm::createStringError("`" + key + "` is not a finite number from 0 on");
  return *number;
}

static llvm::Error readCosts(const llvm::json::Object &object, PrecisionCosts &costs) {
  llvm::Expected<uint64_t> bytes = readCount(object.get("bytes"), "`bytes`");
  if (!bytes)
    return bytes.takeError();
  costs.bytes = *bytes;
  if (!object.get("latency")->getAsNull()) {
    llvm::Expected<double> latency = readAmount(object, "latency");
    if (!latency)
      return latency.takeError();
    costs.latency = *latency;
  }
  llvm::Expected<double> energy = readAmount(object, "energy");
  if (!energy)
    return energy.takeError();
  costs.energy = *energy;
  return llvm::Error::success();
}

/// Schemes, algorithms and rules are what recipes say, and are read as such.
static llvm::Error checkRecipe(const PrecisionSpace &space, MLIRContext *context) {
  std::string text, message;
  llvm::raw_string_ostream os(text);
  space.printRecipeHead(os, "schemes", "");
  for (auto [i, scheme] : llvm::enumerate(space.schemes)) {
    os << (i ? ",\n{" : "\n{");
    scheme.printRule(os, "*");
    os << "}";
  }
  space.printRecipeTail(os);
  ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
    return success();
  });
  if (failed(Recipe::parse(text, "schemes", context)))
    return llvm::createStringError("`schemes`, `algorithms` or `rules`: " + message);
  return llvm::Error::success();
}

static llvm::Error readScheme(const llvm::json::Value &value, PrecisionScheme &scheme) {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return llvm::createStringError("`schemes` has an entry that is not an object");
  llvm::Expected<std::string> name = readText(*object, "name");
  if (!name)
    return name.takeError();
  scheme.name = *name;
  if (StringRef(*name).contains('='))
    return llvm::createStringError("scheme `" + *name + "` has `=` in its name, which constraints could not say");
  scheme.keys = *object;
  scheme.keys.erase("name");
  for (const auto &[key, field] : scheme.keys)
    if (!llvm::is_contained({"weight", "activation", "float"}, StringRef(key)))
      return llvm::createStringError("scheme `" + *name + "`: unknown key `" + StringRef(key) +
                                     "`; expected `weight`, `activation` or `float`");
  bool isFloat = scheme.keys.get("float");
  if (isFloat == static_cast<bool>(scheme.keys.get("weight")) || (isFloat && scheme.keys.size() != 1))
    return llvm::createStringError("scheme `" + *name + "`: expected `weight`, or `float` alone");
  return llvm::Error::success();
}

llvm::Expected<PrecisionSpace> PrecisionSpace::fromJSON(const llvm::json::Object &object, MLIRContext *context) {
  PrecisionSpace space;
  const llvm::json::Array *kinds = object.getArray("kinds"), *schemes = object.getArray("schemes");
  const llvm::json::Array *algorithms = object.getArray("algorithms"), *rules = object.getArray("rules");
  if (!kinds || kinds->empty() || !schemes || schemes->empty() || !algorithms || !rules)
    return llvm::createStringError("`kinds` and `schemes` are lists of at least one entry, `algorithms` and `rules` are lists");
  for (const llvm::json::Value &kind : *kinds) {
    if (!kind.getAsString())
      return llvm::createStringError("`kinds` has an entry that is not a string");
    space.kinds.push_back(kind.getAsString()->str());
  }
  llvm::StringSet<> names;
  for (const llvm::json::Value &value : *schemes) {
    PrecisionScheme &scheme = space.schemes.emplace_back();
    if (llvm::Error error = readScheme(value, scheme))
      return std::move(error);
    if (!names.insert(scheme.name).second)
      return llvm::createStringError("scheme `" + scheme.name + "` is there twice");
  }
  space.algorithms = *algorithms;
  space.rules = *rules;
  if (llvm::Error error = checkRecipe(space, context))
    return std::move(error);
  return space;
}

llvm::Expected<PrecisionSpace> PrecisionSpace::parse(StringRef text, MLIRContext *context) {
  auto document = readDocument(text, kSpaceKind, {"kind", "version", "kinds", "algorithms", "schemes", "rules"});
  return document ? fromJSON(*document, context) : document.takeError();
}

static llvm::Error readCandidate(const llvm::json::Value &value, const PrecisionSpace &space, PrecisionCandidate &candidate) {
  auto object = readObject(value, {"scheme", "loss", "bytes", "latency", "energy"}, "a candidate");
  if (!object)
    return object.takeError();
  llvm::Expected<std::string> scheme = readText(**object, "scheme");
  if (!scheme)
    return scheme.takeError();
  ArrayRef<PrecisionScheme> schemes = space.schemes;
  const auto *found = llvm::find_if(schemes, [&](const PrecisionScheme &each) { return each.name == *scheme; });
  if (found == schemes.end())
    return llvm::createStringError("candidate `" + *scheme + "` is none of `schemes`");
  candidate.scheme = found - schemes.begin();
  llvm::Expected<double> loss = readAmount(**object, "loss");
  if (!loss)
    return loss.takeError();
  candidate.loss = *loss;
  return readCosts(**object, candidate.costs);
}

static llvm::Error readSite(const llvm::json::Value &value, const PrecisionSpace &space, SiteSensitivity &site) {
  auto object = readObject(value, {"name", "kind", "rows", "inputs", "outputs", "candidates"}, "a site");
  if (!object)
    return object.takeError();
  llvm::Expected<std::string> name = readText(**object, "name");
  if (!name)
    return name.takeError();
  site.name = *name;
  llvm::Expected<std::string> kind = readText(**object, "kind");
  if (!kind)
    return kind.takeError();
  site.kind = *kind;
  for (auto [key, size] : {std::pair(StringRef("rows"), &site.rows), {"inputs", &site.inputs}, {"outputs", &site.outputs}}) {
    llvm::Expected<uint64_t> count = readCount((*object)->get(key), ("`" + key + "`").str());
    if (!count)
      return count.takeError();
    *size = *count;
  }
  if (site.inputs == 0 || site.outputs == 0 || site.inputs > kLargestCount / site.outputs)
    return llvm::createStringError("`inputs` and `outputs` are not sizes of a weight");
  const llvm::json::Array *candidates = (*object)->getArray("candidates");
  if (!candidates || candidates->empty())
    return llvm::createStringError("`candidates` is not a list of at least one candidate");
  for (const llvm::json::Value &each : *candidates) {
    PrecisionCandidate candidate;
    if (llvm::Error error = readCandidate(each, space, candidate))
      return error;
    if (llvm::any_of(site.candidates, [&](const PrecisionCandidate &other) { return other.scheme == candidate.scheme; }))
      return llvm::createStringError("candidate `" + space.schemes[candidate.scheme].name + "` is there twice");
    site.candidates.push_back(candidate);
  }
  return llvm::Error::success();
}

llvm::Expected<Sensitivity> Sensitivity::parse(StringRef text, MLIRContext *context) {
  auto document = readDocument(
      text, kKind, {"kind", "version", "model", "measure", "kinds", "algorithms", "schemes", "rules", "rest", "baseline", "sites"});
  if (!document)
    return document.takeError();
  Sensitivity sensitivity;
  std::optional<StringRef> model = document->getString("model");
  if (!model || model->size() != 64 || model->find_first_not_of("0123456789abcdef") != StringRef::npos)
    return llvm::createStringError("`model` is not a fingerprint of 64 hexadecimal digits");
  sensitivity.model = model->str();
  llvm::Expected<std::string> measure = readText(*document, "measure");
  if (!measure)
    return measure.takeError();
  sensitivity.measure = *measure;
  llvm::Expected<PrecisionSpace> space = PrecisionSpace::fromJSON(*document, context);
  if (!space)
    return space.takeError();
  sensitivity.space = std::move(*space);
  for (auto [key, costs] : {std::pair(StringRef("rest"), &sensitivity.rest), {"baseline", &sensitivity.baseline}}) {
    auto object = readObject(*document->get(key), {"bytes", "latency", "energy"}, ("`" + key + "`").str());
    if (!object)
      return object.takeError();
    if (llvm::Error error = readCosts(**object, *costs))
      return llvm::createStringError("`" + key + "`: " + llvm::toString(std::move(error)));
  }
  const llvm::json::Array *sites = document->getArray("sites");
  if (!sites || sites->empty())
    return llvm::createStringError("`sites` is not a list of at least one site");
  llvm::StringSet<> names;
  for (auto [i, value] : llvm::enumerate(*sites)) {
    SiteSensitivity &site = sensitivity.sites.emplace_back();
    if (llvm::Error error = readSite(value, sensitivity.space, site)) {
      std::string which = site.name.empty() ? "number " + std::to_string(i) : "`" + site.name + "`";
      return llvm::createStringError("site " + which + ": " + llvm::toString(std::move(error)));
    }
    if (!names.insert(site.name).second)
      return llvm::createStringError("site `" + site.name + "` is there twice");
  }
  return sensitivity;
}

template <typename T> static llvm::Expected<T> loadFile(StringRef path, MLIRContext *context) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (std::error_code code = buffer.getError())
    return llvm::createFileError(path, code);
  llvm::Expected<T> loaded = T::parse((*buffer)->getBuffer(), context);
  if (!loaded)
    return llvm::createFileError(path, loaded.takeError());
  return loaded;
}

llvm::Expected<Sensitivity> Sensitivity::load(StringRef path, MLIRContext *context) { return loadFile<Sensitivity>(path, context); }
llvm::Expected<PrecisionSpace> PrecisionSpace::load(StringRef path, MLIRContext *context) {
  return loadFile<PrecisionSpace>(path, context);
}

} // namespace mlir::lowbit
