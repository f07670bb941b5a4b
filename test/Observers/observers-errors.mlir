// RUN: quant-opt %s --split-input-file --verify-diagnostics

// A decay of one would never forget nor learn.
func.func @decay(%x: tensor<4xf32>) {
  // expected-error @+1 {{moving average with decay 1.000000e+00; expected a decay above 0 and below 1}}
  lowbit.observe "a" %x : tensor<4xf32> with #lowbit.moving_average<1.0>
  return
}

// -----

func.func @decay_zero(%x: tensor<4xf32>) {
  // expected-error @+1 {{moving average with decay 0.000000e+00; expected a decay above 0 and below 1}}
  lowbit.observe "a" %x : tensor<4xf32> with #lowbit.moving_average<0>
  return
}

// -----

// A share instead of a percentage is the usual mistake.
func.func @percent_as_share(%x: tensor<4xf32>) {
  // expected-error @+1 {{percentile 9.990000e-01; expected above 50 and at most 100, such as 99.9}}
  lowbit.observe "a" %x : tensor<4xf32> with #lowbit.percentile<0.999>
  return
}

// -----

func.func @percent_beyond(%x: tensor<4xf32>) {
  // expected-error @+1 {{percentile 1.010000e+02; expected above 50 and at most 100, such as 99.9}}
  lowbit.observe "a" %x : tensor<4xf32> with #lowbit.percentile<101>
  return
}

// -----

// Bins join in pairs, so their number is a power of two.
func.func @bins_odd(%x: tensor<4xf32>) {
  // expected-error @+1 {{histogram of 1000 bins; expected a power of two from 16 to 65536}}
  lowbit.observe "a" %x : tensor<4xf32> with #lowbit.percentile<99.9, bins = 1000>
  return
}

// -----

func.func @bins_many(%x: tensor<4xf32>) {
  // expected-error @+1 {{histogram of 131072 bins; expected a power of two from 16 to 65536}}
  lowbit.observe "a" %x : tensor<4xf32> with #lowbit.entropy<bins = 131072>
  return
}

// -----

func.func @bins_few(%x: tensor<4xf32>) {
  // expected-error @+1 {{histogram of 8 bins; expected a power of two from 16 to 65536}}
  lowbit.observe "a" %x : tensor<4xf32> with #lowbit.mse<bins = 8>
  return
}
