//===- Fragments.cpp - registers of a warp as matrices --------------------===//
#include "lowbit/Execution/Sim/Fragments.h"
#include <cstring>

namespace mlir::lowbit::sim {

Operands::Operands(Reads aLanes, Reads bLanes, unsigned rows, unsigned rowBytes) {
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    const unsigned registers = rows / 8 * rowBytes / 16;
    for (unsigned i = 0; i < registers; ++i) {
      const unsigned r = rows == 8 ? 2 * i : i;
      std::memcpy(&a[rowOfA(lane, r)][4 * wordOfA(lane, r)], &aLanes[lane][i], 4);
    }
    for (unsigned i = 0; i < rowBytes / 16; ++i)
      std::memcpy(&b[rowOfB(lane, i)][4 * wordOfB(lane, i)], &bLanes[lane][i], 4);
  }
}

} // namespace mlir::lowbit::sim
