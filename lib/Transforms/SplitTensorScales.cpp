//===- SplitTensorScales.cpp - a scale of the tensor beside those of blocks -===//
//
// Invariant: op(x, w) == scale * op(x, w / scale), to the bit, for the scale is a power of two: only numbers below 2^-126 may differ.
//
//===----------------------------------------------------------------------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/HostQuantize.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_SPLITTENSORSCALESPASS
#include "lowbit/Transforms/Passes.h.inc"

/// The least power of two that brings the scale of the block with all of `reals` into the range of the scheme's scales.
static float computeTensorScale(SchemeAttr scheme, ArrayRef<float> reals) {
  auto wide = SchemeAttr::get(scheme.getContext(), scheme.getFormat(), DenseI64ArrayAttr(), Type(), scheme.getZero(), scheme.getScaling());
  auto [low, high] = std::minmax_element(reals.begin(), reals.end());
  if (reals.empty() || (*low == 0 && *high == 0))
    return 1;
  double largest = APFloat::getLargest(cast<FloatType>(scheme.getScaleType()).getFloatSemantics()).convertToDouble();
  int exponent;
  double part = std::frexp(HostQuantizer(wide).computeScale(*low, *high).scale / largest, &exponent);
  return static_cast<float>(std::ldexp(1.0, std::max(part == 0.5 ? exponent - 1 : exponent, -126)));
}

namespace {
struct SplitTensorScalesPass final : PassWithModels<impl::SplitTensorScalesPassBase<SplitTensorScalesPass>> {
  void runOnOperation() override {
    divided.clear();
    SmallVector<QuantizableOpInterface> ops;
    getOperation()->walk([&](QuantizableOpInterface op) { ops.push_back(op); });
    for (QuantizableOpInterface op : ops)
      if (failed(split(op)))
        return signalPassFailure();
  }

private:
  struct Divided {
    Value weight;
    float scale;
  };

  LogicalResult split(QuantizableOpInterface op) {
    auto schemes = op->getAttrOfType<DictionaryAttr>(kSchemesAttr);
    if (!schemes)
      return success();
    std::string reason;
    for (const QuantizableOperand &operand : op.getQuantizableOperands(reason)) {
      auto entry = schemes.getAs<DictionaryAttr>(operand.name);
      if (!entry || !entry.contains(kTensorScaleAttr))
        continue;
      auto scheme = entry.getAs<SchemeAttr>("scheme");
      ElementsAttr weight = getConstantElements(operand.operand->get());
      auto target = dyn_cast<linalg::LinalgOp>(op.getOperation());
      if (!scheme || !weight || !target || target->getNumResults() != 1)
        return op->emitOpError() << "`" << operand.name << "` has a `" << kTensorScaleAttr
                                 << "`; expected a scheme, and a constant that an op with one result reads";
      FailureOr<Divided> found = divide(op, operand.operand->get(), weight, scheme);
      if (failed(found))
        return failure();
      operand.operand->set(found->weight);
      multiplyResult(target, found->scale);
      NamedAttrList entries(entry), all(schemes);
      entries.erase(kTensorScaleAttr);
      all.set(operand.name, entries.getDictionary(&getContext()));
      schemes = all.getDictionary(&getContext());
    }
    op->setAttr(kSchemesAttr, schemes);
    return success();
  }

  /// `weight` over its scale: one constant for all that read it by one scheme.
  FailureOr<Divided> divide(Operation *op, Value value, ElementsAttr weight, SchemeAttr scheme) {
    auto [place, isNew] = divided.insert({{value, scheme}, Divided{}});
    if (!isNew)
      return place->second;
    FailureOr<std::vector<float>> reals = readReals(op, weight);
    if (failed(reals))
      return failure();
    StringRef key = getResourceKey(weight, "constant");
    auto type = cast<RankedTensorType>(value.getType());
    for (auto [i, real] : llvm::enumerate(*reals))
      if (!std::isfinite(real))
        return op->emitError() << "weight `" << key << "` holds " << (std::isnan(real) ? "NaN" : "infinity") << " at "
                               << formatIndex(type.getShape(), i)
                               << "; expected finite numbers: mend the model, or keep the site in float by a rule with `keep`";
    float scale = computeTensorScale(scheme, *reals);
    for (float &real : *reals)
      real /= scale;
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfterValue(value);
    ArrayRef<char> bytes(reinterpret_cast<const char *>(reals->data()), reals->size() * sizeof(float));
    auto constant = arith::ConstantOp::create(builder, value.getLoc(),
                                              buildElements(type.clone(builder.getF32Type()), bytes, (key + ".divided").str()));
    return place->second = Divided{constant.getResult(), scale};
  }

  /// Behind `op`: its result times `scale`, and then what it added to, which is not scaled.
  static void multiplyResult(linalg::LinalgOp op, float scale) {
    OpBuilder builder(op);
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    Value added;
    if (OpOperand *init = op.getDpsInitOperand(0); op.getNumReductionLoops() != 0) {
      auto fill = init->get().getDefiningOp<linalg::FillOp>();
      if (!fill || !matchPattern(fill.getInputs()[0], m_AnyZeroFloat())) {
        added = init->get();
        Value zero = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(type.getElementType()));
        Value empty = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, added), type.getElementType());
        init->set(linalg::FillOp::create(builder, loc, zero, empty).getResult(0));
      }
    }
    builder.setInsertionPointAfter(op);
    Value result = op->getResult(0);
    FloatAttr real = builder.getFloatAttr(type.getElementType(), scale);
    auto constant = arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(RankedTensorType::get({}, type.getElementType()), static_cast<Attribute>(real)));
    constant->setAttr(kAddedAttr, builder.getUnitAttr());
    Value empty = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, result), type.getElementType());
    AffineMap identity = builder.getMultiDimIdentityMap(type.getRank());
    SmallVector<Value> inputs{result, constant.getResult()};
    SmallVector<AffineMap> maps{identity, AffineMap::get(type.getRank(), 0, builder.getContext())};
    if (added) {
      inputs.push_back(added);
      maps.push_back(identity);
    }
    maps.push_back(identity);
    SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
    auto product =
        linalg::GenericOp::create(builder, loc, type, inputs, empty, maps, iterators, [&](OpBuilder &b, Location at, ValueRange elements) {
          Value scaled = arith::MulFOp::create(b, at, elements[0], elements[1]);
          if (added)
            scaled = arith::AddFOp::create(b, at, scaled, elements[2]);
          linalg::YieldOp::create(b, at, scaled);
        });
    product->setAttr(kTensorScaleAttr, real);
    result.replaceAllUsesExcept(product.getResult(0), product);
  }

  llvm::DenseMap<std::pair<Value, Attribute>, Divided> divided;
};
} // namespace
} // namespace mlir::lowbit
