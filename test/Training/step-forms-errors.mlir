// RUN: not quant-opt %s "--lowbit-parametrize-weights=rules=*.weight=dorefa" --split-input-file 2>&1 | FileCheck %s --check-prefix=RULE
// RUN: not quant-opt %s --lowbit-add-dither --split-input-file 2>&1 | FileCheck %s --check-prefix=DITHER
// RUN: not quant-opt %s --lowbit-average-ranges --split-input-file 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not quant-opt %s --lowbit-parametrize-weights --split-input-file 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not quant-opt %s "--lowbit-parametrize-weights=rules=[=twn" --split-input-file 2>&1 | FileCheck %s --check-prefix=GLOB
// RUN: not quant-opt %s --lowbit-average-ranges=decay=1 --split-input-file 2>&1 | FileCheck %s --check-prefix=DECAY
// NONE: error: there are no `rules`; expected at least one, such as `twn`
// GLOB: error: `[=twn` has no pattern
// DECAY: error: `decay` is 1.000000e+00; expected above 0 and below 1

// Codes are not evenly apart; the scale serves two activations.
// RULE: error: no weight takes `*.weight=dorefa`
// DITHER: error: 'lowbit.fake_quant' op rounds to #lowbit.float<f4E2M1FN>, whose codes are not evenly apart; expected integers, ternary or binary
// RANGE: error: 'lowbit.fake_quant' op shares scale `s` with another; expected one scale for each activation
func.func @main(%x: tensor<4x8xf32> {lowbit.name = "x"}, %s: tensor<f32> {lowbit.name = "s", lowbit.parameter = "scale"},
                %w: tensor<4x8xf32> {lowbit.name = "w", lowbit.parameter = "weight"}) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %p = lowbit.fake_quant %x, %s <#lowbit.float<f4E2M1FN>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %q = lowbit.fake_quant %w, %s <#lowbit.float<f4E2M1FN>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %p, %q : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// The weight is read in float, too. `noise` is an input already. There is no activation.
// RULE: error: 'lowbit.fake_quant' op rounds `fc.weight`, which, or whose scale, is read elsewhere besides; expected a weight of its own
// DITHER: error: `main` has an argument `noise` already; expected that name to be free
// RANGE: error: `main` rounds no activation by a scale that is a parameter; expected static activations without zero points
func.func @main(%noise: tensor<4xf32> {lowbit.name = "noise"}, %w: tensor<4x8xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"},
                %s: tensor<f32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"}) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %q = lowbit.fake_quant %w, %s <#lowbit.int<4>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %q, %w : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Zero points; unsigned codes have none below zero.
// RULE: error: 'lowbit.fake_quant' op rounds `fc.weight` to #lowbit.uint<4>, which `*.weight=dorefa` does not fit: it expects a format of more than one bit, with codes on both sides of zero
func.func @main(%w: tensor<4x8xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"},
                %s: tensor<f32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"}, %z: tensor<i4>) -> tensor<4x8xf32> {
  %q = lowbit.fake_quant %w, %s, %z <#lowbit.uint<4>, zero = i4> : (tensor<4x8xf32>, tensor<f32>, tensor<i4>) -> tensor<4x8xf32>
  return %q : tensor<4x8xf32>
}

// -----

// RULE: error: 'lowbit.fake_quant' op rounds `fc.weight` by zero points; expected a scale that is a parameter, without zero points, for `*.weight=dorefa`
func.func @main(%w: tensor<4x8xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"},
                %s: tensor<f32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"}, %z: tensor<i4>) -> tensor<4x8xf32> {
  %q = lowbit.fake_quant %w, %s, %z <#lowbit.int<4>, zero = i4> : (tensor<4x8xf32>, tensor<f32>, tensor<i4>) -> tensor<4x8xf32>
  return %q : tensor<4x8xf32>
}

// -----

// The other function gives this weight already, though nothing is computed from it.
// RULE: error: the module has `derived` already, which gives `fc.weight`; expected one from `lowbit-train-batch-norm`, or none
func.func @derived(%w: tensor<4x8xf32> {lowbit.name = "fc.weight"}) -> (tensor<4x8xf32> {lowbit.name = "fc.weight"}) {
  return %w : tensor<4x8xf32>
}
func.func @main(%w: tensor<4x8xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"},
                %s: tensor<f32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"}) -> tensor<4x8xf32> {
  %q = lowbit.fake_quant %w, %s <#lowbit.int<4>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %q : tensor<4x8xf32>
}

// -----

// Nothing is rounded.
// DITHER: error: `main` rounds no parameter, and nothing by a scale that is one
func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  return %x : tensor<4x8xf32>
}
