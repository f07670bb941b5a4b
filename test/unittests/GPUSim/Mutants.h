//===- Mutants.h - a kernel with one thing wrong --------------------------===//
#ifndef LOWBIT_UNITTESTS_MUTANTS_H
#define LOWBIT_UNITTESTS_MUTANTS_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit::unittest {

/// One way to make a kernel wrong.
struct Change {
  enum Group : uint8_t {
    Order,  ///< A barrier, fence, wait or commit less, a wait for less, another parity or count, another instruction.
    Stride, ///< Another factor, shift, mask or divisor of what becomes an address.
    Offset  ///< Another distance from an address, another pitch, no swizzle.
  } group;
  std::string kind; ///< Which op, and what is another about it.
};

/// All ways that there are to make a kernel of `module` wrong.
std::vector<Change> listChanges(ModuleOp module, StringRef kernel);

/// Makes the `index`th of them. Says which; empty when there are no more.
std::string mutate(ModuleOp module, StringRef kernel, unsigned index);

/// The numbers of some: of each kind of strides and of offsets so many, drawn by `seed` (0: all); all others.
std::vector<unsigned> drawMutants(ArrayRef<Change> changes, unsigned strides, unsigned offsets, uint64_t seed);

} // namespace mlir::lowbit::unittest

#endif // LOWBIT_UNITTESTS_MUTANTS_H
