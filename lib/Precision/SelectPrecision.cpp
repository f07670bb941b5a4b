//===- SelectPrecision.cpp - a scheme for each site, from a file ----------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/IR/Remarks.h"
#include "lowbit/Precision/Passes.h"
#include "lowbit/Precision/Selection.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_SELECTPRECISIONPASS
#include "lowbit/Precision/Passes.h.inc"

namespace {

/// {"kind": "lowbit selection", …}: what was chosen, and what it costs.
void printSummary(raw_ostream &os, const Sensitivity &sensitivity, const Selection &selection, StringRef mode) {
  auto print = [&](StringRef key, const llvm::json::Value &value) {
    os << ", \"" << key << "\": ";
    printJSON(os, value);
  };
  os << "{\"kind\": \"lowbit selection\", \"version\": 1";
  print("mode", mode);
  print("loss", selection.loss);
  print("bound", selection.bound);
  print("bits", selection.bits);
  print("bytes", selection.costs.bytes);
  print("latency", selection.costs.latency ? llvm::json::Value(*selection.costs.latency) : llvm::json::Value(nullptr));
  print("energy", selection.costs.energy);
  os << ", \"sites\": {";
  for (auto [i, site] : llvm::enumerate(sensitivity.sites))
    os << (i ? ",\n" : "\n") << llvm::json::Value(site.name) << ": "
       << llvm::json::Value(sensitivity.space.schemes[site.candidates[selection.candidates[i]].scheme].name);
  os << "}}\n";
}

struct SelectPrecisionPass final : PassWithModels<impl::SelectPrecisionPassBase<SelectPrecisionPass>> {
  using PassWithModels::PassWithModels;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto fail = [&] { return emitError(module.getLoc()); };
    if (sensitivity.empty()) {
      fail() << "no sensitivity is given; say `sensitivity=` with a file of `lowbit-analyze-sensitivity` or `lowbit search`";
      return signalPassFailure();
    }
    llvm::Expected<Sensitivity> loaded = Sensitivity::load(sensitivity, &getContext());
    if (!loaded) {
      fail() << llvm::toString(loaded.takeError());
      return signalPassFailure();
    }
    if (failed(loaded->verifyModel(module, fail)))
      return signalPassFailure();
    FailureOr<Selection> selection = selectPrecision(*loaded, getRequest(), fail);
    if (failed(selection))
      return signalPassFailure();
    std::string recipe = writeRecipe(*loaded, *selection, name, describe(*selection));
    if (failed(write(output, [&](raw_ostream &os) { os << recipe; })) ||
        failed(write(summary, [&](raw_ostream &os) { printSummary(os, *loaded, *selection, mode); })))
      return signalPassFailure();
    remark::passed(module.getLoc(), getRemarkOptions("select-precision", module)) << remark::add("{0}", describe(*selection));
    if (!apply)
      return;
    AssignSchemesPassOptions options;
    options.recipe = recipe;
    options.stats = stats;
    OpPassManager pm(ModuleOp::getOperationName());
    pm.addPass(createAssignSchemesPass(options));
    if (failed(runPipeline(pm, module)))
      signalPassFailure();
  }

private:
  SelectionRequest getRequest() {
    SelectionRequest request;
    for (auto [what, text] : {std::pair("bytes", &bytes), {"bits", &bits}, {"latency", &latency}, {"energy", &energy}})
      if (!text->empty())
        request.budgets.push_back({what, *text});
    request.keep.assign(keep.begin(), keep.end());
    request.together.assign(together.begin(), together.end());
    request.mode = mode;
    return request;
  }

  /// For people who read the recipe.
  std::string describe(const Selection &selection) const {
    std::string text = llvm::formatv("{0} selection: loss {1:g4}", mode.getValue(), selection.loss).str();
    if (mode == "exact")
      text += llvm::formatv(" (no selection is below {0:g4})", selection.bound).str();
    return text + llvm::formatv(", {0:f3} bits a weight", selection.bits).str();
  }

  LogicalResult write(StringRef path, function_ref<void(raw_ostream &)> print) {
    if (path.empty())
      return success();
    llvm::Error error = llvm::writeToOutput(path, [&](raw_ostream &os) {
      print(os);
      return llvm::Error::success();
    });
    return error ? emitError(getOperation().getLoc()) << path << ": " << llvm::toString(std::move(error)) : success();
  }
};
} // namespace
} // namespace mlir::lowbit
