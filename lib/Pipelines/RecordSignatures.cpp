//===- RecordSignatures.cpp - names, shapes and types outlive lowering ----===//
// Law: an attribute says what the function says now; a function that bears one already was lowered further and is left alone.

#include "lowbit/Pipelines/RecordSignatures.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace mlir::lowbit {

static constexpr StringLiteral portType("lowbit.type");

/// `type` with the element type that `attributes` refine it to, where both have the same bits.
static Type refine(Type type, DictionaryAttr attributes) {
  auto refined = attributes ? attributes.getAs<TypeAttr>(portType) : TypeAttr();
  if (!refined)
    return type;
  Type element = getElementTypeOrSelf(type);
  if (!element.isIntOrFloat() || !refined.getValue().isIntOrFloat() ||
      element.getIntOrFloatBitWidth() != refined.getValue().getIntOrFloatBitWidth())
    return type;
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(refined.getValue());
  return refined.getValue();
}

static Attribute describePort(Builder &builder, StringRef fallback, unsigned index, Type type, DictionaryAttr attributes,
                              const DenseSet<Attribute> &updated = {}) {
  auto name = attributes ? attributes.getAs<StringAttr>(kNameAttr) : StringAttr();
  if (!name)
    name = builder.getStringAttr(fallback + Twine(index));
  SmallVector<NamedAttribute> fields = {builder.getNamedAttr("name", name),
                                        builder.getNamedAttr("type", TypeAttr::get(refine(type, attributes)))};
  if (updated.contains(name))
    fields.push_back(builder.getNamedAttr("updated", builder.getUnitAttr()));
  return builder.getDictionaryAttr(fields);
}

void recordSignatures(ModuleOp module) {
  Builder builder(module.getContext());
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal() || function->hasAttr(signatureAttrName))
      continue;
    SmallVector<Attribute> inputs, outputs;
    DenseSet<Attribute> updated;
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (Attribute name = function.getResultAttr(i, kUpdatesAttr))
        updated.insert(name);
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
      inputs.push_back(describePort(builder, "arg", index, type, function.getArgAttrDict(index), updated));
    for (auto [index, type] : llvm::enumerate(function.getResultTypes()))
      if (!function.getResultAttr(index, kUpdatesAttr)) // the caller finds it in the argument that it updates
        outputs.push_back(describePort(builder, "result", index, type, function.getResultAttrDict(index)));
    function->setAttr(signatureAttrName, builder.getDictionaryAttr({builder.getNamedAttr("inputs", builder.getArrayAttr(inputs)),
                                                                    builder.getNamedAttr("outputs", builder.getArrayAttr(outputs))}));
  }
}

} // namespace mlir::lowbit
