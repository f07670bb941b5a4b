//===- Machine.h - runs kernels that were compiled for the host -----------===//
//
// `lowbit-lower-gpu-to-sim` makes of a kernel a function that one thread of a block runs. Here the threads of a block are fibers that
// take turns: what a warp does together is done by its last lane to arrive, and copies that a kernel did not wait for have not happened.
// Every access to memory, every wait and every fence is followed, so that what a GPU would do wrong only sometimes is found always.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_SIM_MACHINE_H
#define LOWBIT_EXECUTION_SIM_MACHINE_H

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mlir::lowbit::sim {

/// A place in a kernel's code. Two places have two of these, even where their text is the same.
struct Site {
  const char *operation, *location;
};

/// What a launch names. `run` takes the addresses of the kernel's arguments.
struct Kernel {
  void (*run)(void **parameters);
  const char *name;
};

/// Which thread goes on when one has to wait: the next, the one before, or any.
enum class Order : uint8_t { Ring, Reverse, Random };

struct MachineOptions {
  Order order = Order::Ring;
  uint64_t seed = 1;           ///< Of Order::Random.
  bool followsAccesses = true; ///< Without it neither races nor accesses out of bounds are found; a third faster.
  bool countsBanks = false;    ///< Counts plain accesses to shared memory, too.
  bool stopsEarly = false;     ///< Does not go on after the first finding.
};

struct Finding {
  enum Kind : uint8_t { Race, InFlight, Unfenced, Deadlock, Divergence, OutOfBounds, Misaligned, Illegal };
  Kind kind;
  std::string text;   ///< The kernel, the operation with its location, block and thread, and what is wrong.
  uint64_t times = 1; ///< At this site.
};

/// Counted over launches.
struct MachineCounts {
  uint64_t blocks = 0, switches = 0;
  uint64_t matrices = 0, matrixPhases = 0; ///< 8x8 matrices by ldmatrix and stmatrix, and times that the banks were read for them.
  uint64_t accesses = 0, accessPhases = 0; ///< As many lanes as banks can serve at once, and times that the banks were needed for them.
};

/// Memory that kernels may use: begin and size. Empty: all of it.
using MemoryRanges = std::vector<std::pair<const uint8_t *, uint64_t>>;

class Machine {
public:
  Machine();
  ~Machine();

  /// Runs every block of the grid, one after the other. False when something was found that stops a GPU; the rest was not run then.
  bool launch(const Kernel &kernel, const uint32_t (&grid)[3], const uint32_t (&block)[3], uint32_t sharedBytes, void **parameters,
              const MachineOptions &options = {}, const MemoryRanges *memory = nullptr);

  std::vector<Finding> takeFindings();
  const MachineCounts &getCounts() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

/// The functions that lowered kernels call, by name.
std::vector<std::pair<const char *, void *>> getMachineSymbols();

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_MACHINE_H
