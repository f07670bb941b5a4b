//===- quant-opt.cpp - mlir-opt with quantization -------------------------===//

#include "lowbit/IR/ModuleFile.h"
#include "lowbit/InitAll.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

/// Upstream's main, but for how the file is opened: from where it reads small files it refuses bytecode with constants.
static LogicalResult run(int argc, char **argv, DialectRegistry &registry) {
  auto [input, output] = registerAndParseCLIOptions(argc, argv, "Lowbit's quantization optimizer\n", registry);
  MlirOptMainConfig config = MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses())
    return MlirOptMain(argc, argv, input, output, registry);
  if (input == "-" && llvm::sys::Process::FileDescriptorIsDisplayed(0))
    llvm::errs() << "(processing input from stdin now, hit ctrl-c/ctrl-d to interrupt)\n";
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> module = lowbit::openModule(input, message);
  std::unique_ptr<llvm::ToolOutputFile> result = module ? openOutputFile(output, &message) : nullptr;
  if (!result) {
    llvm::errs() << message << "\n";
    return failure();
  }
  if (failed(MlirOptMain(result->os(), std::move(module), registry, config)))
    return failure();
  result->keep();
  return success();
}

int main(int argc, char **argv) {
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  lowbit::registerAllDialects(registry);
  registerAllPasses();
  lowbit::registerAllPasses();
  return asMainReturnCode(run(argc, argv, registry));
}
