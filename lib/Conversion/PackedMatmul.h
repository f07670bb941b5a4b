//===- PackedMatmul.h - a contraction as linalg over split axes -----------===//
#ifndef LOWBIT_LIB_CONVERSION_PACKEDMATMUL_H
#define LOWBIT_LIB_CONVERSION_PACKEDMATMUL_H

#include "lowbit/Transforms/MatmulForm.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// Marks the ops that `convert-lowbit-to-vector` takes.
inline constexpr StringLiteral vectorizeAttrName = "lowbit.vectorize";

/// Builds a matmul in the packed form. Its loops are those of the result in order, rows and columns split in two, then the reduction split
/// in two. Where an axis is padded, codes are zero.
class PackedMatmul {
public:
  PackedMatmul(RewriterBase &rewriter, ContractOp op, const MatmulForm &form, QuantTargetAttrInterface target, const RegisterTile &tile);

  /// Builds the three ops below and returns what replaces the contraction.
  Value build();

  linalg::GenericOp start;    ///< What accumulators start from.
  linalg::GenericOp dots;     ///< Sums of products.
  linalg::GenericOp consumer; ///< Scales and epilogue.

  Location getLoc() const { return loc; }
  /// Tile sizes (0: whole) and order of the loops of `consumer`.
  SmallVector<OpFoldResult> getTileSizes() const;
  SmallVector<int64_t> getLoopOrder() const;
  /// Tile sizes of `dots` that leave one group of the reduction.
  SmallVector<OpFoldResult> getReductionTileSizes() const;

private:
  /// The packed loops of a loop: one, or two when it is split in tiles.
  struct Split {
    unsigned outer;
    bool isSplit;
    int64_t size, tile, padded;
  };
  /// A value and its map from loops, of the contraction or packed.
  struct Operand {
    Value value;
    AffineMap map;
  };
  using BodyBuilder = function_ref<Value(OpBuilder &, Location, ValueRange)>;

  void splitLoops();
  AffineMap makeMap(ArrayRef<AffineExpr> exprs) const;
  Value pad(Value value, ArrayRef<int64_t> shape);
  /// Splits the axes of codes.
  Operand splitAxes(Operand operand);
  /// Splits the axes of an elementwise operand and gives it the rank of the packed result, with axes of size one where it does not vary.
  Operand splitLikeResult(Operand operand);
  Operand dropConstantAxes(Operand operand);
  Operand getScaleLike(Value scales, AffineMap codes, SchemeAttr scheme);

  Operand prepareLhs();
  Operand prepareRhs();
  Value getPackedWeights();
  Operand sumAlongReduction(Operand codes, bool isSigned, int64_t factor);
  Operand sumColumns(int64_t factor);
  Operand sumConstantColumns(Value packed, ArrayRef<char> bytes, int64_t factor);

  linalg::GenericOp buildGeneric(ArrayRef<Operand> inputs, Operand init, bool hasReduction, BodyBuilder body);
  Operand buildEmpty(Type elementType);
  void buildStart();
  void buildDots();
  void buildConsumer();
  Value buildElement(OpBuilder &b, Location at, ValueRange elements);

  RewriterBase &rewriter;
  ContractOp op;
  Location loc;
  MatmulForm form;
  QuantTargetAttrInterface target;
  RegisterTile tile;
  DotProduct dot;
  SmallVector<Split> splits; ///< By loop of the contraction.
  unsigned numParallel = 0;  ///< Packed loops that are not the reduction's.
  Operand lhs, rhs;          ///< Prepared codes by loops of the contraction (right: null value when packed), then packed.
  Operand packedLhs, packedRhs;
  bool isLhsSigned = true; ///< How prepared left codes extend.
  int64_t offset = 0;      ///< What prepared left codes are above the given ones.
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_PACKEDMATMUL_H
