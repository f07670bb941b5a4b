//===- Train.cpp - quantization with training in the middle ---------------===//
// Law: the halves are those of `lowbit-quantize`; between them only values change.

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Pipelines/Pipelines.h"
#include "lowbit/Pipelines/Quantize.h"
#include "lowbit/Training/Passes.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_PREPARETRAININGPASS
#define GEN_PASS_DEF_FINISHTRAININGPASS
#include "lowbit/Pipelines/Passes.h.inc"

namespace {

struct PrepareTrainingPass final : PassWithModels<impl::PrepareTrainingPassBase<PrepareTrainingPass>> {
  using PassWithModels::PassWithModels;

  void getDependentDialects(DialectRegistry &registry) const override {
    PassWithModels::getDependentDialects(registry);
    OpPassManager pm(ModuleOp::getOperationName());
    addTrainingForm(pm);
    pm.getDependentDialects(registry);
    getQuantizeDialects(registry);
  }

  void runOnOperation() override {
    OpPassManager pm(ModuleOp::getOperationName());
    if (failed(buildInsertCodesPipeline(pm, recipe, stats, getOperation().getLoc())))
      return signalPassFailure();
    addTrainingForm(pm);
    if (failed(runPipeline(pm, getOperation())))
      signalPassFailure();
  }

private:
  void addTrainingForm(OpPassManager &pm) const {
    if (!soften.empty()) {
      SoftenRoundingPassOptions softening;
      softening.sites = llvm::to_vector(soften);
      pm.addPass(createSoftenRoundingPass(softening));
    }
    FormFakeQuantPassOptions form;
    form.estimators = llvm::to_vector(estimators);
    pm.addPass(createFormFakeQuantPass(form));
    pm.addPass(createFoldWeightsPass()); // what is left to fold are scales
    ExtractParametersPassOptions extract;
    extract.function = function;
    extract.parameters = llvm::to_vector(parameters);
    pm.addPass(createExtractParametersPass(extract));
  }
};

struct FinishTrainingPass final : PassWithModels<impl::FinishTrainingPassBase<FinishTrainingPass>> {
  using PassWithModels::PassWithModels;

  void getDependentDialects(DialectRegistry &registry) const override {
    PassWithModels::getDependentDialects(registry);
    OpPassManager pm(ModuleOp::getOperationName());
    build(pm);
    pm.getDependentDialects(registry);
  }

  void runOnOperation() override {
    OpPassManager pm(ModuleOp::getOperationName());
    build(pm);
    if (failed(runPipeline(pm, getOperation())))
      signalPassFailure();
  }

private:
  void build(OpPassManager &pm) const {
    BindParametersPassOptions bind;
    bind.function = function;
    bind.values = values;
    pm.addPass(createBindParametersPass(bind));
    pm.addPass(createExpandFakeQuantPass());
    pm.addPass(createHardenRoundingPass());
    buildFoldCodesPipeline(pm);
  }
};

} // namespace
} // namespace mlir::lowbit
