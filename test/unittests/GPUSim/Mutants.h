//===- Mutants.h - a kernel with one thing wrong --------------------------===//
#ifndef LOWBIT_UNITTESTS_MUTANTS_H
#define LOWBIT_UNITTESTS_MUTANTS_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit::unittest {

/// Changes the kernels of `module` in the `index`th of all ways that there are to make one wrong: a barrier, fence, wait or commit less,
/// a wait for less, another parity or count, a number of address arithmetic. Says which; empty when there are no more.
std::string mutate(ModuleOp module, unsigned index);

} // namespace mlir::lowbit::unittest

#endif // LOWBIT_UNITTESTS_MUTANTS_H
