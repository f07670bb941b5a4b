//===- Sites.h - what the rewriting passes say to one another -------------===//
//
// Between `lowbit-assign-schemes` and `lowbit-insert-qdq` an op carries `lowbit.schemes`: for each operand, by name, a dictionary with
// `scheme`, for static activations `scale` (f32) and, where the scheme has zero points, `zero`, and for weights whose tensor has a
// scale besides, `lowbit.tensor_scale`, until `lowbit-split-tensor-scales`. An op that stays
// float carries `lowbit.float_reason`, which reports read, and until `lowbit-round-floats` the type that its operands are rounded to.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_TRANSFORMS_SITES_H
#define LOWBIT_TRANSFORMS_SITES_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

constexpr StringLiteral kSchemesAttr = "lowbit.schemes";
/// What each channel of the activation has been multiplied by since calibration; ranges and moments of statistics follow.
/// `lowbit-fold-weights` removes it.
constexpr StringLiteral kSmoothingAttr = "lowbit.smoothing";
/// On a site whose codes an algorithm has chosen: the floats they stand for. `lowbit-fold-weights` removes it.
constexpr StringLiteral kOriginalAttr = "lowbit.original_weight";
/// On a site: what each algorithm has done to it, or why nothing, a list of strings that reports read.
constexpr StringLiteral kAlgorithmsAttr = "lowbit.algorithms";
/// On constants of scales and zero points, which the float model does not have.
constexpr StringLiteral kAddedAttr = "lowbit.added";
/// On an op that computes again what another one computed (`lowbit-differentiate`), so that it is not taken for that one.
constexpr StringLiteral kRematerializedAttr = "lowbit.rematerialized";
/// On a constant of codes, or of floats rounded to fewer bits: signal to quantization noise in dB, f32; 999 where nothing was lost.
constexpr StringLiteral kSQNRAttr = "lowbit.sqnr_db";
/// On a linalg op whose arithmetic is defined to the bit by where it came from.
constexpr StringLiteral kExactAttr = "lowbit.exact";
/// In `lowbit.schemes`: scales of blocks stand beside one for the tensor. On the op that multiplies by the latter: the scale.
constexpr StringLiteral kTensorScaleAttr = "lowbit.tensor_scale";
/// On arguments and results: what the caller knows them by.
constexpr StringLiteral kNameAttr = "lowbit.name";
/// On a result: the name of the argument that it is the new value of (lowbit/Pipelines/Pipelines.h).
constexpr StringLiteral kUpdatesAttr = "lowbit.updates";
constexpr StringLiteral kFloatReasonAttr = "lowbit.float_reason";
constexpr StringLiteral kFloatTypeAttr = "lowbit.float_type";

/// The value of `kSQNRAttr` for sums of squares of what was rounded and of what it lost.
FloatAttr getSQNRAttr(MLIRContext *context, double signal, double noise);

/// Says, as a remark and as an attribute, why `op` stays float.
void reportLeftInFloat(Operation *op, const Twine &reason);

} // namespace mlir::lowbit

#endif // LOWBIT_TRANSFORMS_SITES_H
