//===- Signature.cpp - what a function takes and gives --------------------===//
// Law: what is said about an entry is what its function said before any pass; nothing is guessed from lowered code.

#include "lowbit/Execution/Signature.h"
#include "lowbit/Pipelines/RecordSignatures.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringSet.h"

namespace mlir::lowbit {

/// Reads one list of the attribute; says what an array cannot hold in `obstacle`.
static std::vector<Port> readPorts(ArrayAttr list, StringRef kind, std::string &obstacle) {
  std::vector<Port> ports;
  llvm::StringSet<> names;
  llvm::raw_string_ostream message(obstacle);
  for (Attribute attr : list ? list.getValue() : ArrayRef<Attribute>()) {
    auto fields = dyn_cast<DictionaryAttr>(attr);
    auto name = fields ? fields.getAs<StringAttr>("name") : StringAttr();
    auto type = fields ? fields.getAs<TypeAttr>("type") : TypeAttr();
    if (!name || !type) {
      message << "its " << signatureAttrName << " is malformed: expected `{name = …, type = …}`, found " << attr;
      return ports;
    }
    auto shaped = dyn_cast<RankedTensorType>(type.getValue());
    std::optional<ElementType> element = ElementType::get(shaped ? shaped.getElementType() : type.getValue());
    if (!element) {
      message << kind << " `" << name.getValue() << "` has type " << type.getValue()
              << "; expected a ranked tensor of numbers, or a number";
      return ports;
    }
    if (!names.insert(name.getValue()).second) {
      message << kind << " name `" << name.getValue() << "` is there twice";
      return ports;
    }
    SmallVector<int64_t, 4> shape;
    if (shaped)
      shape.assign(shaped.getShape().begin(), shaped.getShape().end());
    ports.push_back({name.str(), std::move(shape), *element, /*isScalar=*/!shaped, fields.contains("updated")});
  }
  return ports;
}

llvm::Error Port::narrow(const Buffer &buffer, std::vector<char> &into) const {
  unsigned bytes = type.getBytes();
  into.resize(*countElements(buffer.shape) * bytes);
  for (size_t i = 0; i < into.size(); i += bytes) {
    uint64_t value = 0;
    std::memcpy(&value, static_cast<const char *>(buffer.data) + i, bytes);
    uint64_t narrowed = value;
    if (!type.narrow(narrowed, buffer.type))
      return llvm::createStringError(
          "`" + name + "` holds " +
          (buffer.type.kind == 'i' ? std::to_string(llvm::SignExtend64(value, bytes * 8)) : std::to_string(value)) + " at element " +
          std::to_string(i / bytes) + ", which is no " + type.getName());
    std::memcpy(into.data() + i, &narrowed, bytes);
  }
  return llvm::Error::success();
}

void widenElements(const ElementType &type, ArrayRef<char> narrow, void *into) {
  unsigned bytes = type.getBytes();
  for (size_t i = 0; i < narrow.size(); i += bytes) {
    uint64_t value = 0;
    std::memcpy(&value, narrow.data() + i, bytes);
    value = type.widen(value);
    std::memcpy(static_cast<char *>(into) + i, &value, bytes);
  }
}

std::vector<Entry> readSignatures(ModuleOp module) {
  std::vector<Entry> entries;
  for (Operation &op : module.getOps()) {
    auto signature = op.getAttrOfType<DictionaryAttr>(signatureAttrName);
    auto symbol = op.getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
    if (!signature || !symbol || symbol.getValue().starts_with("_mlir_ciface_"))
      continue;
    Entry entry;
    entry.name = symbol.str();
    entry.inputs = readPorts(signature.getAs<ArrayAttr>("inputs"), "input", entry.obstacle);
    if (entry.obstacle.empty())
      entry.outputs = readPorts(signature.getAs<ArrayAttr>("outputs"), "output", entry.obstacle);
    if (auto workspace = signature.getAs<IntegerAttr>("workspace"))
      entry.workspaceBytes = workspace.getInt();
    if (auto assertions = signature.getAs<ArrayAttr>("assertions"))
      for (auto text : assertions.getAsRange<StringAttr>())
        entry.assertions.push_back(text.str());
    entries.push_back(std::move(entry));
  }
  return entries;
}

static bool matchesShape(ArrayRef<int64_t> expected, ArrayRef<int64_t> found) {
  if (expected.size() != found.size())
    return false;
  for (auto [want, have] : llvm::zip_equal(expected, found))
    if (!ShapedType::isDynamic(want) && want != have)
      return false;
  return true;
}

llvm::Error Port::check(const Buffer &buffer) const {
  if (!type.accepts(buffer.type))
    return llvm::createStringError("`" + name + "` has elements of " + buffer.type.getName() + "; expected " + type.getStorage().getName() +
                                   (type.getStorage().getName() == type.getName() ? "" : " (" + type.getName() + ")"));
  if (!matchesShape(shape, buffer.shape))
    return llvm::createStringError("`" + name + "` has shape [" + formatShape(buffer.shape) + "]; expected [" + formatShape(shape) + "]");
  return llvm::Error::success();
}

} // namespace mlir::lowbit
