//===- PackWeights.cpp - constant weights as dot products want them -------===//
// Law: unpack(packed) gives back the very codes, so the pass changes no value.

#include "lowbit/Formats/Build.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Targets/Resolve.h"
#include "lowbit/Transforms/MatmulForm.h"
#include "lowbit/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_PACKWEIGHTSPASS
#include "lowbit/Transforms/Passes.h.inc"

namespace {
/// Where the reduction and the columns are among the axes of the weights.
struct WeightAxes {
  int64_t k, n;
  bool isTransposed() const { return k > n; }
  /// Panels are made of the last two axes.
  bool areLast(int64_t rank) const { return std::min(k, n) == rank - 2 && std::max(k, n) == rank - 1; }
};

/// Codes of a constant: integers as unsigned or, in 8 bits, as they are; others as they are.
struct WeightCodes {
  std::vector<char> bytes;          ///< One code a byte, row-major.
  NumberFormatAttrInterface format; ///< What they are codes of.
  int64_t zero;                     ///< What was added to each.
};

struct PackWeightsPass final : impl::PackWeightsPassBase<PackWeightsPass> {
  using PackWeightsPassBase::PackWeightsPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    PackedValues packed;
    for (TiledContract contract : collectMatmuls(getOperation(), *resolved, [](ContractOp, StringRef) {}))
      if (contract.form.numBits == 0 && contract.op.getRhsScheme()) // others are packed where the contraction is cut
        pack(contract, *resolved, packed);
  }

private:
  /// Two contractions that share weights, packing and format share the packed constant, too.
  using PackedValues = DenseMap<std::pair<Value, std::pair<Attribute, Attribute>>, Value>;

  static void pack(const TiledContract &contract, QuantTargetAttrInterface target, PackedValues &packed) {
    ContractOp op = contract.op;
    auto type = cast<RankedTensorType>(op.getRhs().getType());
    AffineMap map = op.getRhsMap();
    OpBuilder builder(op);
    WeightAxes axes{*map.getResultPosition(builder.getAffineDimExpr(contract.form.k)),
                    *map.getResultPosition(builder.getAffineDimExpr(contract.form.n))};
    int64_t depth = getDotProduct(target, contract.form).depth;
    std::optional<WeightCodes> weights = readWeights(op, contract.form, target);
    int64_t base = weights && weights->format.getWidth() < 8 ? contract.form.rhsBase : 0;
    PackingAttrInterface packing = target.getWeightPacking(contract.tile.columns, depth, axes.isTransposed(), base);
    if (!weights || !packing || !axes.areLast(type.getRank()) || !shiftZeros(builder, op, *weights))
      return;
    Value &codes = packed[{op.getRhs(), {packing, weights->format}}];
    if (!codes)
      codes = buildUnpack(op, axes, packing, *weights, contract.tile.columns, depth);
    op.getRhsMutable().assign(codes);
    op.setRhsSchemeAttr(getScheme(op, *weights));
  }

  /// The codes, as unsigned ones where a byte shall hold several; none when they are not known.
  static std::optional<WeightCodes> readWeights(ContractOp op, const MatmulForm &form, QuantTargetAttrInterface target) {
    std::optional<std::vector<char>> codes = readCodes(op.getRhs());
    NumberFormatAttrInterface format = op.getRhsScheme()->getFormat();
    if (!codes)
      return std::nullopt;
    // What is no integer is decoded where it is multiplied, and so is what has zero points of its own beside floats.
    bool fillsBytes = target.getWeightPacking(1, 1, /*transposed=*/false, /*base=*/0).getCodesPerByte(format.getWidth()) ==
                      getCodesPerByte(target, form, format.getWidth());
    bool isDecoded = !format.isInteger() || (form.element && op.getRhsZeros() && format.isSigned() && !format.getCodeType().isInteger(8));
    if (isDecoded)
      return fillsBytes ? std::optional(WeightCodes{std::move(*codes), format, 0}) : std::nullopt;
    if (format.getCodeType().isInteger(8))
      return WeightCodes{std::move(*codes), format, 0};
    auto smallest = static_cast<int64_t>(format.getSmallest());
    uint64_t mask = llvm::maskTrailingOnes<uint64_t>(format.getWidth()), largest = 0;
    for (char &code : *codes) {
      auto shifted = static_cast<uint64_t>(static_cast<int64_t>(format.decode(static_cast<uint64_t>(code) & mask)) - smallest);
      largest = std::max(largest, shifted);
      code = static_cast<char>(shifted);
    }
    unsigned width = getPackedWidth(format);
    // A code that encoding never makes, or a block that whole bytes do not fill: a byte each.
    uint64_t most = form.rhsBase != 0 ? form.rhsBase - 1 : llvm::maskTrailingOnes<uint64_t>(width);
    if (largest > most || getCodesPerByte(target, form, width) == 1)
      width = 8;
    return WeightCodes{std::move(*codes), getIntegerFormat(op.getContext(), width, /*isSigned=*/false), -smallest};
  }

  /// Adds `weights.zero` to the zero points of the right side; false when they cannot be.
  static bool shiftZeros(OpBuilder &builder, ContractOp op, const WeightCodes &weights) {
    if (weights.zero == 0)
      return true;
    Value scales = op.getRhsScales();
    if (op.getRhsZeros() || (!scales && !op.getRhsScheme()->isPerTensor()))
      return false;
    auto type =
        RankedTensorType::get(scales ? cast<RankedTensorType>(scales.getType()).getShape() : ArrayRef<int64_t>(), builder.getI8Type());
    Attribute zero = builder.getI8IntegerAttr(static_cast<int8_t>(weights.zero));
    op.getRhsZerosMutable().assign(arith::ConstantOp::create(builder, op.getLoc(), DenseElementsAttr::get(type, zero)).getResult());
    return true;
  }

  static SchemeAttr getScheme(ContractOp op, const WeightCodes &weights) {
    SchemeAttr scheme = op.getRhsSchemeAttr();
    if (weights.zero == 0 && weights.format == scheme.getFormat())
      return scheme;
    IntegerType zero = op.getRhsZeros() ? IntegerType::get(op.getContext(), 8) : IntegerType();
    return SchemeAttr::get(op.getContext(), weights.format, scheme.getBlock(), scheme.getScale(), zero, scheme.getScaling());
  }

  static Value buildUnpack(ContractOp op, WeightAxes axes, PackingAttrInterface packing, const WeightCodes &weights, int64_t columns,
                           int64_t depth) {
    Value source = op.getRhs();
    auto type = cast<RankedTensorType>(source.getType()).clone(weights.format.getCodeType());
    unsigned width = weights.format.getWidth();
    SmallVector<int64_t> padded(type.getShape());
    padded[axes.k] = llvm::alignTo(padded[axes.k], depth * packing.getCodesPerByte(width));
    padded[axes.n] = llvm::alignTo(padded[axes.n], columns);
    std::vector<char> data = packOnHost(padOnHost(weights.bytes, type.getShape(), padded), padded, packing, width);

    OpBuilder builder(op);
    builder.setInsertionPointAfterValue(source);
    Location loc = source.getLoc();
    auto packedType = RankedTensorType::get(packing.getPackedShape(padded, width), builder.getI8Type());
    Value constant = arith::ConstantOp::create(builder, loc, makeResource(packedType, getName(source), data));
    Value codes = UnpackOp::create(builder, loc, type.clone(padded), constant, weights.format, packing);
    if (type.getShape() == ArrayRef<int64_t>(padded))
      return codes;
    SmallVector<OpFoldResult> offsets(padded.size(), builder.getIndexAttr(0)), strides(padded.size(), builder.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(builder.getContext(), type.getShape());
    return tensor::ExtractSliceOp::create(builder, loc, type, codes, offsets, sizes, strides);
  }

  /// The name of the source's resource, so that a saved module can be read.
  static std::string getName(Value weights) {
    DenseResourceElementsAttr resource;
    std::optional<StoredCodes> stored = findStoredCodes(weights);
    return stored && matchPattern(stored->constant, m_Constant(&resource)) ? (resource.getRawHandle().getKey() + ".packed").str()
                                                                           : "packed";
  }
};
} // namespace
} // namespace mlir::lowbit
