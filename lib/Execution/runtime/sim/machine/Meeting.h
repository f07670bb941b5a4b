//===- Meeting.h - lanes that wait for each other -------------------------===//
#ifndef LOWBIT_SIM_MACHINE_MEETING_H
#define LOWBIT_SIM_MACHINE_MEETING_H

#include "lowbit/Execution/Sim/Machine.h"
#include "lowbit/Execution/Sim/WarpgroupMma.h"

namespace mlir::lowbit::sim {

/// Lanes that have come to one instruction, each with a frame: the addresses of its registers.
template <unsigned kSize> struct Meeting {
  const Site *site = nullptr;
  uint32_t mask = 0, arrived = 0;
  void *frames[kSize];
};

/// Those of a warp; lanes of different masks meet apart.
template <unsigned kSize> class Meetings {
public:
  Meeting<kSize> *find(uint32_t mask) {
    for (Meeting<kSize> &meeting : meetings)
      if (meeting.mask == mask)
        return &meeting;
    for (Meeting<kSize> &meeting : meetings)
      if (!meeting.arrived) {
        meeting.mask = mask;
        return &meeting;
      }
    meetings.emplace_back();
    meetings.back().mask = mask;
    return &meetings.back();
  }
  /// The one that waits for one of `lanes`, or null.
  const Meeting<kSize> *findWaiting(uint32_t lanes) const {
    for (const Meeting<kSize> &meeting : meetings)
      if (meeting.arrived && (meeting.mask & lanes))
        return &meeting;
    return nullptr;
  }
  void clear() { meetings.clear(); }

private:
  std::vector<Meeting<kSize>> meetings;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_MEETING_H
