//===- WeightSite.h - a weight on its way to codes ------------------------===//
//
// What algorithms of post-training quantization change. They run between `lowbit-insert-qdq` and `lowbit-fold-weights`, where a weight is
// `dequantize(quantize(constant, compute_scales(constant)))`, and see every weight as a matrix `[K, N]`: K inputs, which are summed
// over, by N outputs, whatever the op. An algorithm may replace the constant, the scales, or the codes; what it leaves is
// rounded to nearest.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_PTQ_WEIGHTSITE_H
#define LOWBIT_PTQ_WEIGHTSITE_H

#include "lowbit/IR/Lowbit.h"
#include "lowbit/Transforms/HostQuantize.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit {

/// A code in memory: formats have at most 16 bits.
using Code = uint32_t;

/// What it takes to read a weight is at most twice the weight in f32, and once what is given back.
class WeightSite {
public:
  /// Sites of `module` whose weight is a constant between `quantize` and `dequantize`.
  static SmallVector<WeightSite, 0> collect(ModuleOp module);

  StringRef getName() const { return op->getAttrOfType<StringAttr>(kSiteAttr).getValue(); }
  Operation *getOp() const { return op; }
  /// Of the activation that the weight meets; null when there is none.
  OpOperand *getActivation() const { return activation; }
  /// By which statistics know the activation.
  std::string getObservedName() const { return observedName; }
  SchemeAttr getScheme() const { return quantizer.getScheme(); }
  const HostQuantizer &getQuantizer() const { return quantizer; }

  /// The axis of the result of the op along which the outputs lie; none when there is no such axis.
  std::optional<int64_t> getOutputAxis() const { return outputAxis; }
  ArrayRef<int64_t> getWeightShape() const { return cast<RankedTensorType>(dequantize.getResult().getType()).getShape(); }
  /// The axis of the weight along which the outputs lie, where there is one `getOutputAxis`.
  int64_t getWeightAxis() const { return weightAxis; }
  int64_t getNumInputs() const { return numInputs; }
  int64_t getNumOutputs() const { return numOutputs; }
  /// Blocks of inputs that share a scale, and the block of input `k`.
  int64_t getNumGroups() const { return numGroups; }
  int64_t getGroup(int64_t k) const { return groupOf[k]; }
  /// Index of a scale in what `readScales` gives: row-major `[groups, N]`; outputs may share scales.
  int64_t getScaleIndex(int64_t k, int64_t n) const { return groupOf[k] * numScaleOutputs + scaleOutputOf[n]; }
  int64_t getNumScales() const { return numGroups * numScaleOutputs; }

  /// The weight as floats `[K, N]`: the original ones, where an algorithm has chosen codes.
  FailureOr<std::vector<float>> readWeight() const;
  /// The scales as they stand: those that an algorithm has set, else those of the weight's ranges.
  FailureOr<std::vector<HostScale>> readScales() const;
  /// The scales that `compute_scales` gives `weight`.
  std::vector<HostScale> computeScales(ArrayRef<float> weight) const;
  /// The codes `[K, N]` as they stand.
  FailureOr<std::vector<Code>> readCodes() const;
  /// Each weight rounded to nearest.
  std::vector<Code> computeCodes(ArrayRef<float> weight, ArrayRef<HostScale> scales) const;
  /// What codes stand for, `[K, N]`.
  std::vector<float> decode(ArrayRef<Code> codes, ArrayRef<HostScale> scales) const;
  /// What the model computes with as it stands: `readCodes` decoded.
  FailureOr<std::vector<float>> readRounded() const;
  /// Whether an algorithm has chosen codes.
  bool hasCodes() const;

  /// Replaces the weight, whose scales and codes are then those of its ranges again.
  void setWeight(ArrayRef<float> weight);
  void setScales(ArrayRef<HostScale> scales);
  /// Fixes codes and scales; the floats stay readable for algorithms that follow.
  void setCodes(ArrayRef<Code> codes, ArrayRef<HostScale> scales);
  /// A constant of the floats `matrix` `[K, N]`, laid out as the op reads its weight, right before the op.
  arith::ConstantOp buildFloats(ArrayRef<float> matrix, StringRef suffix);
  /// Makes the op read `value` instead of what codes stand for; the site is then none of those that `collect` finds.
  void replaceWeight(Value value) { op->replaceUsesOfWith(dequantize.getResult(), value); }

private:
  WeightSite(Operation *op, DequantizeOp dequantize, const QuantizableOperand &weight, OpOperand *activation, std::string observedName);

  ElementsAttr getFloats() const;
  /// Whether the constant lies in memory as the matrix does.
  bool isMatrix() const;
  template <typename T> std::vector<T> gather(ArrayRef<T> stored) const;
  template <typename T> std::vector<T> scatter(ArrayRef<T> matrix) const;
  arith::ConstantOp buildConstant(RankedTensorType type, ArrayRef<char> bytes, StringRef suffix);
  void replaceScales(ArrayRef<HostScale> scales);

  Operation *op;
  mutable DequantizeOp dequantize; ///< A handle, whose accessors are not const.
  OpOperand *activation;
  std::string observedName;
  std::optional<int64_t> outputAxis;
  int64_t weightAxis;
  HostQuantizer quantizer;
  int64_t numInputs = 1, numOutputs = 1, numGroups = 1, numScaleOutputs = 1;
  /// Offsets in the constant of input `k` and of output `n`, whose sum is an element's flat index.
  std::vector<int64_t> inputOffset, outputOffset;
  std::vector<int64_t> groupOf, scaleOutputOf;
  /// The same for scales, by group and by output of scales.
  std::vector<int64_t> groupOffset, scaleOutputOffset;
};

} // namespace mlir::lowbit

#endif // LOWBIT_PTQ_WEIGHTSITE_H
