//===- ModuleFile.cpp - modules from files --------------------------------===//

#include "lowbit/IR/ModuleFile.h"
#include "lowbit/IR/ConstantBlob.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/SourceMgr.h"

namespace mlir::lowbit {

std::unique_ptr<llvm::MemoryBuffer> openModule(StringRef path, std::string &message) {
  llvm::Align alignment(kConstantAlignment);
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(path, alignment, &message);
  if (!file || llvm::isAddrAligned(alignment, file->getBufferStart()))
    return file;
  // Standard input comes without it.
  auto aligned = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(file->getBufferSize(), file->getBufferIdentifier(), alignment);
  llvm::copy(file->getBuffer(), aligned->getBufferStart());
  return aligned;
}

OwningOpRef<ModuleOp> parseModule(StringRef path, const std::shared_ptr<llvm::SourceMgr> &sources, MLIRContext &context) {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file = openModule(path, message);
  if (!file) {
    emitError(UnknownLoc::get(&context)) << message;
    return {};
  }
  sources->AddNewSourceBuffer(std::move(file), SMLoc());
  return parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
}

} // namespace mlir::lowbit
