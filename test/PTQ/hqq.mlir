// RUN: quant-opt %s --split-input-file --lowbit-ptq-hqq --remarks-filter=lowbit 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// Three weights agree: the norm gives up the fourth, which has made the range.
// REMARK: remark: {{.*}}Passed{{.*}}hqq: `fc`: norm of errors 1.58 -> 0.79
// CHECK-LABEL: func @ternary
//       CHECK:   %[[W:.*]] = arith.constant dense<{{.*}}6.000000e-01
//       CHECK:   %[[SCALE:.*]] = arith.constant {lowbit.added} dense<0.637{{[0-9]*}}> : tensor<f32>
//       CHECK:   %[[CODES:.*]] = lowbit.quantize %[[W]], %[[SCALE]]
//       CHECK:   lowbit.dequantize %[[CODES]], %[[SCALE]]
func.func @ternary(%x: tensor<2x4xf32>, %init: tensor<2x1xf32>) -> tensor<2x1xf32> {
  %w = arith.constant dense<[[0.6], [0.6], [0.6], [1.0]]> : tensor<4x1xf32>
  %s = lowbit.compute_scales %w <#lowbit.ternary> : (tensor<4x1xf32>) -> tensor<f32>
  %c = lowbit.quantize %w, %s <#lowbit.ternary> : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1x!lowbit.code<#lowbit.ternary>>
  %d = lowbit.dequantize %c, %s <#lowbit.ternary> : (tensor<4x1x!lowbit.code<#lowbit.ternary>>, tensor<f32>) -> tensor<4x1xf32>
  %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<2x4xf32>, tensor<4x1xf32>) outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32>
  return %r : tensor<2x1xf32>
}

// -----

// Every column has a scale and a zero point of its own.
// CHECK-LABEL: func @zero_points
//       CHECK:   arith.constant {lowbit.added} dense<{{.*}}> : tensor<1x2xf32>
//       CHECK:   arith.constant {lowbit.added} dense<{{.*}}> : tensor<1x2xi8>
func.func @zero_points(%x: tensor<2x4xf32>, %init: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w = arith.constant dense<[[0.6, -0.1], [0.6, 0.25], [0.7, 0.2], [1.0, 0.9]]> : tensor<4x2xf32>
  %s, %z = lowbit.compute_scales %w <#lowbit.uint<2>, block = [0, 1], zero = i8> : (tensor<4x2xf32>) -> (tensor<1x2xf32>, tensor<1x2xi8>)
  %c = lowbit.quantize %w, %s, %z <#lowbit.uint<2>, block = [0, 1], zero = i8> : (tensor<4x2xf32>, tensor<1x2xf32>, tensor<1x2xi8>) -> tensor<4x2xi2>
  %d = lowbit.dequantize %c, %s, %z <#lowbit.uint<2>, block = [0, 1], zero = i8> : (tensor<4x2xi2>, tensor<1x2xf32>, tensor<1x2xi8>) -> tensor<4x2xf32>
  %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<2x4xf32>, tensor<4x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}

// -----

// Nothing is lost already, so nothing changes.
// REMARK: remark: {{.*}}Missed{{.*}}Reason="its norm of errors would be 0.00, not 0.00"{{.*}}hqq: `fc` stays as it was
// CHECK-LABEL: func @exact
//       CHECK:   lowbit.compute_scales
func.func @exact(%x: tensor<2x2xf32>, %init: tensor<2x1xf32>) -> tensor<2x1xf32> {
  %w = arith.constant dense<[[-1.0], [1.0]]> : tensor<2x1xf32>
  %s = lowbit.compute_scales %w <#lowbit.ternary> : (tensor<2x1xf32>) -> tensor<f32>
  %c = lowbit.quantize %w, %s <#lowbit.ternary> : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1x!lowbit.code<#lowbit.ternary>>
  %d = lowbit.dequantize %c, %s <#lowbit.ternary> : (tensor<2x1x!lowbit.code<#lowbit.ternary>>, tensor<f32>) -> tensor<2x1xf32>
  %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<2x2xf32>, tensor<2x1xf32>) outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32>
  return %r : tensor<2x1xf32>
}
