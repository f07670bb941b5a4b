//===- Launches.h - what a model launches on a GPU, as data ---------------===//
#ifndef LOWBIT_REPORT_LAUNCHES_H
#define LOWBIT_REPORT_LAUNCHES_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

namespace mlir::lowbit {

/// The dialects that `listLaunches` makes ops of.
void registerLaunchDialects(DialectRegistry &registry);

/// Compiles `module` for the GPU `target` up to its launches and lists them; failure after an error. The schema:
/// {"target", "launches": [{"function", "kernel", "site"?, "blocks"?, "threads", "shared_bytes",
///  "registers"?, "spill_bytes"?, "stack_bytes"?, "reads": [buffer, …], "writes": [buffer, …], "bytes_read", "bytes_written"}, …],
///  "bytes_read", "bytes_written"}; a buffer is {"type", "bytes"?}. What is not known before a call, or without an assembler, is left out;
/// sums are of what is known.
FailureOr<llvm::json::Object> listLaunches(ModuleOp module, StringRef target);

} // namespace mlir::lowbit

#endif // LOWBIT_REPORT_LAUNCHES_H
