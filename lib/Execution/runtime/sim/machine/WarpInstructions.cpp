//===- WarpInstructions.cpp - shuffles, votes, reductions -----------------===//
#include "Block.h"
#include "Instructions.h"
#include "lowbit/Execution/Sim/Warp.h"

using namespace mlir::lowbit::sim;

namespace {
struct ExchangeFrame {
  uint32_t *in, *out;
};
} // namespace

/// Meets the lanes of the mask and does operation(registers in, registers out).
template <typename Operation> static void exchange(const Site *site, uint32_t mask, uint32_t *in, uint32_t *out, Operation operation) {
  ExchangeFrame frame{in, out};
  running().meetWarp(site, mask, &frame, [&](ExchangeFrame *const *frames) {
    const uint32_t *reads[kLanes] = {};
    uint32_t *writes[kLanes] = {};
    for (unsigned lane = 0; lane < kLanes; ++lane)
      if (mask >> lane & 1) {
        reads[lane] = frames[lane]->in;
        writes[lane] = frames[lane]->out;
      }
    operation(reads, writes);
  });
}

extern "C" {
/// in: value, offset, clamp and segment mask; out: value and whether the source was in range.
static void lowbit_sim_shuffle(const Site *site, uint32_t mask, uint32_t mode, uint32_t *in, uint32_t *out) {
  exchange(site, mask, in, out, [&](Reads reads, Writes writes) { shuffle(static_cast<Shuffle>(mode), mask, reads, writes); });
}

static void lowbit_sim_vote(const Site *site, uint32_t mask, uint32_t mode, uint32_t *in, uint32_t *out) {
  exchange(site, mask, in, out, [&](Reads reads, Writes writes) { vote(static_cast<Vote>(mode), mask, reads, writes); });
}

static void lowbit_sim_reduce(const Site *site, uint32_t mask, uint32_t operation, uint32_t *in, uint32_t *out) {
  exchange(site, mask, in, out, [&](Reads reads, Writes writes) { reduce(static_cast<Reduction>(operation), mask, reads, writes); });
}

/// out: the lanes with the same value; with `all` that mask or 0, and whether all have it.
static void lowbit_sim_match(const Site *site, uint32_t mask, uint32_t all, uint32_t *in, uint32_t *out) {
  exchange(site, mask, in, out, [&](Reads reads, Writes writes) { all ? matchAll(mask, reads, writes) : matchAny(mask, reads, writes); });
}

/// out: the lane that was chosen, and whether it is this one.
static void lowbit_sim_elect(const Site *site, uint32_t mask, uint32_t *out) {
  exchange(site, mask, out, out, [&](Reads, Writes writes) { elect(mask, writes); });
}
}

void mlir::lowbit::sim::addWarpSymbols(Symbols &symbols) {
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_shuffle);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_vote);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_reduce);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_match);
  LOWBIT_SIM_SYMBOL(symbols, lowbit_sim_elect);
}
