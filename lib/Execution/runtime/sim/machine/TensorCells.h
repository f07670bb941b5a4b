//===- TensorCells.h - tensor memory of a block, and who uses it ----------===//
//
// A product is computed when a thread waits for an mbarrier that counts it, and a load is done when its warp waits for it. A column
// remembers the last product that wrote it and the warps that have read it since.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_SIM_MACHINE_TENSORCELLS_H
#define LOWBIT_SIM_MACHINE_TENSORCELLS_H

#include "Clocks.h"
#include "Queues.h"
#include "lowbit/Execution/Sim/TensorMemory.h"

namespace mlir::lowbit::sim {

/// Registers of a lane that tcgen05.ld fills, where lowered kernels keep them.
struct TensorRegisters {
  uint32_t isThere; ///< Whether the load was waited for.
  uint32_t values[1];
};

/// One tcgen05.mma.
struct TensorWork {
  const Site *site;
  uint32_t thread;
  TensorProduct product;
  uint64_t a, b;
  uint32_t address;
  bool accumulates;
};

/// One tcgen05.ld of a warp.
struct TensorLoad {
  TensorShape shape;
  uint32_t address, registers;
  TensorRegisters *lanes[kLanes];
};

class TensorCells {
public:
  /// Stands for a time that has not come: of a load that its warp has not waited for, or has, but no fence says so.
  static constexpr uint32_t kPending = ~0u, kWaited = ~0u - 1;

  struct Column {
    bool isAllocated = false;
    const Site *writer = nullptr; ///< Null: nothing has written it.
    uint32_t number = 0;          ///< Of the product that did.
    std::vector<Stamp> reads;     ///< Since then, one a warp.
  };
  struct Range {
    uint32_t begin, columns;
    const Site *site;
  };

  void reset(uint32_t begin) {
    if (!cells.empty()) {
      for (Column &column : columns)
        column = Column();
      std::fill(cells.begin(), cells.end(), kUnknown);
    }
    ranges.clear();
    isRelinquished = false;
    issuer = ~0u;
    products.reset(begin);
  }
  /// The first columns of so many that are free, from the last ones on, so that nobody takes 0 for granted; null when there are none.
  const Range *allocate(const Site *site, uint32_t count) {
    if (cells.empty()) {
      cells.assign(kTensorLanes * kTensorColumns, kUnknown);
      columns.resize(kTensorColumns);
    }
    for (uint32_t end = kTensorColumns; end >= count; end -= kTensorUnit) {
      bool isFree = true;
      for (uint32_t i = end - count; i < end; ++i)
        isFree &= !columns[i].isAllocated;
      if (!isFree)
        continue;
      for (uint32_t i = end - count; i < end; ++i)
        columns[i].isAllocated = true;
      ranges.push_back({end - count, count, site});
      return &ranges.back();
    }
    return nullptr;
  }
  void release(uint32_t begin, uint32_t count) {
    for (uint32_t i = begin; i < begin + count; ++i)
      columns[i] = Column();
    ranges.erase(std::find_if(ranges.begin(), ranges.end(), [&](const Range &range) { return range.begin == begin; }));
  }
  bool holds(uint32_t begin, uint32_t count) const {
    for (uint32_t i = begin; i < begin + count; ++i)
      if (i >= columns.size() || !columns[i].isAllocated)
        return false;
    return true;
  }

  static constexpr uint32_t kUnknown = 0xAAAAAAAA;
  std::vector<uint32_t> cells; ///< By lanes, then columns; empty until something is allocated.
  std::vector<Column> columns;
  std::vector<Range> ranges;
  bool isRelinquished = false;
  uint32_t issuer = ~0u; ///< The thread whose products these are.
  GroupQueue<TensorWork> products;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_TENSORCELLS_H
