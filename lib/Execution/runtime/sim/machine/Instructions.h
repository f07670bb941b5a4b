//===- Instructions.h - what lowered kernels call -------------------------===//
//
// One file a family. Values are plain C numbers and addresses; registers of a lane are words in its memory. `site` comes first.
// lib/GPU/Sim writes the calls.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_SIM_MACHINE_INSTRUCTIONS_H
#define LOWBIT_SIM_MACHINE_INSTRUCTIONS_H

#include "lowbit/Execution/Sim/Machine.h"

namespace mlir::lowbit::sim {

using Symbols = std::vector<std::pair<const char *, void *>>;

template <typename Function> void addSymbol(Symbols &symbols, const char *name, Function *function) {
  symbols.emplace_back(name, reinterpret_cast<void *>(function));
}

void addPlaceSymbols(Symbols &symbols);
void addMemorySymbols(Symbols &symbols);
void addBarrierSymbols(Symbols &symbols);
void addCopySymbols(Symbols &symbols);
void addMatrixSymbols(Symbols &symbols);
void addMmaSymbols(Symbols &symbols);
void addMfmaSymbols(Symbols &symbols);
void addWarpSymbols(Symbols &symbols);
void addScalarSymbols(Symbols &symbols);
void addStopSymbols(Symbols &symbols);
void addMbarrierSymbols(Symbols &symbols);
void addBulkSymbols(Symbols &symbols);
void addWarpgroupSymbols(Symbols &symbols);
void addTensorSymbols(Symbols &symbols);

} // namespace mlir::lowbit::sim

#define LOWBIT_SIM_SYMBOL(symbols, name) addSymbol(symbols, #name, &name)

#endif // LOWBIT_SIM_MACHINE_INSTRUCTIONS_H
