// RUN: quant-opt %s --lowbit-duplicate-fills | FileCheck %s

// Two sums start from zeros: each writes its own, right before it needs them.
// CHECK-LABEL: func @two_sums
//       CHECK:   %[[A:.*]] = linalg.fill
//       CHECK:   outs(%[[A]]
//       CHECK:   %[[B:.*]] = linalg.fill
//       CHECK:   outs(%[[B]]
//   CHECK-NOT:   linalg.fill
func.func @two_sums(%x: tensor<4x8xf32>, %y: tensor<8x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %a = linalg.matmul ins(%x, %y : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %b = linalg.matmul ins(%x, %y : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %a, %b : tensor<4x6xf32>, tensor<4x6xf32>
}
