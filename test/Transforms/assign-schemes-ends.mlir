// A rule with `ends` is for the first and the last site of each kind: of linear layers the first and the third, of convolutions the only one.
// RUN: quant-opt %s --lowbit-assign-schemes='recipe={"version": 1, "name": "ends", "rules": [{"ends": true, "weight": {"format": "int<8>", "per": "channel"}}, {"weight": {"format": "int<4>", "per": "channel", "scale": "f8E4M3FN", "tensor_scale": true}}]}' | FileCheck %s

// CHECK-LABEL: func @main
//       CHECK:   linalg.conv_2d_nchw_fchw {{.*}}weight = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [1, 0, 0, 0]>}}{{.*}}lowbit.site = "conv"
//       CHECK:   linalg.matmul {{.*}}weight = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [0, 1]>}}, lowbit.site = "first"
//       CHECK:   linalg.matmul {{.*}}weight = {lowbit.tensor_scale, scheme = #lowbit.scheme<#lowbit.int<4>, block = [0, 1], scale = f8E4M3FN>}}, lowbit.site = "middle"
//       CHECK:   linalg.matmul {{.*}}weight = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [0, 1]>}}, lowbit.site = "last"
func.func @main(%x: tensor<4x8xf32>, %z: tensor<4x8xf32>, %image: tensor<1x3x8x8xf32>, %c: tensor<1x4x6x6xf32>) -> (tensor<4x8xf32>, tensor<1x4x6x6xf32>) {
  %w = arith.constant dense<1.0> : tensor<8x8xf32>
  %f = arith.constant dense<1.0> : tensor<4x3x3x3xf32>
  %r = linalg.conv_2d_nchw_fchw {lowbit.site = "conv"} ins(%image, %f : tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) outs(%c : tensor<1x4x6x6xf32>) -> tensor<1x4x6x6xf32>
  %0 = linalg.matmul {lowbit.site = "first"} ins(%x, %w : tensor<4x8xf32>, tensor<8x8xf32>) outs(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = linalg.matmul {lowbit.site = "middle"} ins(%0, %w : tensor<4x8xf32>, tensor<8x8xf32>) outs(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = linalg.matmul {lowbit.site = "last"} ins(%1, %w : tensor<4x8xf32>, tensor<8x8xf32>) outs(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2, %r : tensor<4x8xf32>, tensor<1x4x6x6xf32>
}
