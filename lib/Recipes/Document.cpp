//===- Document.cpp - a JSON or YAML document with places -----------------===//

#include "Document.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLParser.h"

namespace mlir::lowbit {

const Node *Node::find(StringRef key) const {
  for (const auto &[name, value] : fields)
    if (name.text == key)
      return &value;
  return nullptr;
}

std::string Node::describe() const {
  switch (kind) {
  case Null:
    return "nothing";
  case Text:
    return "the text \"" + text + "\"";
  case Word:
    return "`" + text + "`";
  case Sequence:
    return "a list";
  case Mapping:
    return "a mapping";
  }
  llvm_unreachable("all kinds are above");
}

namespace {

/// Reads nodes of llvm's stream in order (it can be read once only).
class DocumentReader {
public:
  DocumentReader(llvm::SourceMgr &sources, StringRef text, StringRef source, MLIRContext *context)
      : sources(sources), text(text), source(source), context(context) {}

  Location getLoc(llvm::yaml::Node *node) {
    llvm::SMLoc place = node->getSourceRange().Start;
    if (!place.isValid())
      return FileLineColLoc::get(context, source, 1, 1);
    // The range of a collection begins after its bracket.
    const char *start = place.getPointer();
    bool isCollection = llvm::isa<llvm::yaml::SequenceNode, llvm::yaml::MappingNode>(node);
    if (isCollection && start > text.begin() && start <= text.end() && StringRef("{[").contains(start[-1]))
      place = llvm::SMLoc::getFromPointer(start - 1);
    auto [line, column] = sources.getLineAndColumn(place);
    return FileLineColLoc::get(context, source, line, column);
  }

  LogicalResult read(llvm::yaml::Node *from, Node &to, unsigned depth = 0) {
    if (!from)
      return success(); // the stream has reported
    to.loc = getLoc(from);
    if (depth > 16)
      return emitError(to.loc) << "nested deeper than 16 levels; recipes are flat";
    if (auto *scalar = llvm::dyn_cast<llvm::yaml::ScalarNode>(from)) {
      SmallString<64> storage;
      StringRef raw = scalar->getRawValue();
      to.kind = raw.starts_with("\"") || raw.starts_with("'") ? Node::Text : Node::Word;
      to.text = scalar->getValue(storage).str();
      return success();
    }
    if (auto *block = llvm::dyn_cast<llvm::yaml::BlockScalarNode>(from)) {
      to.kind = Node::Text;
      to.text = block->getValue().str();
      return success();
    }
    if (auto *sequence = llvm::dyn_cast<llvm::yaml::SequenceNode>(from))
      return readSequence(*sequence, to, depth);
    if (auto *mapping = llvm::dyn_cast<llvm::yaml::MappingNode>(from))
      return readMapping(*mapping, to, depth);
    if (llvm::isa<llvm::yaml::NullNode>(from))
      return success();
    return emitError(to.loc) << "YAML aliases are not part of recipes; write the value out";
  }

private:
  LogicalResult readSequence(llvm::yaml::SequenceNode &from, Node &to, unsigned depth) {
    to.kind = Node::Sequence;
    for (llvm::yaml::Node &item : from)
      if (failed(read(&item, to.items.emplace_back(to.loc), depth + 1)))
        return failure();
    return success();
  }

  LogicalResult readMapping(llvm::yaml::MappingNode &from, Node &to, unsigned depth) {
    to.kind = Node::Mapping;
    for (llvm::yaml::KeyValueNode &field : from) {
      Node key(to.loc), value(to.loc);
      if (failed(read(field.getKey(), key, depth + 1)))
        return failure();
      if (!key.isText())
        return emitError(key.loc) << "expected a key, found " << key.describe();
      if (to.find(key.text))
        return emitError(key.loc) << "key `" << key.text << "` is given twice; remove one of them";
      if (failed(read(field.getValue(), value, depth + 1)))
        return failure();
      to.fields.emplace_back(std::move(key), std::move(value));
    }
    return success();
  }

  llvm::SourceMgr &sources;
  StringRef text, source;
  MLIRContext *context;
};

} // namespace

FailureOr<Node> parseDocument(StringRef text, StringRef source, MLIRContext *context) {
  llvm::SourceMgr sources;
  struct Report {
    StringRef source;
    MLIRContext *context;
  } report{source, context};
  sources.setDiagHandler(
      [](const llvm::SMDiagnostic &diagnostic, void *data) {
        auto *report = static_cast<Report *>(data);
        Location loc = FileLineColLoc::get(report->context, report->source, std::max(diagnostic.getLineNo(), 1),
                                           std::max(diagnostic.getColumnNo() + 1, 1));
        emitError(loc) << "not JSON or YAML: " << diagnostic.getMessage();
      },
      &report);
  llvm::yaml::Stream stream(text, sources, /*ShowColors=*/false);
  DocumentReader reader(sources, text, source, context);
  Node root(FileLineColLoc::get(context, source, 1, 1));
  auto document = stream.begin();
  llvm::yaml::Node *first = document != stream.end() ? document->getRoot() : nullptr;
  if (stream.failed())
    return failure();
  if (!first || llvm::isa<llvm::yaml::NullNode>(first))
    return emitError(root.loc) << "the document is empty";
  if (failed(reader.read(first, root)))
    return failure();
  if (stream.failed())
    return failure();
  ++document;
  if (stream.failed())
    return failure();
  if (document != stream.end())
    return emitError(root.loc) << "more than one document; expected one";
  return root;
}

} // namespace mlir::lowbit
