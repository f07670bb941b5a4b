//===- NameSites.cpp - name the ops that can be quantized -----------------===//
//
// Invariant: one name, one op; a named module keeps its names.
//
//===----------------------------------------------------------------------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_NAMESITESPASS
#include "lowbit/Transforms/Passes.h.inc"

/// The first name in `loc`, or nothing.
static StringRef getLocationName(Location loc) {
  StringRef name;
  loc->walk([&](Location inner) {
    auto named = dyn_cast<NameLoc>(inner);
    if (!named || named.getName().empty())
      return WalkResult::advance();
    name = named.getName();
    return WalkResult::interrupt();
  });
  return name;
}

/// Ops that are quantized, or of which a user wants to know why not.
static bool isSite(QuantizableOpInterface op) {
  std::string reason;
  return !op.getQuantizableOperands(reason).empty() || !reason.empty();
}

namespace {
struct NameSitesPass final : PassWithModels<impl::NameSitesPassBase<NameSitesPass>> {
  void runOnOperation() override {
    llvm::StringSet<> taken;
    SmallVector<QuantizableOpInterface> unnamed;
    WalkResult result = getOperation()->walk([&](QuantizableOpInterface op) {
      if (!isSite(op))
        return WalkResult::advance();
      auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
      if (!site)
        unnamed.push_back(op);
      else if (!taken.insert(site).second) {
        op->emitOpError() << "has the site name " << site << ", which another op has too; remove one of them";
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    llvm::StringMap<int64_t> counts;
    for (QuantizableOpInterface op : unnamed) {
      std::string base = getLocationName(op->getLoc()).str();
      if (base.empty())
        base = (op.getSiteKind() + "." + Twine(counts[op.getSiteKind()]++)).str();
      std::string name = base;
      for (int64_t number = 2; !taken.insert(name).second; ++number)
        name = (base + "#" + Twine(number)).str();
      op->setAttr(kSiteAttr, StringAttr::get(&getContext(), name));
    }
  }
};
} // namespace
} // namespace mlir::lowbit
