//===- Named.cpp - the recipes that are built in --------------------------===//
//
// One text for C++ and Python: the build puts python/lowbit/recipes/*.json into the table below.
//
//===----------------------------------------------------------------------===//

#include "lowbit/Recipes/Recipe.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

namespace mlir::lowbit {

static const std::pair<StringRef, StringRef> kNamedRecipes[] = {
#include "NamedRecipes.inc"
};

ArrayRef<std::pair<StringRef, StringRef>> getNamedRecipes() { return kNamedRecipes; }

FailureOr<Recipe> Recipe::load(StringRef recipe, Location loc) {
  MLIRContext *context = loc.getContext();
  recipe = recipe.trim();
  if (recipe.empty())
    return emitError(loc) << "no recipe is given; say `recipe=` with a name, a path or a document, such as `recipe="
                          << getNamedRecipes().front().first << "`";
  if (recipe.starts_with("{"))
    return parse(recipe, "recipe", context);
  // The parser of pass options takes the outer braces of a value off.
  if (recipe.starts_with("\""))
    return parse(("{" + recipe + "}").str(), "recipe", context);
  for (auto [name, text] : getNamedRecipes())
    if (name == recipe)
      return parse(text, (name + ".json").str(), context);
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> file = llvm::MemoryBuffer::getFile(recipe, /*IsText=*/true);
  if (!file) {
    InFlightDiagnostic diagnostic = emitError(loc) << "`" << recipe << "` is neither a recipe's name nor a file that can be read ("
                                                   << file.getError().message() << ")";
    Diagnostic &note = diagnostic.attachNote() << "named recipes:";
    for (auto [name, text] : getNamedRecipes())
      note << " `" << name << "`";
    return diagnostic;
  }
  return parse((*file)->getBuffer(), recipe, context);
}

} // namespace mlir::lowbit
