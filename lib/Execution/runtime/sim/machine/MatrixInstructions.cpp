//===- MatrixInstructions.cpp - ldmatrix, stmatrix ------------------------===//
// Law: eight rows of a matrix are read at once from all banks where no two of them lie in the same; each further row of a bank costs as
// much again, and is counted.

#include "Block.h"
#include "Instructions.h"
#include "lowbit/Execution/Sim/Matrix.h"
#include <algorithm>

using namespace mlir::lowbit::sim;

namespace {
struct MatrixFrame {
  void *row;
  uint32_t *registers;
};
} // namespace

static void countPhases(Block &block, const void *const *rows, unsigned matrices) {
  for (unsigned m = 0; m < matrices; ++m) {
    uint8_t users[8] = {};
    for (unsigned i = 0; i < 8; ++i) {
      const auto row = reinterpret_cast<uintptr_t>(rows[8 * m + i]) / 16;
      bool isNew = true; // a row that two lanes name is read once
      for (unsigned j = 0; j < i; ++j)
        isNew &= rows[8 * m + j] != rows[8 * m + i];
      users[row % 8] += isNew;
    }
    block.counts.matrixPhases += *std::max_element(users, users + 8);
  }
  block.counts.matrices += matrices;
}

static void moveMatrices(const Site *site, void *row, uint32_t *registers, uint32_t matrices, uint32_t transposed, bool isStore) {
  Block &block = running();
  MatrixFrame frame{row, registers};
  block.meetWarp(site, ~0u, &frame, [&](MatrixFrame *const *frames) {
    const uint32_t warp = block.thread().index / kLanes, first = warp * kLanes, agent = block.clocks.warp(warp);
    void *rows[kLanes];
    uint32_t *lanes[kLanes];
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      rows[lane] = frames[lane]->row;
      lanes[lane] = frames[lane]->registers;
    }
    for (unsigned lane = 0; lane < 8 * matrices; ++lane) {
      if (reinterpret_cast<uintptr_t>(rows[lane]) % 16)
        block.stop(Finding::Misaligned, site,
                   "the row of lane " + std::to_string(lane) + " is at " + std::to_string(block.arena.toShared(rows[lane])) +
                       ", no multiple of 16");
      // A load is the whole warp's: who of it says later that it is done says so for all.
      const Access access = isStore ? Access{site, first + lane, first + lane, block.clocks.getTime(first + lane), true}
                                    : Access{site, first + lane, agent, block.clocks.getTime(agent), false};
      block.accessShared(access, rows[lane], 16);
    }
    countPhases(block, rows, matrices);
    block.check(site, isStore ? storeMatrix(matrices, transposed, rows, lanes) : loadMatrix(matrices, transposed, rows, lanes));
  });
}

extern "C" {
static void lowbit_sim_load_matrix(const Site *site, void *row, uint32_t *registers, uint32_t matrices, uint32_t transposed) {
  moveMatrices(site, row, registers, matrices, transposed, /*isStore=*/false);
}

static void lowbit_sim_store_matrix(const Site *site, void *row, uint32_t *registers, uint32_t matrices, uint32_t transposed) {
  moveMatrices(site, row, registers, matrices, transposed, /*isStore=*/true);
}
}

void mlir::lowbit::sim::addMatrixSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_load_matrix);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_store_matrix);
}
