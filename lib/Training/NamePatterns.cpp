//===- NamePatterns.cpp - globs over names, as options give them ----------===//

#include "NamePatterns.h"
#include "lowbit/Recipes/Recipe.h"

namespace mlir::lowbit {

FailureOr<NamePatterns> NamePatterns::parse(Operation *op, ArrayRef<std::string> texts) {
  NamePatterns patterns;
  patterns.texts = texts;
  patterns.used.resize(texts.size());
  for (const std::string &text : texts) {
    llvm::Expected<llvm::GlobPattern> glob = RecipeRule::compilePattern(text);
    if (!glob)
      return op->emitError() << "`" << text << "` is no pattern: " << llvm::toString(glob.takeError());
    patterns.globs.push_back(std::move(*glob));
  }
  return patterns;
}

bool NamePatterns::match(StringRef name) {
  bool matches = globs.empty();
  for (auto [i, glob] : llvm::enumerate(globs))
    if (glob.match(name)) {
      used.set(i);
      matches = true;
    }
  return matches;
}

const std::string *NamePatterns::findUnused() const {
  int first = used.find_first_unset();
  return first < 0 ? nullptr : &texts[first];
}

} // namespace mlir::lowbit
