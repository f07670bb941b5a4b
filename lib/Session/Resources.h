//===- Resources.h - the bytes of the constants of a session --------------===//
#ifndef LOWBIT_LIB_SESSION_RESOURCES_H
#define LOWBIT_LIB_SESSION_RESOURCES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

namespace mlir::lowbit {

/// Frees the bytes of every resource of the context that no op in `modules` names. Upstream, a context keeps resources as long as itself.
void freeResources(MLIRContext &context, ArrayRef<ModuleOp> modules);

/// Resources of `module` that only say where their bytes lie in the file at `path` become those bytes, mapped. Such a resource is
/// `kReferenceMagic`, an offset and a size, little-endian in 64 bits each. An error says which resource names what the file has not.
llvm::Error mapResources(ModuleOp module, StringRef path);

constexpr StringLiteral kReferenceMagic = "lowbit@:";

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_SESSION_RESOURCES_H
