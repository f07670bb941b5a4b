// A compiler of somebody else: parses a module that uses lowbit, runs one of its passes, prints the outcome.
#include "lowbit/InitAll.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

int main() {
  mlir::DialectRegistry registry;
  mlir::lowbit::registerAllDialects(registry);
  mlir::lowbit::registerAllPasses();
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  context.allowUnregisteredDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    "other.op"() {format = #lowbit.int<8>} : () -> ()
  )",
                                                        &context);
  if (!module)
    return 1;
  mlir::PassManager passes(&context);
  if (mlir::failed(mlir::parsePassPipeline("lowbit-verify-lowered", passes)) || mlir::failed(passes.run(*module)))
    return 1;
  module->print(llvm::outs());
  return 0;
}
