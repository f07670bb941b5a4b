//===- ModuleFile.h - modules from files ----------------------------------===//
//
// Law: a file's bytes lie where bytecode wants them. A small file is read, not mapped, to anywhere; then the parser would refuse constants
// that ask for an alignment of their section.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_IR_MODULEFILE_H
#define LOWBIT_IR_MODULEFILE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/MemoryBuffer.h"

namespace llvm {
class SourceMgr;
}

namespace mlir::lowbit {

/// The bytes of the file at `path`, of standard input if it is `-`. Null with a message when they cannot be read.
std::unique_ptr<llvm::MemoryBuffer> openModule(StringRef path, std::string &message);

/// Reads a module, text or bytecode. `sources` outlives what bytecode refers to. Null after a diagnostic.
OwningOpRef<ModuleOp> parseModule(StringRef path, const std::shared_ptr<llvm::SourceMgr> &sources, MLIRContext &context);

} // namespace mlir::lowbit

#endif // LOWBIT_IR_MODULEFILE_H
