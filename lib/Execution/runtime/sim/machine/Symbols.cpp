//===- Symbols.cpp - names of all that lowered kernels call ---------------===//
#include "Instructions.h"

namespace mlir::lowbit::sim {

std::vector<std::pair<const char *, void *>> getMachineSymbols() {
  Symbols symbols;
  for (auto *add :
       {addPlaceSymbols, addMemorySymbols, addBarrierSymbols, addCopySymbols, addMatrixSymbols, addMmaSymbols, addMfmaSymbols,
        addWarpSymbols, addScalarSymbols, addStopSymbols, addMbarrierSymbols, addBulkSymbols, addWarpgroupSymbols, addTensorSymbols})
    add(symbols);
  return symbols;
}

} // namespace mlir::lowbit::sim
