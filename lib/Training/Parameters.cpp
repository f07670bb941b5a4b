//===- Parameters.cpp - what training changes -----------------------------===//

#include "lowbit/Training/Parameters.h"

namespace mlir::lowbit {

std::string getGradientName(StringRef parameter) { return ("gradient." + parameter).str(); }
std::string getStateName(unsigned state, StringRef parameter) { return ("state" + Twine(state) + "." + parameter).str(); }

std::string getPortName(func::FuncOp function, unsigned index) {
  auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
  return name ? name.str() : ("arg" + Twine(index)).str();
}

LogicalResult appendResult(func::FuncOp function, Value value, StringRef name, bool updates) {
  Builder builder(function.getContext());
  SmallVector<NamedAttribute> attributes{builder.getNamedAttr(kNameAttr, builder.getStringAttr(name))};
  if (updates)
    attributes.push_back(builder.getNamedAttr(kUpdatesAttr, builder.getStringAttr(name)));
  unsigned index = function.getNumResults();
  function.getBody().front().getTerminator()->insertOperands(index, value);
  return function.insertResult(index, value.getType(), builder.getDictionaryAttr(attributes));
}

func::FuncOp findFunction(ModuleOp module, StringRef name) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function) {
    module.emitError() << "has no function `" << name << "`; expected the name of one of its functions";
    return {};
  }
  if (function.isExternal() || !function.getBody().hasOneBlock()) {
    function.emitError() << "`" << name << "` has no body of one block; expected straight-line code on tensors";
    return {};
  }
  return function;
}

func::FuncOp cloneAs(func::FuncOp function, StringRef name) {
  auto module = function->getParentOfType<ModuleOp>();
  if (module.lookupSymbol(name)) {
    function.emitError() << "the module has `" << name << "` already; expected a name that is free";
    return {};
  }
  func::FuncOp copy = function.clone();
  copy.setName(name);
  module.push_back(copy);
  return copy;
}

} // namespace mlir::lowbit
