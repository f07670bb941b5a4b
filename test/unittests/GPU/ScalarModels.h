//===- ScalarModels.h - the model of an instruction by its name -----------===//
#ifndef LOWBIT_UNITTESTS_GPU_SCALARMODELS_H
#define LOWBIT_UNITTESTS_GPU_SCALARMODELS_H

#include "mlir/Support/LLVM.h"
#include <functional>

namespace mlir::lowbit::unittest {

using Operands3 = ArrayRef<uint32_t>; // one to three words
using ScalarModel = std::function<uint32_t(Operands3)>;

/// The model of an instruction whose name was cut at its dots; empty where there is none.
ScalarModel getIntegerModel(ArrayRef<StringRef> pieces);
ScalarModel getFloatModel(ArrayRef<StringRef> pieces);

/// How far the GPU may be from the exact value: units in the last place, or an absolute error where that is more. Nothing when it
/// does not approximate.
struct Bound {
  double units = 0, absolute = 0;
};
Bound getBound(ArrayRef<StringRef> pieces);

/// Are results (pairs for 16-bit ones) as near as that? Infinities and NaN must be the same.
bool isNear(ArrayRef<StringRef> pieces, uint32_t got, uint32_t want, Bound bound);

} // namespace mlir::lowbit::unittest

#endif // LOWBIT_UNITTESTS_GPU_SCALARMODELS_H
