//===- Energy.h - what arithmetic and memory take, by a published table ---===//
//
// An estimate for comparing schemes with one another, not a measurement of a machine. Law: every figure of a report comes from this table,
// and the report holds the table.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_REPORT_ENERGY_H
#define LOWBIT_REPORT_ENERGY_H

#include "llvm/Support/JSON.h"

namespace mlir::lowbit {

/// Picojoules of one multiply-accumulate of operands of these widths, by the wider: a product and the addition of an accumulator of 32 bits
/// (16 for 16-bit floats). Below 8 bits the multiplier is taken to shrink with the product of widths.
double getPicojoules(unsigned left, unsigned right);

/// Picojoules to bring one byte from DRAM, the lower end of the table's range. Constants of sites are read once a call; activations
/// are taken to stay in caches, and count nothing.
double getPicojoulesPerByte();

/// The table: {"source": text, "entries": [{"operation", "picojoules", "per"}, …]}.
llvm::json::Object getEnergyTable();

} // namespace mlir::lowbit

#endif // LOWBIT_REPORT_ENERGY_H
