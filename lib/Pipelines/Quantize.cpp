//===- Quantize.cpp - from a float model to one that computes on codes ----===//

#include "lowbit/Pipelines/Quantize.h"
#include "lowbit/ExternalModels/Register.h"
#include "lowbit/PTQ/Algorithm.h"
#include "lowbit/Pipelines/Pipelines.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_QUANTIZEPASS
#include "lowbit/Pipelines/Passes.h.inc"

/// `loaded` is what `recipe` says; without it, no algorithm is added.
static LogicalResult buildInsertCodesPipeline(OpPassManager &pm, const std::string &recipe, const std::string &stats, const Recipe *loaded,
                                              LocationAttr loc) {
  pm.addPass(createNormalizeLinearsPass());
  pm.addPass(createFoldBatchNormPass());
  pm.addPass(createNameSitesPass());
  if (loaded && failed(addActivationAlgorithms(pm, *loaded, recipe)))
    return failure();
  SmoothQuantPassOptions smooth;
  smooth.recipe = recipe;
  smooth.stats = stats;
  pm.addPass(createSmoothQuantPass(smooth));
  AssignSchemesPassOptions options;
  options.recipe = recipe;
  options.stats = stats;
  pm.addPass(createAssignSchemesPass(options));
  pm.addPass(createSplitTensorScalesPass());
  pm.addPass(createInsertQDQPass());
  return loaded ? addAlgorithms(pm, *loaded, stats, Location(loc)) : success();
}

LogicalResult buildInsertCodesPipeline(OpPassManager &pm, const std::string &recipe, const std::string &stats, Location loc) {
  FailureOr<Recipe> loaded = Recipe::load(recipe, loc);
  return failed(loaded) ? failure() : buildInsertCodesPipeline(pm, recipe, stats, &*loaded, loc);
}

void getQuantizeDialects(DialectRegistry &registry) {
  OpPassManager pm(ModuleOp::getOperationName());
  (void)buildInsertCodesPipeline(pm, "", "", nullptr, LocationAttr()); // algorithms use the dialects of the passes around them
  buildFoldCodesPipeline(pm);
  pm.getDependentDialects(registry);
}

void buildFoldCodesPipeline(OpPassManager &pm) {
  pm.addPass(createRoundFloatsPass());
  // Sites that read one value by one scheme share its codes.
  pm.addPass(createCSEPass());
  pm.addPass(createFoldWeightsPass());
  pm.addPass(createSinkDequantizePass());
  pm.addPass(createFuseQDQPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createPackConstantsPass());
}

namespace {
struct QuantizePass final : PassWithModels<impl::QuantizePassBase<QuantizePass>> {
  using PassWithModels::PassWithModels;

  void getDependentDialects(DialectRegistry &registry) const override {
    PassWithModels::getDependentDialects(registry);
    getQuantizeDialects(registry);
  }

  void runOnOperation() override {
    OpPassManager pm(ModuleOp::getOperationName());
    if (failed(buildInsertCodesPipeline(pm, recipe, stats, getOperation().getLoc())))
      return signalPassFailure();
    buildFoldCodesPipeline(pm);
    if (failed(runPipeline(pm, getOperation())))
      signalPassFailure();
  }
};
} // namespace
} // namespace mlir::lowbit
