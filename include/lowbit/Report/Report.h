//===- Report.h - what quantization has done, as data ---------------------===//
#ifndef LOWBIT_REPORT_REPORT_H
#define LOWBIT_REPORT_REPORT_H

#include "lowbit/Calibration/Statistics.h"
#include "llvm/Support/JSON.h"

namespace mlir::lowbit {

/// A report of `module`, quantized or not. `statistics` may be null. The schema:
/// {"version": 1, "bytes": {"float", "quantized"}, "macs": {width: count}, "energy_pj": number, "sites": [row, …]}; a row is
/// {"site", "kind", "loc", "operands": {name: scheme}, "bytes": {"float", "quantized"}, "macs": {width: count}, "sqnr_db"?,
///  "float_reason"?, "algorithms"?: [text, …], "range"?: [low, high], "histogram"?: {"low", "width", "counts"}}. Bytes are those of constants.
llvm::json::Object buildReport(ModuleOp module, const Statistics *statistics);

/// Picojoules of one multiply-accumulate of operands of these widths. By the wider side: Horowitz, "Computing's energy problem", ISSCC 2014,
/// 45 nm: 8-bit integer 0.2 + 0.03, 16-bit float 1.1 + 0.4, 32-bit float 3.7 + 0.9. Below 8 bits the multiplier is taken to shrink with the
/// product of widths.
double getPicojoules(unsigned left, unsigned right);

} // namespace mlir::lowbit

#endif // LOWBIT_REPORT_REPORT_H
