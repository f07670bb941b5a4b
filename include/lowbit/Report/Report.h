//===- Report.h - what quantization has done, as data ---------------------===//
#ifndef LOWBIT_REPORT_REPORT_H
#define LOWBIT_REPORT_REPORT_H

#include "lowbit/Calibration/Statistics.h"
#include "llvm/Support/JSON.h"

namespace mlir::lowbit {

/// A report of `module`, quantized or not. `statistics` may be null. The schema:
/// {"version": 1, "bytes": {"float", "quantized"}, "macs": {width: count}, "energy_pj": {"arithmetic", "memory"}, "energy_table": {…},
///  "sites": [row, …]}; a row is {"site", "kind", "loc", "operands": {name: scheme}, "bytes": {"float", "quantized"}, "macs": {width: count},
///  "energy_pj"?: {…}, "sqnr_db"?, "float_reason"?, "algorithms"?: [text, …], "range"?: [low, high],
///  "histogram"?: {"low", "width", "counts"}}. Bytes are those of constants;
/// energy is by the table of Energy.h.
llvm::json::Object buildReport(ModuleOp module, const Statistics *statistics);

} // namespace mlir::lowbit

#endif // LOWBIT_REPORT_REPORT_H
