//===- Places.cpp - where an op came from, in a user's words ---------------===//

#include "lowbit/IR/Places.h"

namespace mlir::lowbit {

std::string describePlace(Location loc) {
  std::string text;
  loc->walk([&](Location inner) {
    auto file = dyn_cast<FileLineColLoc>(inner);
    if (!file)
      return WalkResult::advance();
    text = (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" + Twine(file.getColumn())).str();
    return WalkResult::interrupt();
  });
  if (!text.empty())
    return text;
  loc->walk([&](Location inner) {
    if (auto name = dyn_cast<NameLoc>(inner))
      text = ("`" + name.getName().getValue() + "`").str();
    return text.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
  return text.empty() ? "an unknown place" : text;
}

} // namespace mlir::lowbit
