//===- ReductionLoops.h - the loops over the reduction of a tile ----------===//
#ifndef LOWBIT_LIB_CONVERSION_REDUCTIONLOOPS_H
#define LOWBIT_LIB_CONVERSION_REDUCTIONLOOPS_H

#include "PackedMatmul.h"

namespace mlir::lowbit {

/// The ops of one tile of a matmul, between the loops over tiles.
struct MatmulTile {
  linalg::GenericOp start, dots, blockSum; ///< As in PackedMatmul.
};

/// Puts loops around the dot products of a tile: one over blocks, where scales change, and one over groups, in which every code of a byte
/// gets a dot product of its own. The ops of `tile` are replaced.
void buildReductionLoops(RewriterBase &rewriter, const PackedMatmul &matmul, const MatmulTile &tile);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_REDUCTIONLOOPS_H
