// RUN: quant-opt %s --lowbit-form-fake-quant=estimator=approx_sign --split-input-file --verify-diagnostics
// RUN: quant-opt %s --lowbit-form-fake-quant=estimator=approx_sign,ste --split-input-file | FileCheck %s

// CHECK-LABEL: func @sign_of_four_bits
//       CHECK:   lowbit.fake_quant {{.*}} by #lowbit.ste
func.func @sign_of_four_bits(%x: tensor<4x8xf32>, %s: tensor<f32>) -> tensor<4x8xf32> {
  // expected-error @below {{no `estimator` fits #lowbit.int<4>: #lowbit.approx_sign does not, it is the slope of a sign, and expects a format of two codes, one the negative of the other, such as `binary`; add one that does, such as `ste`}}
  %c = lowbit.quantize %x, %s <#lowbit.int<4>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi4>
  %d = lowbit.dequantize %c, %s <#lowbit.int<4>> : (tensor<4x8xi4>, tensor<f32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// -----

// Two codes, but 0 and 1.
// CHECK-LABEL: func @sign_of_a_bit
//       CHECK:   lowbit.fake_quant {{.*}} by #lowbit.ste
func.func @sign_of_a_bit(%x: tensor<4x8xf32>, %s: tensor<f32>) -> tensor<4x8xf32> {
  // expected-error @below {{no `estimator` fits #lowbit.uint<1>}}
  %c = lowbit.quantize %x, %s <#lowbit.uint<1>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi1>
  %d = lowbit.dequantize %c, %s <#lowbit.uint<1>> : (tensor<4x8xi1>, tensor<f32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// -----

// What fits takes the first.
// CHECK-LABEL: func @sign
//       CHECK:   lowbit.fake_quant {{.*}} by #lowbit.approx_sign
func.func @sign(%x: tensor<4x8xf32>, %s: tensor<f32>) -> tensor<4x8xf32> {
  %c = lowbit.quantize %x, %s <#lowbit.binary> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8x!lowbit.code<#lowbit.binary>>
  %d = lowbit.dequantize %c, %s <#lowbit.binary> : (tensor<4x8x!lowbit.code<#lowbit.binary>>, tensor<f32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}
