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

/// The plans, one for each of `tiles`, for which there is shared memory; none, and why in `obstacle`, where there is for none of them.
template <typename Plan, typename Tiles>
MatmulPlans makePlans(const Tiles &tiles, const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacle) {
  MatmulPlans plans;
  for (const auto &tile : tiles)
    if (auto plan = std::make_unique<Plan>(kernel, architecture, tile); plan->getSharedBytes() <= architecture.maxSharedBytes)
      plans.push_back(std::move(plan));
  if (plans.empty())
    obstacle = "no tile fits";
  return plans;
}

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_SCHEDULES_H
