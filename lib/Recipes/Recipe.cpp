//===- Recipe.cpp - from rules to schemes ---------------------------------===//

#include "lowbit/Recipes/Recipe.h"

namespace mlir::lowbit {

SiteEnds::SiteEnds(Operation *module) {
  module->walk([&](QuantizableOpInterface op) {
    std::string reason;
    if (op.getQuantizableOperands(reason).empty())
      return;
    auto [place, isNew] = ends.try_emplace(op.getSiteKind(), op, op);
    place->second.second = op;
  });
}

bool SiteEnds::contains(QuantizableOpInterface op) const {
  auto [first, last] = ends.lookup(op.getSiteKind());
  return op == first || op == last;
}

const RecipeRule *Recipe::findRule(StringRef site, StringRef kind, bool isEnd) const {
  const RecipeRule *rule = llvm::find_if(rules, [&](const RecipeRule &rule) { return rule.matches(site, kind, isEnd); });
  return rule != rules.end() ? rule : nullptr;
}

bool Recipe::needsStatistics() const {
  return llvm::any_of(rules, [](const RecipeRule &rule) { return rule.activation && rule.activation->isStatic; });
}

FailureOr<SchemeAttr> SchemeRecipe::getScheme(const QuantizableOperand &operand, Location loc) const {
  MLIRContext *context = loc.getContext();
  ArrayRef<int64_t> shape = cast<RankedTensorType>(operand.operand->get().getType()).getShape();
  DenseI64ArrayAttr block;
  if (perKeptAxis || group != 0) {
    SmallVector<int64_t> sizes(shape.size(), 0);
    if (perKeptAxis)
      for (int64_t axis : operand.keptAxes)
        sizes[axis] = 1;
    if (group != 0) {
      if (operand.reducedAxes.empty())
        return emitError(loc) << "groups of " << group << " need an axis that is summed over, and `" << operand.name << "` has none";
      int64_t axis = operand.reducedAxes.back();
      if (ShapedType::isDynamic(shape[axis]) || shape[axis] % group != 0)
        return emitError(loc) << "groups of " << group << " do not divide axis " << axis << " of `" << operand.name << "`, whose type is "
                              << operand.operand->get().getType() << "; choose a divisor, or exclude the site by a rule with `keep`";
      sizes[axis] = group;
    }
    block = DenseI64ArrayAttr::get(context, sizes);
  }
  return SchemeAttr::getChecked([&] { return emitError(loc); }, context, format, block, scale, zero, scaling);
}

} // namespace mlir::lowbit
