//===- MatmulSchedule.h - one way to compute a product on a GPU -----------===//
//
// A schedule is one file in lib/GPU and one line in `getMatmulSchedules`. It says what it can do, what that would cost, and writes the
// kernel and its launch.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_GPU_MATMULSCHEDULE_H
#define LOWBIT_GPU_MATMULSCHEDULE_H

#include "lowbit/GPU/MatmulKernel.h"
#include "lowbit/Targets/GPUArchitecture.h"

namespace mlir::lowbit {

/// A schedule with its numbers chosen: what one kernel is made by. The text of `getName` tells two of them apart.
class MatmulPlan {
public:
  virtual ~MatmulPlan();
  /// Part of the kernel's name, such as `mma_128x128x64x4`.
  virtual std::string getName() const = 0;
  /// Microseconds that the problem would take on the usual card, roughly: plans are compared by it.
  virtual double estimate() const = 0;
  /// Whether it multiplies by a matrix unit. A plan that does not is the next best, taken where no other fits.
  virtual bool usesMatrixUnit() const { return true; }
  virtual unsigned getThreads() const = 0;
  virtual unsigned getSharedBytes() const = 0;
  /// Types of the arguments that follow those of `MatmulArguments`, and their attributes.
  virtual SmallVector<std::pair<Type, DictionaryAttr>> getExtraArguments(MLIRContext *) const { return {}; }
  /// Fills the body of `kernel`, up to the gpu.return, which is there already; `b` is before it.
  virtual void emit(KernelBuilder &b, gpu::GPUFuncOp kernel) const = 0;
  /// Host side: the number of blocks (i32) for `arguments`, and values of the extra arguments.
  struct Launch {
    Value blocks;
    SmallVector<Value> extra;
  };
  virtual Launch buildLaunch(KernelBuilder &b, const MatmulArguments &arguments) const = 0;
};

using MatmulPlans = SmallVector<std::unique_ptr<MatmulPlan>>;

/// Of a product: the name of the only plan to take.
constexpr StringLiteral planAttr = "lowbit.plan";

/// Which plans are asked for; all where empty. Tests ask for one.
struct PlanFilter {
  StringRef schedule; ///< A schedule's name.
  StringRef plan;     ///< A plan's name.
};

class MatmulSchedule {
public:
  virtual ~MatmulSchedule();
  virtual StringRef getName() const = 0;
  /// All plans of this schedule for the kernel, which outlives them; none, and why in `obstacle`, when there are none.
  virtual MatmulPlans plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacle) const = 0;
};

/// All schedules.
ArrayRef<const MatmulSchedule *> getMatmulSchedules();

/// All plans that are asked for, schedule by schedule. Every obstacle of a schedule is in `obstacles`.
MatmulPlans listMatmulPlans(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacles,
                            PlanFilter filter = {});

/// The cheapest plan of those with a matrix unit, or else of all; null where none fits. Every obstacle of a schedule is in `obstacles`.
std::unique_ptr<MatmulPlan> planMatmul(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacles,
                                       PlanFilter filter = {});

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_MATMULSCHEDULE_H
