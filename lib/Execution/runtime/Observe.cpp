//===- Observe.cpp - what compiled code calls to be observed --------------===//
//
// Compiled code observes whole tensors, outside of parallel loops, in the thread that called it.
//
//===----------------------------------------------------------------------===//

#include "Observe.h"
#include "mlir/ExecutionEngine/CRunnerUtils.h"

namespace mlir::lowbit {

static thread_local Recorder *current = nullptr;

RecordingScope::RecordingScope(Recorder &recorder) : outer(std::exchange(current, &recorder)) {}
RecordingScope::~RecordingScope() { current = outer; }

/// `values` in row-major order, in `copy` unless they lie so already.
static ArrayRef<float> getRowMajor(::DynamicMemRefType<float> &values, std::vector<float> &copy) {
  size_t count = 1;
  bool ordered = true;
  for (int64_t axis = values.rank; axis-- > 0;) {
    ordered &= values.sizes[axis] == 1 || values.strides[axis] == static_cast<int64_t>(count);
    count *= values.sizes[axis];
  }
  if (ordered || count == 0)
    return {values.data + values.offset, count};
  copy.assign(values.begin(), values.end());
  return copy;
}

/// The C interface of `lowbit_observe(i64, memref<*xf32>)`.
static void observe(uint64_t site, ::UnrankedMemRefType<float> *unranked) {
  if (!current)
    return;
  ::DynamicMemRefType<float> values(*unranked);
  std::vector<float> copy;
  current->observe(site, getRowMajor(values, copy), ArrayRef(values.sizes, values.rank));
}

RuntimeSymbol getObserveSymbol() { return {"_mlir_ciface_lowbit_observe", reinterpret_cast<void *>(&observe)}; }

} // namespace mlir::lowbit
