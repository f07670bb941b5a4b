//===- ReportPass.cpp - the report as a pass ------------------------------===//

#include "lowbit/Report/Passes.h"
#include "lowbit/Report/Report.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/ToolOutputFile.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_REPORTPASS
#include "lowbit/Report/Passes.h.inc"

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
    std::error_code error;
    llvm::ToolOutputFile file(output, error, llvm::sys::fs::OF_TextWithCRLF);
    if (error) {
      emitError(loc) << "cannot write the report to `" << output << "`: " << error.message();
      return signalPassFailure();
    }
    file.os() << llvm::formatv("{0:2}", llvm::json::Value(buildReport(getOperation(), statistics ? &*statistics : nullptr))) << "\n";
    file.keep();
    markAllAnalysesPreserved();
  }
};
} // namespace
} // namespace mlir::lowbit
