//===- Resources.cpp - the bytes of the constants of a session ------------===//

#include "Resources.h"
#include "lowbit/IR/ConstantBlob.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/Endian.h"

namespace mlir::lowbit {

using Entry = DialectResourceBlobManager::BlobEntry;

/// Calls `visit` for every resource that an attribute of an op in `module` is or holds.
static void forEachResource(ModuleOp module, function_ref<void(DenseResourceElementsAttr)> visit) {
  AttrTypeWalker walker; // visits an attribute once, however many ops have it
  walker.addWalk([&](DenseResourceElementsAttr resource) { visit(resource); });
  module->walk([&](Operation *op) {
    // Not `getAttrs`, which would leave a dictionary of each op in the context.
    NamedAttrList attributes(op->getDiscardableAttrDictionary());
    op->getName().populateInherentAttrs(op, attributes);
    for (NamedAttribute attribute : attributes)
      walker.walk(attribute.getValue());
  });
}

void freeResources(MLIRContext &context, ArrayRef<ModuleOp> modules) {
  llvm::DenseSet<const Entry *> used;
  for (ModuleOp module : modules)
    forEachResource(module, [&](DenseResourceElementsAttr resource) { used.insert(resource.getRawHandle().getResource()); });
  SmallVector<StringRef> unused;
  DialectResourceBlobManager &manager = DenseResourceElementsHandle::getManagerInterface(&context).getBlobManager();
  manager.getBlobMap([&](const llvm::StringMap<Entry> &entries) {
    for (const auto &entry : entries)
      if (const AsmResourceBlob *blob = entry.second.getBlob(); blob && !blob->getData().empty() && !used.contains(&entry.second))
        unused.push_back(entry.first());
  });
  for (StringRef key : unused)
    manager.update(key, AsmResourceBlob());
}

llvm::Error mapResources(ModuleOp module, StringRef path) {
  static constexpr size_t kNumberBytes = 8;
  llvm::Error error = llvm::Error::success();
  forEachResource(module, [&](DenseResourceElementsAttr resource) {
    const AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    StringRef bytes = blob ? StringRef(blob->getData().data(), blob->getData().size()) : StringRef();
    if (error || !bytes.consume_front(kReferenceMagic) || bytes.size() != 2 * kNumberBytes)
      return;
    uint64_t offset = llvm::support::endian::read64le(bytes.data()), size = llvm::support::endian::read64le(bytes.data() + kNumberBytes);
    llvm::Expected<AsmResourceBlob> mapped = mapBlob(path, offset, size);
    if (mapped)
      resource.getRawHandle().getResource()->setBlob(std::move(*mapped));
    else
      error = llvm::createStringError("resource `" + resource.getRawHandle().getKey() + "`: " + llvm::toString(mapped.takeError()));
  });
  return error;
}

} // namespace mlir::lowbit
