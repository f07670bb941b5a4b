// RUN: quant-opt %s --lowbit-insert-qdq --split-input-file | FileCheck %s

// The op keeps computing in float, on dequantized operands.
// CHECK-LABEL: func @dynamic
//  CHECK-SAME:   %[[X:.*]]: tensor<4x8xf32>, %[[W:.*]]: tensor<8x6xf32>
//       CHECK:   %[[SX:.*]] = lowbit.compute_scales %[[X]] <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>) -> tensor<4x1xf32>
//       CHECK:   %[[CX:.*]] = lowbit.quantize %[[X]], %[[SX]]
//       CHECK:   %[[DX:.*]] = lowbit.dequantize %[[CX]], %[[SX]]
//       CHECK:   linalg.matmul {lowbit.site = "scores"} ins(%[[DX]], %[[W]]
func.func @dynamic(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %0 = linalg.matmul {lowbit.site = "scores", lowbit.schemes = {lhs = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [1, 0]>}}}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

// A scale and zero point from calibration are constants.
// CHECK-LABEL: func @static
//   CHECK-DAG:   %[[S:.*]] = arith.constant dense<5.000000e-01> : tensor<f32>
//   CHECK-DAG:   %[[Z:.*]] = arith.constant dense<3> : tensor<i8>
//       CHECK:   %[[C:.*]] = lowbit.quantize %{{.*}}, %[[S]], %[[Z]] <#lowbit.uint<8>, zero = i8>
//       CHECK:   lowbit.dequantize %[[C]], %[[S]], %[[Z]] <#lowbit.uint<8>, zero = i8>
func.func @static(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %0 = linalg.matmul {lowbit.schemes = {lhs = {scheme = #lowbit.scheme<#lowbit.uint<8>, zero = i8>, scale = 0.5 : f32, zero = 3 : i8}}}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}
