//===- Schedules.h - the schedules there are ------------------------------===//
#ifndef LOWBIT_LIB_GPU_SCHEDULES_H
#define LOWBIT_LIB_GPU_SCHEDULES_H

#include "lowbit/GPU/MatmulSchedule.h"

namespace mlir::lowbit {

const MatmulSchedule &getMmaSyncSchedule();
const MatmulSchedule &getWarpgroupSchedule();
const MatmulSchedule &getTcgen05Schedule();
const MatmulSchedule &getSmallMmaSchedule();
const MatmulSchedule &getMfmaSchedule();
const MatmulSchedule &getDp4aSchedule();
const MatmulSchedule &getFmaSchedule();

/// Why the sides cannot be taken as they are, by loads that need rows to begin at multiples of so many bytes; empty where they can. Of
/// ldmatrix and of bulk copies it is 16.
std::string getSideObstacle(const MatmulKernel &kernel, unsigned rowAlignment = 16, bool takesFloats = false, bool takesWindows = false,
                            bool takesGroups = false);

/// The cheapest of the plans, one for each of `tiles`, that have that name, where one is given, and the shared memory that there is; null,
/// and why in `obstacle`, where none has.
template <typename Plan, typename Tiles>
std::unique_ptr<MatmulPlan> findCheapest(const Tiles &tiles, const MatmulKernel &kernel, const GPUArchitecture &architecture,
                                         StringRef name, std::string &obstacle) {
  std::unique_ptr<MatmulPlan> best;
  for (const auto &tile : tiles) {
    auto plan = std::make_unique<Plan>(kernel, architecture, tile);
    bool isMeant = name.empty() || plan->getName() == name;
    if (isMeant && plan->getSharedBytes() <= architecture.maxSharedBytes && (!best || plan->estimate() < best->estimate()))
      best = std::move(plan);
  }
  if (!best)
    obstacle = "no tile fits" + (name.empty() ? "" : " the name `" + name.str() + "`");
  return best;
}

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_SCHEDULES_H
