//===- Document.h - a JSON or YAML document with places -------------------===//
#ifndef LOWBIT_LIB_RECIPES_DOCUMENT_H
#define LOWBIT_LIB_RECIPES_DOCUMENT_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include <memory>

namespace mlir::lowbit {

/// A value of the document and where it stands.
struct Node {
  enum Kind { Null, Text, Word, Sequence, Mapping };
  Kind kind = Null;
  Location loc;
  std::string text; ///< Of a quoted text or of a bare word (number, true, false).
  std::vector<Node> items;
  std::vector<std::pair<Node, Node>> fields;

  explicit Node(Location loc) : loc(loc) {}
  bool isText() const { return kind == Text || kind == Word; }
  /// The value of `key`, or null.
  const Node *find(StringRef key) const;
  /// What this is, for diagnostics: `a list`, `a mapping`, `the text "x"`, ….
  std::string describe() const;
};

/// Parses JSON, or the YAML that means the same. Errors are diagnostics at `source:line:column`.
FailureOr<Node> parseDocument(StringRef text, StringRef source, MLIRContext *context);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_RECIPES_DOCUMENT_H
