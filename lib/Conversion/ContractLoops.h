//===- ContractLoops.h - the loops that a contraction lowers to -----------===//
#ifndef LOWBIT_LIB_CONVERSION_CONTRACTLOOPS_H
#define LOWBIT_LIB_CONVERSION_CONTRACTLOOPS_H

#include "lowbit/Conversion/BlockView.h"

namespace mlir::lowbit {

/// One side of a contraction.
struct ContractSide {
  Value codes, scales, zeros;
  SchemeAttr scheme;
  AffineMap map;

  static ContractSide getLhs(ContractOp op);
  static ContractSide getRhs(ContractOp op);
};

/// A value and its map from the lowered loops.
struct MappedValue {
  Value value;
  AffineMap map;
};

/// The loops of the lowered form: parallel ones in the order of the result, then blocks of reductions (along which scales change),
/// then what is within a block. A reduction in blocks of 32 is split in two; so are the axes of operands that it runs along.
class ContractLoops {
public:
  ContractLoops(OpBuilder &builder, ContractOp op);

  unsigned getNumParallel() const { return numParallel; }
  unsigned getNumBlocks() const { return numBlocks; }
  /// Parallel loops and blocks: the loops of dots.
  unsigned getNumDotLoops() const { return numParallel + numBlocks; }
  unsigned getNumLoops() const { return numLoops; }
  /// An uninitialized tensor with an element for each step of the first `loops` loops, at most those of dots.
  Value buildEmpty(unsigned loops, Type elementType);

  /// The codes of a side, from all loops.
  MappedValue buildCodes(const ContractSide &side);
  /// `scales`, or zero points, of a side, without the axes that all elements share, from all loops.
  MappedValue buildScales(const ContractSide &side, Value scales);
  /// The map of an operand of the epilogue, from the parallel loops.
  AffineMap getEpilogueMap(AffineMap map) const;

private:
  AffineExpr getDim(unsigned dim) const { return getAffineDimExpr(dim, builder.getContext()); }
  void appendParallel(ContractOp op);
  void appendReductions(ContractOp op);

  OpBuilder &builder;
  Location loc;
  unsigned numParallel = 0, numBlocks = 0, numLoops = 0;
  SmallVector<int64_t> blocks;        ///< Of each loop of the op; 0 where it is whole.
  SmallVector<AffineExpr> positions;  ///< Each loop of the op in terms of the lowered ones.
  SmallVector<AffineExpr> outer;      ///< Which block a loop in blocks is at.
  SmallVector<OpFoldResult> dotSizes; ///< Of the parallel loops and the blocks.
};

/// The first `loops` loops as the results of a map from `numLoops`.
AffineMap getLeadingMap(MLIRContext *context, unsigned numLoops, unsigned loops);
/// `map`, which uses no other loops, as a map from the first `loops`.
AffineMap restrictMap(AffineMap map, unsigned loops);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_CONTRACTLOOPS_H
