//===- quant-plugin.cpp - lowbit inside a stock mlir-opt ------------------===//

#include "lowbit/IR/Lowbit.h"
#include "lowbit/InitAll.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "lowbit", "0.1.0",
          [](mlir::DialectRegistry *registry) { mlir::lowbit::registerAllDialects(*registry); }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "lowbit", "0.1.0", [] { mlir::lowbit::registerAllPasses(); }};
}
