//===- Machine.cpp - runs all blocks of a launch --------------------------===//
#include "lowbit/Execution/Sim/Machine.h"
#include "Block.h"

namespace mlir::lowbit::sim {

struct Machine::State {
  Block block;
};

Machine::Machine() : state(new State()) {}
Machine::~Machine() = default;

static std::string checkShape(const Kernel &kernel, const uint32_t (&block)[3], uint32_t sharedBytes) {
  const uint64_t threads = uint64_t(block[0]) * block[1] * block[2];
  std::string name = "kernel `" + std::string(kernel.name) + "`: ";
  if (threads == 0 || threads > Block::kMaxThreads)
    return name + std::to_string(threads) + " threads in a block; expected 1 to " + std::to_string(Block::kMaxThreads);
  if (sharedBytes > Arena::kMost)
    return name + std::to_string(sharedBytes) + " bytes of shared memory; a block has at most " + std::to_string(Arena::kMost);
  return {};
}

bool Machine::launch(const Kernel &kernel, const uint32_t (&grid)[3], const uint32_t (&block)[3], uint32_t sharedBytes, void **parameters,
                     const MachineOptions &options, const MemoryRanges *memory) {
  Block &machine = state->block;
  std::string obstacle = checkShape(kernel, block, sharedBytes);
  if (obstacle.empty() && !machine.prepare(grid, block, sharedBytes, parameters, options, memory))
    obstacle = "kernel `" + std::string(kernel.name) + "`: the system has no memory for the stacks of its threads";
  if (!obstacle.empty()) {
    machine.reports.add(Finding::Illegal, nullptr, std::move(obstacle));
    return false;
  }
  for (uint32_t z = 0; z < grid[2]; ++z)
    for (uint32_t y = 0; y < grid[1]; ++y)
      for (uint32_t x = 0; x < grid[0]; ++x)
        if (!machine.run(kernel, {x, y, z}) || (options.stopsEarly && machine.reports.any()))
          return false;
  return true;
}

std::vector<Finding> Machine::takeFindings() { return state->block.reports.take(); }
const MachineCounts &Machine::getCounts() const { return state->block.counts; }

} // namespace mlir::lowbit::sim
