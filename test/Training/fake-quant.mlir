// RUN: quant-opt %s --lowbit-form-fake-quant=estimator=ste | FileCheck %s --check-prefix=FORM
// RUN: quant-opt %s --lowbit-form-fake-quant --lowbit-expand-fake-quant | FileCheck %s --check-prefix=BACK

// FORM-LABEL: func @pair
//  FORM-SAME:   %[[X:.*]]: tensor<4x8xf32>, %[[S:.*]]: tensor<f32>
//       FORM:   %[[Q:.*]] = lowbit.fake_quant %[[X]], %[[S]] <#lowbit.int<4>> : {{.*}} by #lowbit.ste
//       FORM:   return %[[Q]]
// BACK-LABEL: func @pair
//       BACK:   %[[CODES:.*]] = lowbit.quantize
//       BACK:   lowbit.dequantize %[[CODES]]
func.func @pair(%x: tensor<4x8xf32>, %s: tensor<f32>) -> tensor<4x8xf32> {
  %c = lowbit.quantize %x, %s <#lowbit.int<4>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi4>
  %d = lowbit.dequantize %c, %s <#lowbit.int<4>> : (tensor<4x8xi4>, tensor<f32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}

// Other scales: what comes out is no rounding of what went in.
// FORM-LABEL: func @rescaled
//       FORM:   lowbit.quantize
//       FORM:   lowbit.dequantize
func.func @rescaled(%x: tensor<4x8xf32>, %s: tensor<f32>, %t: tensor<f32>) -> tensor<4x8xf32> {
  %c = lowbit.quantize %x, %s <#lowbit.int<4>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi4>
  %d = lowbit.dequantize %c, %t <#lowbit.int<4>> : (tensor<4x8xi4>, tensor<f32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}
