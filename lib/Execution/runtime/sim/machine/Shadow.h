//===- Shadow.h - who accessed which byte last ----------------------------===//
#ifndef LOWBIT_SIM_MACHINE_SHADOW_H
#define LOWBIT_SIM_MACHINE_SHADOW_H

#include "Clocks.h"

namespace mlir::lowbit::sim {

/// How memory is accessed, by whom.
struct Access {
  const Site *site;
  unsigned thread; ///< What it has seen decides.
  unsigned agent;  ///< Who is said to have done it, at `clock`.
  uint32_t clock;
  bool isWrite;
  bool isAsync = false; ///< By the asynchronous proxy: it sees of ordinary writes only what was fenced.
};

/// Two accesses of which one is a write, and neither happened before the other.
struct Conflict {
  Stamp other;
  uint64_t place = 0; ///< Of the first byte that both accessed.
  bool otherIsWrite = false;
  bool isUnfenced = false; ///< In order, but without the fence between the proxies.
};

/// Shared memory. Sixteen bytes have one cell until something accesses a part of them.
class SharedShadow {
public:
  /// For so many bytes that nobody accessed.
  void reset(uint32_t bytes);

  /// Remembers the access to [offset, offset + bytes); says with what it conflicts, if it does.
  bool access(const Clocks &clocks, const Access &access, uint32_t offset, uint32_t bytes, Conflict &conflict);

private:
  static constexpr unsigned kGranule = 16, kReads = 3;
  struct Cell {
    Stamp write, reads[kReads];
  };
  static bool touch(const Clocks &clocks, const Access &access, Cell &cell, Conflict &conflict);
  Cell *split(uint32_t granule);

  std::vector<Cell> whole;
  std::vector<uint32_t> parts; // by granule: 1 + which sixteen cells of `bytes`; 0 where it is whole
  std::vector<Cell> bytes;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_SHADOW_H
