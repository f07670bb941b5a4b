//===- PackedMatmul.h - a contraction as linalg over split axes -----------===//
#ifndef LOWBIT_LIB_CONVERSION_PACKEDMATMUL_H
#define LOWBIT_LIB_CONVERSION_PACKEDMATMUL_H

#include "lowbit/Transforms/MatmulForm.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::lowbit {

/// Marks the ops that `convert-lowbit-to-vector` takes.
inline constexpr StringLiteral vectorizeAttrName = "lowbit.vectorize";

/// Builds a matmul in the packed form. Its loops are those of the result in order, rows and columns split in two, then those that the
/// reduction is split in: blocks that share scales (where scales change), groups, codes of a byte, depth of a dot product. Where an axis
/// is padded, codes are zero. Where rows are windows of an image, the reduction is split by the loops over the window, too, and left codes
/// stay in the image. Where codes are bits, the reduction is one loop over words of them, and accumulators count those that differ.
/// Where products are of floats, one element of the reduction (two where the target multiplies bf16 in pairs) is a group.
class PackedMatmul {
public:
  PackedMatmul(RewriterBase &rewriter, ContractOp op, const MatmulForm &form, QuantTargetAttrInterface target, const RegisterTile &tile);

  /// Builds the ops below and returns what replaces the contraction.
  Value build();

  linalg::GenericOp start;    ///< What accumulators start from: parallel loops and blocks.
  linalg::GenericOp dots;     ///< Sums of products of each block; it takes the right codes in bytes.
  linalg::GenericOp blockSum; ///< The sum over blocks; null where there are none.
  linalg::GenericOp consumer; ///< Scales and epilogue.

  /// Why the right codes cannot be read; empty when they can.
  StringRef getObstacle();

  Location getLoc() const { return loc; }
  /// Tile sizes (0: whole) and order of the loops of `consumer`.
  SmallVector<OpFoldResult> getTileSizes() const;
  SmallVector<int64_t> getLoopOrder() const;
  /// The loops of the reduction; none where it is not split so.
  struct ReductionLoops {
    std::optional<unsigned> block;
    unsigned tap; ///< The first of `numTaps` loops over the window.
    unsigned numTaps = 0;
    unsigned group;
    std::optional<unsigned> place;
    std::optional<unsigned> depth;
  };
  const ReductionLoops &getReduction() const { return reduction; }
  /// Windows that are read from an image.
  struct Windows {
    WindowView view;
    Value image;              ///< As dot products take it, its channels split as the reduction.
    SmallVector<int64_t> low; ///< By axis: elements of the border, which adds nothing and is not in `image`, before it.
    SmallVector<int64_t> high;
    bool hasBorder(unsigned axis) const { return low[axis] != 0 || high[axis] != 0; }
  };
  const std::optional<Windows> &getWindows() const { return windows; }
  /// The loop over the rows of a tile.
  unsigned getRowLoop() const { return splits[form.m].first + 1; }
  /// How codes come out of a byte of right codes; null when a byte is a code.
  PackingAttrInterface getPacking() const { return reduction.place ? packing : PackingAttrInterface(); }
  unsigned getRhsWidth() const { return rhsWidth; }

private:
  /// The packed loops of a loop, from `first` on: one, or several when it is split.
  struct Split {
    unsigned first;
    SmallVector<int64_t> sizes;
    int64_t size;
    int64_t getPadded() const { return ShapedType::getNumElements(sizes); }
  };
  /// A value and its map from loops, of the contraction or packed.
  struct Operand {
    Value value;
    AffineMap map;
  };
  using BodyBuilder = function_ref<Value(OpBuilder &, Location, ValueRange)>;

  void splitLoops();
  void splitReduction(function_ref<void(unsigned, ArrayRef<int64_t>)> split);
  AffineMap makeMap(ArrayRef<AffineExpr> exprs) const;
  Value pad(Value value, ArrayRef<int64_t> shape);
  /// Splits the axes of codes.
  Operand splitAxes(Operand operand);
  /// Splits the axes of an elementwise operand and gives it the rank of the packed result, with axes of size one where it does not vary.
  Operand splitLikeResult(Operand operand);
  /// The second half of that: an operand over packed loops.
  Operand expandLikeResult(Operand operand);
  Operand dropConstantAxes(Operand operand);
  Operand getScaleLike(Value scales, AffineMap codes, SchemeAttr scheme);

  void chooseSigns();
  /// Zero points of the left side, unless all are zero.
  Value getLhsZeros();
  /// Left codes with `axis`, the reduction, last, in the width and sign that the dot product takes.
  Value prepareCodes(Value codes, int64_t axis);
  Operand prepareLhs();
  /// `value` with `axis` last and each element as `body` makes it.
  Value buildWithLast(Value value, int64_t axis, Type elementType, BodyBuilder body);
  /// The map of the left side with the reduction last.
  AffineMap getLhsMapReductionLast();
  Operand prepareWindows();
  Value leaveOutBorder(Value image);
  Operand prepareLhsBits();
  Operand prepareRhsBits();
  Operand prepareLhsFloats();
  Operand prepareRhsFloats();
  Operand readPackedCodes(ArrayRef<AffineExpr> exprs);
  std::optional<Operand> packConstantFloats(ArrayRef<AffineExpr> exprs);
  Operand decodeRhs();
  Operand prepareRhs();
  /// The packed loops that right elements vary along, from the outermost.
  SmallVector<AffineExpr> getRhsLoops();
  Operand transposeRhs(ArrayRef<AffineExpr> exprs);
  /// What unpacks the right codes, if as this target packs them; and whether the sizes of the loops are those of the packed codes.
  UnpackOp getUnpack();
  bool isPackedAsSplit();
  /// The zero point that all right codes share, if it is one and known.
  std::optional<int64_t> getSplatZero();
  /// `factor` times the sums of codes along the reduction, of each block, in i32; of floats, in f32.
  Operand sumAlongReduction(Operand codes, bool isSigned, int64_t factor);
  Operand sumColumns(int64_t factor);
  Operand sumConstantColumns(ArrayRef<int64_t> packedShape, ArrayRef<char> bytes, int64_t factor);
  Operand buildPanels(Type elementType, StringRef name, ArrayRef<char> bytes);
  std::optional<Operand> buildScalePanels(Value scales, AffineMap codes);
  Value splitGroups(Value packed);

  /// A generic over the parallel loops and those of the reduction that `iterators` gives.
  linalg::GenericOp buildGeneric(ArrayRef<Operand> inputs, Operand init, ArrayRef<utils::IteratorType> reductions, BodyBuilder body);
  /// An undefined tensor in the shape of the packed result, with an axis for blocks if `hasBlocks`.
  Operand buildEmpty(Type elementType, bool hasBlocks);
  void buildBytes();
  void buildFloats();
  void buildStart();
  void buildDots();
  void buildFloatStart();
  void buildFloatDots();
  void buildDifferences();
  void buildBlockSum();
  void buildConsumer();
  Type getResultElementType();
  void appendScales(bool inBlocks, SmallVectorImpl<Operand> &inputs);
  Value buildElement(OpBuilder &b, Location at, ValueRange elements);

  RewriterBase &rewriter;
  ContractOp op;
  Location loc;
  MatmulForm form;
  QuantTargetAttrInterface target;
  RegisterTile tile;
  DotProduct dot;
  PackingAttrInterface packing; ///< Of the right codes; null when they are not packed.
  SmallVector<Split> splits;    ///< By loop of the contraction.
  unsigned numParallel = 0;     ///< Packed loops that are not the reduction's.
  unsigned rhsWidth;            ///< Bits of a right code.
  unsigned numLoops = 0;
  unsigned numWholeScales = 0; ///< Scales that multiply whole sums.
  ReductionLoops reduction;
  std::optional<Windows> windows;
  Operand lhs, rhs; ///< Prepared codes by loops of the contraction (right: null value when packed), then packed.
  Operand packedLhs, packedRhs;
  bool isLhsSigned = true, isRhsSigned = true; ///< How prepared codes extend.
  int64_t offset = 0;                          ///< What prepared left codes are above the given ones.
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_PACKEDMATMUL_H
