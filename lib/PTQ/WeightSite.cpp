//===- WeightSite.cpp - a weight on its way to codes ----------------------===//
//
// Invariant: `dequantize` stays where it is; only what it reads changes.
//
//===----------------------------------------------------------------------===//

#include "lowbit/PTQ/WeightSite.h"
#include "lowbit/Packings/HostPacking.h"
#include "lowbit/Transforms/Constants.h"
#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/Threading.h"
#include <cmath>

namespace mlir::lowbit {

/// For each index over `axes` of a tensor of `shape`, row-major over the axes: `digit(axis, index)` summed.
static std::vector<int64_t> sumOver(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, function_ref<int64_t(int64_t, int64_t)> digit) {
  std::vector<int64_t> sums{0};
  for (int64_t axis : axes) {
    std::vector<int64_t> next;
    next.reserve(sums.size() * shape[axis]);
    for (int64_t sum : sums)
      for (int64_t index = 0; index < shape[axis]; ++index)
        next.push_back(sum + digit(axis, index));
    sums = std::move(next);
  }
  return sums;
}

static SmallVector<int64_t> getStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t axis = static_cast<int64_t>(shape.size()) - 1; axis > 0; --axis)
    strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

/// The axis of the result of `op` that the one axis of outputs of its weight becomes.
static std::optional<int64_t> findOutputAxis(Operation *op, const QuantizableOperand &weight) {
  auto structured = dyn_cast<linalg::LinalgOp>(op);
  if (!structured || weight.keptAxes.size() != 1)
    return std::nullopt;
  AffineExpr output = structured.getMatchingIndexingMap(weight.operand).getResult(weight.keptAxes.front());
  for (auto [axis, expr] : llvm::enumerate(structured.getMatchingIndexingMap(structured.getDpsInitOperand(0)).getResults()))
    if (expr == output)
      return axis;
  return std::nullopt;
}

WeightSite::WeightSite(Operation *op, DequantizeOp dequantize, const QuantizableOperand &weight, OpOperand *activation,
                       std::string observedName)
    : op(op), dequantize(dequantize), activation(activation), observedName(std::move(observedName)), outputAxis(findOutputAxis(op, weight)),
      weightAxis(weight.keptAxes.empty() ? 0 : weight.keptAxes.front()), quantizer(dequantize.getScheme()) {
  auto type = cast<RankedTensorType>(dequantize.getResult().getType());
  ArrayRef<int64_t> shape = type.getShape();
  SmallVector<int64_t> scaleShape = *getScheme().getScaleShape(shape), strides = getStrides(shape);
  // A scale for the whole tensor has no axes; give it all of them, each of size one.
  scaleShape.resize(shape.size(), 1);
  SmallVector<int64_t> scaleStrides = getStrides(scaleShape);
  auto getOffsets = [&](ArrayRef<int64_t> axes) {
    return sumOver(shape, axes, [&](int64_t axis, int64_t index) { return index * strides[axis]; });
  };
  inputOffset = getOffsets(weight.reducedAxes);
  outputOffset = getOffsets(weight.keptAxes);
  numInputs = inputOffset.size();
  numOutputs = outputOffset.size();
  // Scales that inputs (outputs) have, numbered in their order.
  auto number = [&](ArrayRef<int64_t> axes, std::vector<int64_t> &numberOf, std::vector<int64_t> &offsets) {
    std::vector<int64_t> offsetOf =
        sumOver(shape, axes, [&](int64_t axis, int64_t index) { return index / (shape[axis] / scaleShape[axis]) * scaleStrides[axis]; });
    llvm::DenseMap<int64_t, int64_t> numbers;
    for (int64_t offset : offsetOf) {
      auto [found, isNew] = numbers.try_emplace(offset, static_cast<int64_t>(offsets.size()));
      if (isNew)
        offsets.push_back(offset);
      numberOf.push_back(found->second);
    }
    return static_cast<int64_t>(offsets.size());
  };
  numGroups = number(weight.reducedAxes, groupOf, groupOffset);
  numScaleOutputs = number(weight.keptAxes, scaleOutputOf, scaleOutputOffset);
}

SmallVector<WeightSite, 0> WeightSite::collect(ModuleOp module) {
  SmallVector<WeightSite, 0> sites;
  module.walk([&](QuantizableOpInterface op) {
    std::string reason;
    SmallVector<QuantizableOperand> operands = op.getQuantizableOperands(reason);
    auto site = op->getAttrOfType<StringAttr>(kSiteAttr);
    const QuantizableOperand *weight = nullptr, *activation = nullptr;
    for (const QuantizableOperand &operand : operands)
      (operand.role == OperandRole::Weight ? weight : activation) = &operand;
    auto dequantize = weight && site ? weight->operand->get().getDefiningOp<DequantizeOp>() : DequantizeOp();
    if (!dequantize)
      return;
    auto quantize = dequantize.getCodes().getDefiningOp<QuantizeOp>();
    bool isConstant = quantize ? static_cast<bool>(getConstantElements(quantize.getInput()))
                               : static_cast<bool>(getConstantElements(dequantize.getCodes()) && op->hasAttr(kOriginalAttr));
    if (isConstant)
      sites.push_back(WeightSite(op, dequantize, *weight, activation ? activation->operand : nullptr,
                                 activation ? lowbit::getObservedName(site, *activation) : std::string()));
  });
  return sites;
}

template <typename T> std::vector<T> WeightSite::gather(ArrayRef<T> stored) const {
  std::vector<T> matrix;
  matrix.reserve(stored.size());
  for (int64_t input : inputOffset)
    for (int64_t output : outputOffset)
      matrix.push_back(stored[input + output]);
  return matrix;
}

template <typename T> std::vector<T> WeightSite::scatter(ArrayRef<T> matrix) const {
  std::vector<T> stored(matrix.size());
  const T *next = matrix.data();
  for (int64_t input : inputOffset)
    for (int64_t output : outputOffset)
      stored[input + output] = *next++;
  return stored;
}

bool WeightSite::hasCodes() const { return !dequantize.getCodes().getDefiningOp<QuantizeOp>(); }

ElementsAttr WeightSite::getFloats() const {
  if (hasCodes())
    return cast<ElementsAttr>(op->getAttr(kOriginalAttr));
  return getConstantElements(dequantize.getCodes().getDefiningOp<QuantizeOp>().getInput());
}

FailureOr<std::vector<float>> WeightSite::readWeight() const {
  FailureOr<std::vector<float>> stored = readReals(op, getFloats());
  if (failed(stored))
    return failure();
  for (float real : *stored)
    if (!std::isfinite(real))
      return op->emitOpError() << "weight of site `" << getName()
                               << "` holds NaN or infinity; expected finite numbers: mend the model, or keep the site in float by a "
                                  "rule with `keep`";
  return isMatrix() ? std::move(*stored) : gather<float>(*stored);
}

bool WeightSite::isMatrix() const {
  for (int64_t k = 0; k < numInputs; ++k)
    if (inputOffset[k] != k * numOutputs)
      return false;
  return llvm::equal(outputOffset, llvm::seq<int64_t>(0, numOutputs));
}

std::vector<HostScale> WeightSite::computeScales(ArrayRef<float> weight) const {
  std::vector<std::pair<float, float>> ranges(getNumScales(), {0.0f, 0.0f});
  for (int64_t k = 0; k < numInputs; ++k)
    for (int64_t n = 0; n < numOutputs; ++n) {
      auto &range = ranges[getScaleIndex(k, n)];
      float real = weight[k * numOutputs + n];
      range = {std::min(range.first, real), std::max(range.second, real)};
    }
  std::vector<HostScale> scales;
  for (auto [low, high] : ranges)
    scales.push_back(quantizer.computeScale(low, high));
  return scales;
}

FailureOr<std::vector<HostScale>> WeightSite::readScales() const {
  ElementsAttr constant = getConstantElements(dequantize.getScales());
  if (!constant) {
    FailureOr<std::vector<float>> weight = readWeight();
    if (failed(weight))
      return failure();
    return computeScales(*weight);
  }
  FailureOr<std::vector<float>> stored = readReals(op, constant);
  if (failed(stored))
    return failure();
  FailureOr<std::vector<int64_t>> zeros = std::vector<int64_t>(stored->size(), 0);
  if (Value value = dequantize.getZeros())
    zeros = readIntegers(op, getConstantElements(value));
  if (failed(zeros))
    return failure();
  bool isUnsigned = getScheme().getZero() && !getScheme().getFormat().isSigned();
  uint64_t mask = isUnsigned ? llvm::maskTrailingOnes<uint64_t>(getScheme().getZero().getWidth()) : ~uint64_t(0);
  std::vector<HostScale> scales;
  for (int64_t group : groupOffset)
    for (int64_t output : scaleOutputOffset)
      scales.push_back({(*stored)[group + output], static_cast<int64_t>(static_cast<uint64_t>((*zeros)[group + output]) & mask)});
  return scales;
}

std::vector<Code> WeightSite::computeCodes(ArrayRef<float> weight, ArrayRef<HostScale> scales) const {
  std::vector<Code> codes(weight.size());
  parallelFor(op->getContext(), 0, numInputs, [&](size_t k) {
    for (int64_t n = 0; n < numOutputs; ++n)
      codes[k * numOutputs + n] = static_cast<Code>(quantizer.encode(weight[k * numOutputs + n], scales[getScaleIndex(k, n)]));
  });
  return codes;
}

std::vector<float> WeightSite::decode(ArrayRef<Code> codes, ArrayRef<HostScale> scales) const {
  std::vector<float> reals(codes.size());
  parallelFor(op->getContext(), 0, numInputs, [&](size_t k) {
    for (int64_t n = 0; n < numOutputs; ++n)
      reals[k * numOutputs + n] = static_cast<float>(quantizer.decode(codes[k * numOutputs + n], scales[getScaleIndex(k, n)]));
  });
  return reals;
}

FailureOr<std::vector<Code>> WeightSite::readCodes() const {
  if (hasCodes()) {
    unsigned width = getScheme().getFormat().getWidth();
    std::vector<Code> stored;
    if (std::optional<std::vector<char>> narrow = lowbit::readCodes(dequantize.getCodes())) {
      stored.assign(narrow->begin(), narrow->end());
    } else {
      FailureOr<std::vector<int64_t>> wide = readIntegers(op, getConstantElements(dequantize.getCodes()));
      if (failed(wide))
        return failure();
      stored.assign(wide->begin(), wide->end());
    }
    for (Code &code : stored)
      code &= llvm::maskTrailingOnes<uint64_t>(width);
    return gather<Code>(stored);
  }
  FailureOr<std::vector<float>> weight = readWeight();
  FailureOr<std::vector<HostScale>> scales = readScales();
  if (failed(weight) || failed(scales))
    return failure();
  return computeCodes(*weight, *scales);
}

FailureOr<std::vector<float>> WeightSite::readRounded() const {
  FailureOr<std::vector<Code>> codes = readCodes();
  FailureOr<std::vector<HostScale>> scales = readScales();
  if (failed(codes) || failed(scales))
    return failure();
  return decode(*codes, *scales);
}

//===----------------------------------------------------------------------===//
// Changes
//===----------------------------------------------------------------------===//

arith::ConstantOp WeightSite::buildConstant(RankedTensorType type, ArrayRef<char> bytes, StringRef suffix) {
  OpBuilder builder(dequantize);
  std::string key = (getResourceKey(getFloats(), getName()) + suffix).str();
  return arith::ConstantOp::create(builder, dequantize.getLoc(), type, cast<TypedAttr>(buildElements(type, bytes, key)));
}

/// The low bytes of each value.
template <typename Values, typename Get> static std::vector<char> packBytes(const Values &values, unsigned width, Get get) {
  std::vector<char> bytes;
  bytes.reserve(values.size() * width);
  for (const auto &value : values) {
    uint64_t bits = get(value);
    const char *from = reinterpret_cast<const char *>(&bits);
    bytes.insert(bytes.end(), from, from + width);
  }
  return bytes;
}

/// Bits of `real` in `type`.
static uint64_t getBits(float real, FloatType type) {
  APFloat stored(real);
  bool losesInfo;
  stored.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return stored.bitcastToAPInt().getZExtValue();
}

void WeightSite::setWeight(ArrayRef<float> weight) {
  auto type = cast<RankedTensorType>(dequantize.getResult().getType());
  std::vector<float> stored = scatter<float>(weight);
  auto floatType = cast<FloatType>(type.getElementType());
  std::vector<char> bytes = packBytes(stored, (floatType.getWidth() + 7) / 8, [&](float real) { return getBits(real, floatType); });
  Value constant = buildConstant(type, bytes, ".ptq");
  OpBuilder builder(dequantize);
  Type zerosType = dequantize.getZeros() ? dequantize.getZeros().getType() : Type();
  auto compute = ComputeScalesOp::create(builder, dequantize.getLoc(), dequantize.getScales().getType(), zerosType, constant, getScheme());
  Value codes = QuantizeOp::create(builder, dequantize.getLoc(), dequantize.getCodes().getType(), constant, compute.getScales(),
                                   compute.getZeros(), getScheme());
  dequantize.getCodesMutable().assign(codes);
  dequantize.getScalesMutable().assign(compute.getScales());
  if (zerosType)
    dequantize.getZerosMutable().assign(compute.getZeros());
  op->removeAttr(kOriginalAttr);
}

void WeightSite::replaceScales(ArrayRef<HostScale> scales) {
  std::vector<HostScale> stored(scales.size());
  const HostScale *next = scales.data();
  for (int64_t group : groupOffset)
    for (int64_t output : scaleOutputOffset)
      stored[group + output] = *next++;
  auto scaleType = cast<FloatType>(getScheme().getScaleType());
  auto type = cast<RankedTensorType>(dequantize.getScales().getType());
  auto bytes = packBytes(stored, (scaleType.getWidth() + 7) / 8, [&](HostScale scale) { return getBits(scale.scale, scaleType); });
  auto constant = buildConstant(type, bytes, ".scales");
  // Reports do not count what quantization adds as bytes of the float model.
  constant->setAttr(kAddedAttr, UnitAttr::get(op->getContext()));
  dequantize.getScalesMutable().assign(constant.getResult());
  if (IntegerType zero = getScheme().getZero()) {
    auto zeroBytes = packBytes(stored, (zero.getWidth() + 7) / 8, [](HostScale scale) { return static_cast<uint64_t>(scale.zero); });
    auto zeros = buildConstant(cast<RankedTensorType>(dequantize.getZeros().getType()), zeroBytes, ".zeros");
    zeros->setAttr(kAddedAttr, UnitAttr::get(op->getContext()));
    dequantize.getZerosMutable().assign(zeros.getResult());
  }
}

void WeightSite::setScales(ArrayRef<HostScale> scales) {
  replaceScales(scales);
  auto quantize = dequantize.getCodes().getDefiningOp<QuantizeOp>();
  OpBuilder builder(dequantize);
  Value codes = QuantizeOp::create(builder, quantize.getLoc(), quantize.getType(), quantize.getInput(), dequantize.getScales(),
                                   dequantize.getZeros(), getScheme());
  dequantize.getCodesMutable().assign(codes);
}

void WeightSite::setCodes(ArrayRef<Code> codes, ArrayRef<HostScale> scales) {
  ElementsAttr original = getFloats();
  auto type = cast<RankedTensorType>(dequantize.getCodes().getType());
  unsigned width = (getScheme().getFormat().getWidth() + 7) / 8;
  auto constant = buildConstant(type, packBytes(scatter<Code>(codes), width, [](uint64_t code) { return code; }), ".codes");
  if (FailureOr<std::vector<float>> weight = readWeight(); succeeded(weight)) {
    double signal = 0, noise = 0;
    for (int64_t k = 0; k < numInputs; ++k)
      for (int64_t n = 0; n < numOutputs; ++n) {
        double real = (*weight)[k * numOutputs + n];
        auto rounded = static_cast<float>(quantizer.decode(codes[k * numOutputs + n], scales[getScaleIndex(k, n)]));
        signal += real * real;
        noise += (real - rounded) * (real - rounded);
      }
    constant->setAttr(kSQNRAttr, getSQNRAttr(op->getContext(), signal, noise));
  }
  replaceScales(scales);
  dequantize.getCodesMutable().assign(constant.getResult());
  op->setAttr(kOriginalAttr, original);
}

arith::ConstantOp WeightSite::buildFloats(ArrayRef<float> matrix, StringRef suffix) {
  auto type = cast<RankedTensorType>(dequantize.getResult().getType());
  auto floatType = cast<FloatType>(type.getElementType());
  std::vector<float> stored = scatter<float>(matrix);
  return buildConstant(type, packBytes(stored, (floatType.getWidth() + 7) / 8, [&](float real) { return getBits(real, floatType); }),
                       suffix);
}

} // namespace mlir::lowbit
