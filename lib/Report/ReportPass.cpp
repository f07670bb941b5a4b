//===- ReportPass.cpp - the report as a pass ------------------------------===//

#include "lowbit/Report/Launches.h"
#include "lowbit/Report/Passes.h"
#include "lowbit/Report/Report.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_REPORTPASS
#define GEN_PASS_DEF_LISTLAUNCHESPASS
#include "lowbit/Report/Passes.h.inc"

/// Writes the document as text, or says why not.
static LogicalResult writeDocument(Location loc, StringRef path, llvm::json::Object document) {
  std::error_code error;
  llvm::ToolOutputFile file(path, error, llvm::sys::fs::OF_TextWithCRLF);
  if (error)
    return emitError(loc) << "cannot write the report to `" << path << "`: " << error.message();
  file.os() << llvm::formatv("{0:2}", llvm::json::Value(std::move(document))) << "\n";
  file.keep();
  return success();
}

namespace {
struct ReportPass final : impl::ReportPassBase<ReportPass> {
  using ReportPassBase::ReportPassBase;

  void runOnOperation() override {
    Location loc = getOperation().getLoc();
    std::optional<Statistics> statistics;
    if (!stats.empty()) {
      llvm::Expected<Statistics> loaded = Statistics::load(stats, &getContext());
      if (!loaded) {
        emitError(loc) << llvm::toString(loaded.takeError());
        return signalPassFailure();
      }
      statistics.emplace(std::move(*loaded));
    }
    if (failed(writeDocument(loc, output, buildReport(getOperation(), statistics ? &*statistics : nullptr))))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

struct ListLaunchesPass final : impl::ListLaunchesPassBase<ListLaunchesPass> {
  using ListLaunchesPassBase::ListLaunchesPassBase;

  void getDependentDialects(DialectRegistry &registry) const override { registerLaunchDialects(registry); }

  void runOnOperation() override {
    OwningOpRef<ModuleOp> copy(getOperation().clone());
    FailureOr<llvm::json::Object> launches = listLaunches(*copy, target);
    if (failed(launches) || failed(writeDocument(getOperation().getLoc(), output, std::move(*launches))))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
} // namespace mlir::lowbit
