//===- MatmulSchedule.cpp - which way to compute a product ----------------===//

#include "Schedules.h"

namespace mlir::lowbit {

MatmulPlan::~MatmulPlan() = default;
MatmulSchedule::~MatmulSchedule() = default;

ArrayRef<const MatmulSchedule *> getMatmulSchedules() {
  static const MatmulSchedule *const all[] = {&getMmaSyncSchedule(), &getWarpgroupSchedule(), &getTcgen05Schedule(), &getSmallMmaSchedule(),
                                              &getMfmaSchedule(),    &getDp4aSchedule(),      &getFmaSchedule()};
  return all;
}

std::string getSideObstacle(const MatmulKernel &kernel, unsigned rowAlignment, bool takesFloats, bool takesWindows, bool takesGroups) {
  if (kernel.lhs.windows.isThere() && !takesWindows)
    return "rows are windows of an image";
  if (kernel.group != 0 && !takesGroups)
    return "scales change along the reduction";
  if (kernel.hasFloats() && !takesFloats)
    return "sides are of floats";
  if (kernel.lhs.width != kernel.rhs.width || (kernel.lhs.width != 8 && kernel.lhs.width != 1))
    return "sides are neither both of bytes nor both of bits";
  if (kernel.depthAlignment < rowAlignment)
    return "rows do not begin at multiples of " + std::to_string(rowAlignment) + " bytes";
  return "";
}

/// Matrix units first, whatever the estimates of the others say.
static std::pair<bool, double> rank(const MatmulPlan &plan) { return {!plan.usesMatrixUnit(), plan.estimate()}; }

MatmulPlans listMatmulPlans(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacles, PlanFilter filter) {
  MatmulPlans all;
  bool isKnown = false;
  for (const MatmulSchedule *schedule : getMatmulSchedules()) {
    if (!filter.schedule.empty() && schedule->getName() != filter.schedule)
      continue;
    isKnown = true;
    std::string obstacle, names;
    size_t before = all.size();
    MatmulPlans plans = schedule->plan(kernel, architecture, obstacle);
    for (std::unique_ptr<MatmulPlan> &plan : plans) {
      std::string name = plan->getName();
      names += (names.empty() ? "`" : ", `") + name + "`";
      if (filter.plan.empty() || filter.plan == name)
        all.push_back(std::move(plan));
    }
    if (all.size() != before)
      continue;
    if (obstacle.empty())
      obstacle = "no tile fits the name `" + filter.plan.str() + "`; expected one of " + names;
    obstacles += (obstacles.empty() ? "" : "; ") + schedule->getName().str() + ": " + obstacle;
  }
  if (!isKnown)
    obstacles = "there is no schedule `" + filter.schedule.str() + "`";
  return all;
}

std::unique_ptr<MatmulPlan> planMatmul(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacles,
                                       PlanFilter filter) {
  MatmulPlans all = listMatmulPlans(kernel, architecture, obstacles, filter);
  auto best = llvm::min_element(all, [](const auto &one, const auto &other) { return rank(*one) < rank(*other); });
  return best == all.end() ? nullptr : std::move(*best);
}

} // namespace mlir::lowbit
