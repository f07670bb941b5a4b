//===- InitAll.cpp - everything of ours, registered at once ---------------===//

#include "lowbit/InitAll.h"
#include "lowbit/Conversion/Passes.h"
#include "lowbit/ExternalModels/Register.h"
#include "lowbit/GPU/Passes.h"
#include "lowbit/GPU/Register.h"
#include "lowbit/GPUSim/Passes.h"
#include "lowbit/IR/Lowbit.h"
#include "lowbit/PTQ/Passes.h"
#include "lowbit/Pipelines/Pipelines.h"
#include "lowbit/Precision/Passes.h"
#include "lowbit/Report/Passes.h"
#include "lowbit/Training/Passes.h"
#include "lowbit/Training/Register.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/IR/DialectRegistry.h"

namespace mlir::lowbit {

void registerAllDialects(DialectRegistry &registry) {
  registry.insert<LowbitDialect>();
  registerExternalModels(registry);
  registerDerivatives(registry);
  registerMatmulBufferization(registry);
}

void registerAllPasses() {
  registerLowbitConversionPasses();
  registerLowbitGPUPasses();
  registerLowbitGPUSimPasses();
  registerLowbitPipelinesPasses();
  registerLowbitPTQPasses();
  registerLowbitPrecisionPasses();
  registerLowbitReportPasses();
  registerLowbitTrainingPasses();
  registerLowbitTransformsPasses();
}

} // namespace mlir::lowbit
