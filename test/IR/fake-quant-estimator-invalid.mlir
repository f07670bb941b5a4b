// RUN: quant-opt %s --split-input-file --verify-diagnostics

func.func @sign_of_two_bits(%x: tensor<4xf32>, %s: tensor<f32>) -> tensor<4xf32> {
  // expected-error @below {{'lowbit.fake_quant' op (C5) estimator #lowbit.approx_sign does not fit #lowbit.int<2>: it is the slope of a sign}}
  %y = lowbit.fake_quant %x, %s <#lowbit.int<2>> : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32> by #lowbit.approx_sign
  return %y : tensor<4xf32>
}

// -----

// The largest code of one signed bit is 0.
func.func @step_of_a_bit(%x: tensor<4xf32>, %s: tensor<f32>) -> tensor<4xf32> {
  // expected-error @below {{'lowbit.fake_quant' op (C5) estimator #lowbit.lsq does not fit #lowbit.int<1>: it divides by the largest code, which is not above 0}}
  %y = lowbit.fake_quant %x, %s <#lowbit.int<1>> : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32> by #lowbit.lsq
  return %y : tensor<4xf32>
}

// -----

func.func @gradient(%x: tensor<4xf32>, %s: tensor<f32>) -> (tensor<4xf32>, tensor<f32>) {
  // expected-error @below {{'lowbit.fake_quant_grad' op (C5) estimator #lowbit.approx_sign does not fit #lowbit.ternary: it is the slope of a sign}}
  %dx, %ds = lowbit.fake_quant_grad %x, %s cotangent %x <#lowbit.ternary>
    : (tensor<4xf32>, tensor<f32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<f32>) by #lowbit.approx_sign
  return %dx, %ds : tensor<4xf32>, tensor<f32>
}
