// RUN: quant-opt %s --lowbit-fold-weights --split-input-file | FileCheck %s

// max |w| / 127 for each column; halves round to even.
// CHECK-LABEL: func @per_channel
//   CHECK-DAG:   %[[S:.*]] = arith.constant {{.*}}dense<{{\[\[}}1.000000e+00, 2.000000e+00]]> : tensor<1x2xf32>
//   CHECK-DAG:   %[[C:.*]] = arith.constant {{.*}}dense<{{\[\[}}127, -127], [2, 3], [0, 0]]> : tensor<3x2xi8>
//   CHECK-NOT:   f32>{{$}}
//       CHECK:   return %[[C]], %[[S]]
func.func @per_channel() -> (tensor<3x2xi8>, tensor<1x2xf32>) {
  %w = arith.constant dense<[[127.0, -254.0], [2.5, 6.0], [0.5, -1.0]]> : tensor<3x2xf32>
  %s = lowbit.compute_scales %w <#lowbit.int<8>, block = [0, 1]> : (tensor<3x2xf32>) -> tensor<1x2xf32>
  %c = lowbit.quantize %w, %s <#lowbit.int<8>, block = [0, 1]> : (tensor<3x2xf32>, tensor<1x2xf32>) -> tensor<3x2xi8>
  return %c, %s : tensor<3x2xi8>, tensor<1x2xf32>
}

// -----

// With zero points the range includes zero; a block of zeros has scale one.
// CHECK-LABEL: func @groups_with_zero_points
//   CHECK-DAG:   arith.constant {{.*}}dense<{{\[\[}}2.000000e-01, 1.000000e+00]]> : tensor<1x2xf32>
//   CHECK-DAG:   arith.constant {{.*}}dense<{{\[\[}}5, 0]]> : tensor<1x2xi8>
//   CHECK-DAG:   arith.constant {{.*}}dense<{{\[\[}}0, -1, 0, 0]]> : tensor<1x4xi4>
func.func @groups_with_zero_points() -> (tensor<1x4xi4>, tensor<1x2xf32>, tensor<1x2xi8>) {
  %w = arith.constant dense<[[-1.0, 2.0, 0.0, 0.0]]> : tensor<1x4xf32>
  %s, %z = lowbit.compute_scales %w <#lowbit.uint<4>, block = [1, 2], zero = i8> : (tensor<1x4xf32>) -> (tensor<1x2xf32>, tensor<1x2xi8>)
  %c = lowbit.quantize %w, %s, %z <#lowbit.uint<4>, block = [1, 2], zero = i8>
      : (tensor<1x4xf32>, tensor<1x2xf32>, tensor<1x2xi8>) -> tensor<1x4xi4>
  return %c, %s, %z : tensor<1x4xi4>, tensor<1x2xf32>, tensor<1x2xi8>
}

// -----

// Codes without a builtin element type are constants of one byte each.
// CHECK-LABEL: func @ternary
//       CHECK:   arith.constant {{.*}}dense_resource<constant.codes> : tensor<4x!lowbit.code<#lowbit.ternary>>
//       CHECK:   constant.codes: "0x4000000001000303"
func.func @ternary() -> tensor<4x!lowbit.code<#lowbit.ternary>> {
  %w = arith.constant dense<[1.0, 0.25, -1.0, -2.0]> : tensor<4xf32>
  %s = arith.constant dense<1.0> : tensor<f32>
  %c = lowbit.quantize %w, %s <#lowbit.ternary> : (tensor<4xf32>, tensor<f32>) -> tensor<4x!lowbit.code<#lowbit.ternary>>
  return %c : tensor<4x!lowbit.code<#lowbit.ternary>>
}
