//===- ParseModule.cpp - modules from files -------------------------------===//

#include "lowbit/Execution/ParseModule.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/SourceMgr.h"

namespace mlir::lowbit {

/// The most that a section of bytecode asks for: that of the constants in it.
static constexpr uint64_t kBytecodeAlignment = 64;

OwningOpRef<ModuleOp> parseModule(const std::string &path, const std::shared_ptr<llvm::SourceMgr> &sources, MLIRContext &context) {
  std::string message;
  // Small files are read, not mapped, to where sections of bytecode may be out of line.
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(path, llvm::Align(kBytecodeAlignment), &message);
  if (!file) {
    emitError(UnknownLoc::get(&context)) << message;
    return {};
  }
  sources->AddNewSourceBuffer(std::move(file), SMLoc());
  return parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
}

} // namespace mlir::lowbit
