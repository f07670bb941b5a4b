//===- PackWeights.cpp - constant weights as dot products want them -------===//
// Law: unpack(packed) gives back the very codes, so the pass changes no value.

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

struct PackWeightsPass final : impl::PackWeightsPassBase<PackWeightsPass> {
  using PackWeightsPassBase::PackWeightsPassBase;

  void runOnOperation() override {
    FailureOr<QuantTargetAttrInterface> resolved = getPassTarget(getOperation(), target);
    if (failed(resolved))
      return signalPassFailure();
    if ((*resolved).getVectorBits() == 0)
      return;
    SmallVector<ContractOp> contracts;
    getOperation()->walk([&](ContractOp op) { contracts.push_back(op); });
    for (ContractOp op : contracts)
      pack(op, *resolved);
  }

  /// Two contractions that share weights and tile share the packed constant, too.
  using Key = std::pair<Value, Attribute>;
  DenseMap<Key, Value> packed;

  void pack(ContractOp op, QuantTargetAttrInterface target) {
    std::string reason;
    FailureOr<MatmulForm> form = getMatmulForm(op, reason);
    ElementsAttr weights;
    if (failed(form) || !matchPattern(op.getRhs(), m_Constant(&weights)))
      return;
    std::optional<ArrayRef<char>> bytes = getConstantBytes(weights);
    auto type = cast<RankedTensorType>(op.getRhs().getType());
    AffineMap map = op.getRhsMap();
    OpBuilder builder(op);
    WeightAxes axes{*map.getResultPosition(builder.getAffineDimExpr(form->k)), *map.getResultPosition(builder.getAffineDimExpr(form->n))};
    if (!bytes || !axes.areLast(type.getRank()))
      return;
    PackingAttrInterface packing = target.getWeightPacking(chooseRegisterTile(target, *form).columns, axes.isTransposed());
    if (!packing)
      return;
    Value &codes = packed[{op.getRhs(), packing}];
    if (!codes)
      codes = buildUnpack(op, axes, packing, *bytes, chooseRegisterTile(target, *form).columns, target.getDotProduct().depth);
    op.getRhsMutable().assign(codes);
  }

  Value buildUnpack(ContractOp op, WeightAxes axes, PackingAttrInterface packing, ArrayRef<char> bytes, int64_t columns, int64_t depth) {
    Value weights = op.getRhs();
    auto type = cast<RankedTensorType>(weights.getType());
    SmallVector<int64_t> padded(type.getShape());
    padded[axes.k] = llvm::alignTo(padded[axes.k], depth);
    padded[axes.n] = llvm::alignTo(padded[axes.n], columns);
    std::vector<char> data = packOnHost(padOnHost(bytes, type.getShape(), padded), padded, packing);
    auto packedType = RankedTensorType::get(packing.getPackedShape(padded, 8), type.getElementType());

    OpBuilder builder(op);
    builder.setInsertionPointAfterValue(weights);
    Location loc = weights.getLoc();
    Value constant = arith::ConstantOp::create(builder, loc, makeResource(packedType, getName(weights), data));
    Value codes = UnpackOp::create(builder, loc, type.clone(padded), constant, op.getRhsSchemeAttr().getFormat(), packing);
    if (type.getShape() == ArrayRef<int64_t>(padded))
      return codes;
    SmallVector<OpFoldResult> offsets(padded.size(), builder.getIndexAttr(0)), strides(padded.size(), builder.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes = getAsIndexOpFoldResult(builder.getContext(), type.getShape());
    return tensor::ExtractSliceOp::create(builder, loc, type, codes, offsets, sizes, strides);
  }

  /// The name of the source's resource, so that a saved module can be read.
  static std::string getName(Value weights) {
    DenseResourceElementsAttr resource;
    return matchPattern(weights, m_Constant(&resource)) ? (resource.getRawHandle().getKey() + ".packed").str() : "packed";
  }
};
} // namespace
} // namespace mlir::lowbit
