//===- Schedules.h - the schedules there are ------------------------------===//
#ifndef LOWBIT_LIB_GPU_SCHEDULES_H
#define LOWBIT_LIB_GPU_SCHEDULES_H

#include "lowbit/GPU/MatmulSchedule.h"

namespace mlir::lowbit {

const MatmulSchedule &getMmaSyncSchedule();
const MatmulSchedule &getWarpgroupSchedule();

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_SCHEDULES_H
