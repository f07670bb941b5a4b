// RUN: quant-opt %s --convert-lowbit-to-quant --split-input-file --verify-diagnostics

func.func @dynamic_scale(%x: tensor<4xf32>, %s: tensor<f32>) -> tensor<4xi8> {
  // expected-error @+1 {{scales are computed at run time, or kept as a resource; a `quant` type needs them as constants}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4xf32>, tensor<f32>) -> tensor<4xi8>
  return %c : tensor<4xi8>
}

// -----

func.func @float_format(%x: tensor<4xf32>) -> tensor<4xf4E2M1FN> {
  %s = arith.constant dense<0.5> : tensor<f32>
  // expected-error @+1 {{has no storage type in `quant`; expected an integer format}}
  %c = lowbit.quantize %x, %s <#lowbit.float<f4E2M1FN>> : (tensor<4xf32>, tensor<f32>) -> tensor<4xf4E2M1FN>
  return %c : tensor<4xf4E2M1FN>
}

// -----

func.func @reciprocal(%x: tensor<4xf32>) -> tensor<4xi8> {
  %s = arith.constant dense<0.5> : tensor<f32>
  // expected-error @+1 {{`quant` divides by scales; `scaling = reciprocal` would round differently}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>, scaling = reciprocal> : (tensor<4xf32>, tensor<f32>) -> tensor<4xi8>
  return %c : tensor<4xi8>
}

// -----

func.func @inexact_scale(%x: tensor<4xf16>) -> tensor<4xi8> {
  %s = arith.constant dense<0.1> : tensor<f32>
  // expected-error @+1 {{is not exact as 'f16', in which `quant` reads it}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4xf16>, tensor<f32>) -> tensor<4xi8>
  return %c : tensor<4xi8>
}

// -----

func.func @no_word(%x: tensor<4xf32>) -> tensor<f32> {
  // expected-error @+1 {{`lowbit.compute_scales` has no equivalent in `quant`; lower it first}}
  %s = lowbit.compute_scales %x <#lowbit.int<8>> : (tensor<4xf32>) -> tensor<f32>
  return %s : tensor<f32>
}

// -----

func.func @negative_scale(%x: tensor<4xf32>) -> tensor<4xi8> {
  %s = arith.constant dense<-0.5> : tensor<f32>
  // expected-error @+1 {{scale -5.000000e-01 is negative, and scales of `quant` are positive}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4xf32>, tensor<f32>) -> tensor<4xi8>
  return %c : tensor<4xi8>
}
