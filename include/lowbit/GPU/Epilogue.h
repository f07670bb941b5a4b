//===- Epilogue.h - from accumulators in registers to results in memory ---===//
#ifndef LOWBIT_GPU_EPILOGUE_H
#define LOWBIT_GPU_EPILOGUE_H

#include "lowbit/GPU/Fragments.h"
#include "lowbit/GPU/MatmulKernel.h"

namespace mlir::lowbit {

/// Takes an element, or a vector of neighbours in a row, of the result of that number; `place` is relative to the lane's own, as in the
/// tile. Called for elements outside, too, which are then of no use: what takes them is not to store those.
using ResultWriter = function_ref<void(unsigned result, TilePlace place, Value value)>;

/// Computes the epilogue for every accumulator of the lane and stores the results (or gives them to `write`), masked at the borders of the
/// result. Row and column operands are read once a lane for each row and column that it has; what is read outside is read at the border
/// instead, so that only stores are masked. Where `columnAlignment` allows, neighbours in a row are loaded and stored together.
void emitEpilogue(KernelBuilder &b, const MatmulKernel &kernel, const MatmulArguments &arguments, const AccumulatorTile &tile,
                  ResultWriter write = nullptr);

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_EPILOGUE_H
