//===- ParseModule.h - modules from files ---------------------------------===//
#ifndef LOWBIT_EXECUTION_PARSEMODULE_H
#define LOWBIT_EXECUTION_PARSEMODULE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace llvm {
class SourceMgr;
}

namespace mlir::lowbit {

/// Reads a module, text or bytecode. `sources` outlives what bytecode refers to. Null after a diagnostic.
OwningOpRef<ModuleOp> parseModule(const std::string &path, const std::shared_ptr<llvm::SourceMgr> &sources, MLIRContext &context);

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_PARSEMODULE_H
