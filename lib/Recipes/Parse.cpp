//===- Parse.cpp - a recipe's document, checked ---------------------------===//

#include "Document.h"
#include "lowbit/Recipes/Recipe.h"
#include "mlir/AsmParser/AsmParser.h"
#include "llvm/ADT/StringExtras.h"

namespace mlir::lowbit {
namespace {

constexpr StringLiteral kKinds[] = {"linear", "conv", "embedding", "attention"};
constexpr StringLiteral kFloats[] = {"bf16", "f16"};

InFlightDiagnostic listAllowed(InFlightDiagnostic diagnostic, ArrayRef<StringLiteral> allowed) {
  llvm::interleave(allowed, [&](StringRef text) { diagnostic << "`" << text << "`"; }, [&] { diagnostic << ", "; });
  return diagnostic;
}

/// Only keys that are known: a misspelt one must not be dropped in silence.
LogicalResult checkKeys(const Node &node, StringRef what, ArrayRef<StringLiteral> allowed) {
  if (node.kind != Node::Mapping)
    return emitError(node.loc) << "expected " << what << " as a mapping, found " << node.describe();
  for (const auto &[key, value] : node.fields)
    if (!llvm::is_contained(allowed, key.text))
      return listAllowed(emitError(key.loc) << "unknown key `" << key.text << "` in " << what << "; expected one of ", allowed);
  return success();
}

FailureOr<StringRef> readText(const Node &node, StringRef key) {
  if (node.kind != Node::Text && !(node.kind == Node::Word && !node.text.empty() && !llvm::isDigit(node.text[0])))
    return emitError(node.loc) << "`" << key << "` is " << node.describe() << "; expected a text";
  if (node.text.empty())
    return emitError(node.loc) << "`" << key << "` is empty";
  return StringRef(node.text);
}

FailureOr<StringRef> readChoice(const Node &node, StringRef key, ArrayRef<StringLiteral> allowed) {
  FailureOr<StringRef> text = readText(node, key);
  if (failed(text))
    return failure();
  if (!llvm::is_contained(allowed, *text))
    return listAllowed(emitError(node.loc) << "`" << key << "` is \"" << *text << "\"; expected one of ", allowed);
  return text;
}

FailureOr<int64_t> readPositive(const Node &node, StringRef key) {
  int64_t value;
  if (node.kind != Node::Word || StringRef(node.text).getAsInteger(10, value) || value < 1)
    return emitError(node.loc) << "`" << key << "` is " << node.describe() << "; expected a positive integer";
  return value;
}

FailureOr<Attribute> readPolicy(const Node &node, StringRef key, StringRef example) {
  FailureOr<StringRef> text = readText(node, key);
  if (failed(text))
    return failure();
  Attribute attribute = LowbitDialect::parsePolicy(node.loc->getContext(), *text);
  if (!attribute)
    return emitError(node.loc) << "`" << key << "` is \"" << *text << "\", which is no " << key << "; expected one such as " << example;
  return attribute;
}

/// Builtin types by the names that schemes use; SchemeAttr checks which of them fit.
FailureOr<Type> readType(const Node &node, StringRef key, StringRef example) {
  FailureOr<StringRef> text = readText(node, key);
  if (failed(text))
    return failure();
  Type type;
  {
    ScopedDiagnosticHandler silence(node.loc->getContext(), [](Diagnostic &) { return success(); });
    type = parseType(*text, node.loc->getContext());
  }
  if (!type)
    return emitError(node.loc) << "`" << key << "` is \"" << *text << "\", which is no type; expected one such as " << example;
  return type;
}

/// `"zero": "i8"`: zero points of that type.
LogicalResult readZero(const Node &node, SchemeRecipe &scheme) {
  FailureOr<Type> type = readType(node, "zero", "\"i8\"");
  if (failed(type))
    return failure();
  scheme.zero = dyn_cast<IntegerType>(*type);
  return scheme.zero ? success() : emitError(node.loc) << "`zero` is " << node.describe() << "; expected an integer type such as \"i8\"";
}

LogicalResult readFormat(const Node &node, StringRef role, SchemeRecipe &scheme) {
  const Node *format = node.find("format");
  if (!format)
    return emitError(node.loc) << "`" << role << "` has no `format`; add one such as \"int<8>\"";
  FailureOr<Attribute> attribute = readPolicy(*format, "format", "\"int<8>\", \"uint<4>\" or \"codebook<nf4>\"");
  if (failed(attribute))
    return failure();
  scheme.format = dyn_cast<NumberFormatAttrInterface>(*attribute);
  return scheme.format ? success() : emitError(format->loc) << "`format` is \"" << format->text << "\", which is no number format";
}

LogicalResult readBlock(const Node &node, StringLiteral axis, SchemeRecipe &scheme) {
  if (const Node *per = node.find("per")) {
    FailureOr<StringRef> choice = readChoice(*per, "per", {"tensor", axis});
    if (failed(choice))
      return failure();
    scheme.perKeptAxis = *choice == axis;
  }
  if (const Node *group = node.find("group")) {
    FailureOr<int64_t> size = readPositive(*group, "group");
    if (failed(size))
      return failure();
    scheme.group = *size;
  }
  return success();
}

/// The keys that weights and activations share.
LogicalResult readScheme(const Node &node, StringRef role, StringLiteral axis, SchemeRecipe &scheme) {
  if (failed(readFormat(node, role, scheme)) || failed(readBlock(node, axis, scheme)))
    return failure();
  if (const Node *scale = node.find("scale")) {
    FailureOr<Type> type = readType(*scale, "scale", "\"f32\" or \"f16\"");
    if (failed(type))
      return failure();
    scheme.scale = type->isF32() ? Type() : *type;
  }
  if (const Node *zero = node.find("zero"); zero && failed(readZero(*zero, scheme)))
    return failure();
  if (const Node *scaling = node.find("scaling")) {
    FailureOr<StringRef> choice = readChoice(*scaling, "scaling", {"divide", "reciprocal"});
    if (failed(choice))
      return failure();
    scheme.scaling = *symbolizeScaling(*choice);
  }
  // What SchemeAttr refuses is refused here, where the recipe says it.
  return success(SchemeAttr::getChecked([&] { return emitError(node.loc); }, node.loc->getContext(), scheme.format, DenseI64ArrayAttr(),
                                        scheme.scale, scheme.zero, scheme.scaling) != SchemeAttr());
}

FailureOr<bool> readBool(const Node &node, StringRef key) {
  if (node.kind != Node::Word || (node.text != "true" && node.text != "false"))
    return emitError(node.loc) << "`" << key << "` is " << node.describe() << "; expected true or false";
  return node.text == "true";
}

LogicalResult readWeight(const Node &node, RecipeRule &rule) {
  if (failed(checkKeys(node, "`weight`", {"format", "per", "group", "scale", "tensor_scale", "zero", "scaling"})))
    return failure();
  SchemeRecipe &scheme = rule.weight.emplace();
  if (failed(readScheme(node, "weight", "channel", scheme)))
    return failure();
  const Node *tensorScale = node.find("tensor_scale");
  if (!tensorScale)
    return success();
  FailureOr<bool> isWanted = readBool(*tensorScale, "tensor_scale");
  if (failed(isWanted))
    return failure();
  scheme.hasTensorScale = *isWanted;
  // The exponents of f32.
  if (scheme.hasTensorScale && (!scheme.scale || APFloat::semanticsMaxExponent(cast<FloatType>(scheme.scale).getFloatSemantics()) >= 127))
    return emitError(tensorScale->loc)
           << "`tensor_scale` adds nothing to scales of the range of f32; remove it, or choose a `scale` such as "
              "\"f8E4M3FN\"";
  return success();
}

/// `"smooth": 0.8`: the strength of SmoothQuant.
LogicalResult readSmooth(const Node &node, SchemeRecipe &scheme) {
  if (node.kind != Node::Word || StringRef(node.text).getAsDouble(scheme.smooth) || !(scheme.smooth > 0 && scheme.smooth <= 1))
    return emitError(node.loc) << "`smooth` is " << node.describe() << "; expected a strength above 0 and at most 1, such as 0.8";
  return scheme.isStatic
             ? success()
             : emitError(node.loc) << "`smooth` needs ranges of channels from statistics; say \"mode\": \"static\", or remove it";
}

LogicalResult readActivation(const Node &node, RecipeRule &rule) {
  if (failed(checkKeys(node, "`activation`", {"format", "per", "group", "scale", "zero", "scaling", "mode", "observer", "smooth"})))
    return failure();
  SchemeRecipe &scheme = rule.activation.emplace();
  if (failed(readScheme(node, "activation", "token", scheme)))
    return failure();
  const Node *mode = node.find("mode"), *observer = node.find("observer");
  if (!mode)
    return emitError(node.loc)
           << "`activation` has no `mode`; add \"dynamic\" (scales computed at run time) or \"static\" (from statistics)";
  FailureOr<StringRef> choice = readChoice(*mode, "mode", {"dynamic", "static"});
  if (failed(choice))
    return failure();
  scheme.isStatic = *choice == "static";
  if (scheme.isStatic && (scheme.perKeptAxis || scheme.group != 0))
    return emitError(mode->loc)
           << "static scales are per tensor, since tokens of calibration are not those of a run; say \"per\": \"tensor\", "
              "or \"mode\": \"dynamic\"";
  if (const Node *smooth = node.find("smooth"); smooth && failed(readSmooth(*smooth, scheme)))
    return failure();
  if (!observer)
    return success();
  if (!scheme.isStatic)
    return emitError(observer->loc) << "`observer` has no effect in mode \"dynamic\"; remove it, or say \"mode\": \"static\"";
  FailureOr<Attribute> attribute = readPolicy(*observer, "observer", "\"minmax\"");
  if (failed(attribute))
    return failure();
  scheme.observer = dyn_cast<ObserverAttrInterface>(*attribute);
  return scheme.observer ? success() : emitError(observer->loc) << "`observer` is \"" << observer->text << "\", which is no observer";
}

LogicalResult readKinds(const Node &node, RecipeRule &rule) {
  auto readKind = [&](const Node &item) -> LogicalResult {
    FailureOr<StringRef> kind = readChoice(item, "kind", kKinds);
    if (succeeded(kind))
      rule.kinds.push_back(kind->str());
    return kind;
  };
  if (node.kind != Node::Sequence)
    return readKind(node);
  if (node.items.empty())
    return emitError(node.loc) << "`kind` is an empty list; remove it, which means every kind";
  for (const Node &item : node.items)
    if (failed(readKind(item)))
      return failure();
  return success();
}

/// `"float": "bf16"`: what operands of sites that stay in float are rounded to.
LogicalResult readFloat(const Node &node, RecipeRule &rule) {
  FailureOr<StringRef> choice = readChoice(node, "float", kFloats);
  if (failed(choice))
    return failure();
  rule.floatType = cast<FloatType>(parseType(*choice, node.loc->getContext()));
  return success();
}

/// The glob of `match`; refused here, so that matching cannot fail later.
FailureOr<std::string> readMatch(const Node &node) {
  const Node *match = node.find("match");
  if (!match)
    return std::string("*");
  FailureOr<StringRef> text = readText(*match, "match");
  if (failed(text))
    return failure();
  if (llvm::Expected<llvm::GlobPattern> glob = RecipeRule::compilePattern(*text); !glob)
    return emitError(match->loc) << "`match` is \"" << *text << "\": " << llvm::toString(glob.takeError());
  return text->str();
}

FailureOr<RecipeRule> readRule(const Node &node) {
  if (failed(checkKeys(node, "a rule", {"match", "kind", "ends", "weight", "activation", "keep", "float"})))
    return failure();
  FailureOr<std::string> pattern = readMatch(node);
  if (failed(pattern))
    return failure();
  RecipeRule rule{node.find("match") ? node.find("match")->loc : node.loc, *pattern, {}, {}, {}, {}, {}, false};

  const Node *weight = node.find("weight"), *activation = node.find("activation"), *keep = node.find("keep");
  const Node *floatType = node.find("float");
  if (const Node *ends = node.find("ends")) {
    FailureOr<bool> onlyEnds = readBool(*ends, "ends");
    if (failed(onlyEnds))
      return failure();
    rule.onlyEnds = *onlyEnds;
  }
  if (const Node *kind = node.find("kind"); kind && failed(readKinds(*kind, rule)))
    return failure();
  if (keep && (weight || activation))
    return emitError(keep->loc) << "`keep` leaves sites in float, so the rule cannot have `weight` or `activation` too; remove one";
  if (floatType && !keep)
    return emitError(floatType->loc)
           << "`float` says in which type sites stay in float, so the rule needs `keep` with a reason; add it, or "
              "remove `float`";
  if (!keep && !weight && !activation)
    return emitError(node.loc) << "the rule says nothing to do; add `weight`, `activation`, or `keep` with a reason";
  if (keep) {
    FailureOr<StringRef> reason = readText(*keep, "keep");
    if (failed(reason))
      return failure();
    rule.keepReason = reason->str();
  }
  if (floatType && failed(readFloat(*floatType, rule)))
    return failure();
  if ((weight && failed(readWeight(*weight, rule))) || (activation && failed(readActivation(*activation, rule))))
    return failure();
  return rule;
}

/// `"gptq"`, or `{"use": "gptq", "match": "encoder.*", "damping": 0.01}`: keys besides `use`, `match` and `optional` are options of the
/// algorithm.
FailureOr<AlgorithmRecipe> readAlgorithm(const Node &node) {
  AlgorithmRecipe algorithm{node.loc, {}, "*", {}, false};
  const Node *use = node.kind == Node::Mapping ? node.find("use") : &node;
  if (!use)
    return emitError(node.loc) << "the algorithm has no `use`; add its name, such as \"gptq\"";
  FailureOr<StringRef> name = readText(*use, "use");
  FailureOr<std::string> pattern = node.kind == Node::Mapping ? readMatch(node) : std::string("*");
  if (failed(name) || failed(pattern))
    return failure();
  algorithm.name = name->str();
  algorithm.pattern = *pattern;
  for (const auto &[key, value] : node.fields) {
    if (key.text == "use" || key.text == "match")
      continue;
    if (key.text == "optional") {
      FailureOr<bool> isOptional = readBool(value, "optional");
      if (failed(isOptional))
        return failure();
      algorithm.isOptional = *isOptional;
      continue;
    }
    // These come from the recipe's own place in a pipeline.
    if (key.text == "sites" || key.text == "stats" || key.text == "recipe")
      return emitError(key.loc) << "`" << key.text << "` is no option that a recipe gives; sites are chosen by `match`";
    if (!value.isText() || value.text.empty() || StringRef(value.text).find_first_of(" {}\"'") != StringRef::npos)
      return emitError(value.loc) << "`" << key.text << "` is " << value.describe() << "; expected a number or a word";
    algorithm.options += (algorithm.options.empty() ? "" : " ") + key.text + "=" + value.text;
  }
  return algorithm;
}

LogicalResult readAlgorithms(const Node &node, Recipe &recipe) {
  if (node.kind != Node::Sequence)
    return emitError(node.loc) << "`algorithms` is " << node.describe() << "; expected a list of algorithms in the order in which they run";
  for (const Node &item : node.items) {
    FailureOr<AlgorithmRecipe> algorithm = readAlgorithm(item);
    if (failed(algorithm))
      return failure();
    recipe.algorithms.push_back(std::move(*algorithm));
  }
  return success();
}

LogicalResult readVersion(const Node &root) {
  const Node *version = root.find("version");
  if (!version)
    return emitError(root.loc) << "the recipe has no `version`; add \"version\": 1";
  FailureOr<int64_t> number = readPositive(*version, "version");
  if (failed(number))
    return failure();
  if (*number != 1)
    return emitError(version->loc) << "recipe version " << *number << " is newer than 1, which is what this build reads; update Lowbit";
  return success();
}

} // namespace

FailureOr<Recipe> Recipe::parse(StringRef text, StringRef source, MLIRContext *context) {
  context->getOrLoadDialect<LowbitDialect>();
  FailureOr<Node> root = parseDocument(text, source, context);
  if (failed(root) || failed(checkKeys(*root, "a recipe", {"version", "name", "description", "algorithms", "rules"})) ||
      failed(readVersion(*root)))
    return failure();
  Recipe recipe;
  for (auto [key, field] : {std::pair(StringRef("name"), &recipe.name), std::pair(StringRef("description"), &recipe.description)}) {
    const Node *node = root->find(key);
    if (!node)
      continue;
    FailureOr<StringRef> value = readText(*node, key);
    if (failed(value))
      return failure();
    *field = value->str();
  }
  if (recipe.name.empty())
    return emitError(root->loc) << "the recipe has no `name`; add one, by which reports know it";
  if (const Node *algorithms = root->find("algorithms"); algorithms && failed(readAlgorithms(*algorithms, recipe)))
    return failure();
  const Node *rules = root->find("rules");
  if (!rules)
    return emitError(root->loc) << "the recipe has no `rules`; add a list of rules";
  if (rules->kind != Node::Sequence || rules->items.empty())
    return emitError(rules->loc) << "`rules` is " << (rules->kind == Node::Sequence ? "an empty list" : rules->describe())
                                 << "; expected a list with at least one rule";
  for (const Node &node : rules->items) {
    FailureOr<RecipeRule> rule = readRule(node);
    if (failed(rule))
      return failure();
    recipe.rules.push_back(std::move(*rule));
  }
  return recipe;
}

} // namespace mlir::lowbit
