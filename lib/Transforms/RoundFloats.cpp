//===- RoundFloats.cpp - operands in a smaller float ----------------------===//
//
// Invariant: the op computes what it computed, on operands rounded half to even; products, sums and the result keep their type.
//
//===----------------------------------------------------------------------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Passes.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

namespace mlir::lowbit {
#define GEN_PASS_DEF_ROUNDFLOATSPASS
#include "lowbit/Transforms/Passes.h.inc"

/// `input` rounded to the elements of `type`, on the host; null after an error at `op`.
static arith::ConstantOp roundConstant(OpBuilder &builder, Operation *op, Value input, RankedTensorType type) {
  ElementsAttr elements = getConstantElements(input);
  FailureOr<std::vector<float>> reals = readReals(op, elements);
  if (failed(reals))
    return {};
  const llvm::fltSemantics &semantics = cast<FloatType>(type.getElementType()).getFloatSemantics();
  std::string key = getResourceKey(elements, "constant").str();
  unsigned width = type.getElementTypeBitWidth() / 8;
  std::vector<char> bytes(reals->size() * width);
  double signal = 0, noise = 0;
  for (auto [i, real] : llvm::enumerate(*reals)) {
    APFloat rounded(real);
    bool losesInfo;
    rounded.convert(semantics, APFloat::rmNearestTiesToEven, &losesInfo);
    if (rounded.isInfinity() && !std::isinf(real)) {
      op->emitError() << "weight `" << key << "` holds " << real << " at " << formatIndex(type.getShape(), i) << ", which is too large for "
                      << type.getElementType() << "; keep the site in its own type, or choose a wider one";
      return {};
    }
    uint64_t bits = rounded.bitcastToAPInt().getZExtValue();
    std::memcpy(&bytes[i * width], &bits, width);
    rounded.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &losesInfo);
    double error = double(real) - rounded.convertToFloat();
    signal += double(real) * real;
    noise += error * error;
  }
  std::string name;
  llvm::raw_string_ostream(name) << key << "." << type.getElementType();
  auto constant = arith::ConstantOp::create(builder, input.getLoc(), buildElements(type, bytes, name));
  if (Operation *added = input.getDefiningOp(); added && added->hasAttr(kAddedAttr))
    constant->setAttr(kAddedAttr, builder.getUnitAttr());
  constant->setAttr(kSQNRAttr, getSQNRAttr(builder.getContext(), signal, noise));
  return constant;
}

/// `input` rounded where it is computed.
static Value roundActivation(OpBuilder &builder, Value input, RankedTensorType type) {
  Location loc = input.getLoc();
  Value empty = tensor::EmptyOp::create(builder, loc, tensor::getMixedSizes(builder, loc, input), type.getElementType());
  SmallVector<AffineMap> maps(2, builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto round =
      linalg::GenericOp::create(builder, loc, type, input, empty, maps, iterators, [&](OpBuilder &b, Location at, ValueRange elements) {
        linalg::YieldOp::create(b, at, arith::TruncFOp::create(b, at, type.getElementType(), elements[0]).getResult());
      });
  return round.getResult(0);
}

namespace {
struct RoundFloatsPass final : PassWithModels<impl::RoundFloatsPassBase<RoundFloatsPass>> {
  void runOnOperation() override {
    rounded.clear();
    SmallVector<QuantizableOpInterface> ops;
    getOperation()->walk([&](QuantizableOpInterface op) {
      if (op->hasAttr(kFloatTypeAttr))
        ops.push_back(op);
    });
    for (QuantizableOpInterface op : ops)
      if (failed(round(op)))
        return signalPassFailure();
    for (auto [key, value] : rounded)
      if (Operation *constant = key.first.getDefiningOp(); isa_and_present<arith::ConstantOp>(constant) && constant->use_empty())
        constant->erase();
  }

private:
  LogicalResult round(QuantizableOpInterface op) {
    auto attribute = op->getAttrOfType<TypeAttr>(kFloatTypeAttr);
    auto element = attribute ? dyn_cast<FloatType>(attribute.getValue()) : FloatType();
    std::string reason;
    SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(reason);
    if (!element || operands.empty())
      return op->emitOpError() << "has `" << kFloatTypeAttr << "` " << op->getAttr(kFloatTypeAttr)
                               << (element ? ", but no operand that can be rounded" : ", which is no type of floats");
    for (const QuantizableOperand &operand : operands) {
      if (getElementTypeOrSelf(operand.operand->get().getType()).getIntOrFloatBitWidth() <= element.getWidth())
        continue;
      Value input = getRounded(op, operand.operand->get(), element);
      if (!input)
        return failure();
      replaceOperand(op, *operand.operand, input);
    }
    op->removeAttr(kFloatTypeAttr);
    return success();
  }

  /// One for all that read `input`; null after an error.
  Value getRounded(Operation *op, Value input, FloatType element) {
    auto [place, isNew] = rounded.insert({{input, element}, Value()});
    if (!isNew)
      return place->second;
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfterValue(input);
    auto type = RankedTensorType::get(cast<RankedTensorType>(input.getType()).getShape(), element);
    if (!getConstantElements(input))
      return place->second = roundActivation(builder, input, type);
    arith::ConstantOp constant = roundConstant(builder, op, input, type);
    return place->second = constant ? constant.getResult() : Value();
  }

  /// Lets the body read `input`, extended to the type that it computes in.
  static void replaceOperand(Operation *op, OpOperand &operand, Value input) {
    OpBuilder builder(op->getContext());
    Type element = getElementTypeOrSelf(input.getType());
    Value read;
    if (auto extract = dyn_cast<tensor::ExtractOp>(operand.getOwner())) {
      builder.setInsertionPointAfter(extract);
      read = extract.getResult();
    } else {
      auto linalgOp = cast<linalg::LinalgOp>(op);
      builder.setInsertionPointToStart(linalgOp.getBlock());
      read = linalgOp.getMatchingBlockArgument(&operand);
    }
    Type computed = read.getType();
    operand.set(input);
    read.setType(element);
    auto extended = arith::ExtFOp::create(builder, op->getLoc(), computed, read);
    read.replaceAllUsesExcept(extended, extended);
  }

  llvm::MapVector<std::pair<Value, Type>, Value> rounded;
};
} // namespace
} // namespace mlir::lowbit
