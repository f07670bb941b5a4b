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

// A reshape of a fill is a fill, which can be written where its only reader needs it.
// CHECK-LABEL: func @reshaped
//   CHECK-NOT:   tensor.expand_shape
//       CHECK:   %[[E:.*]] = tensor.empty() : tensor<2x3x4xf32>
//       CHECK:   linalg.fill {{.*}} outs(%[[E]] : tensor<2x3x4xf32>)
func.func @reshaped() -> tensor<2x3x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x4xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<6x4xf32>) -> tensor<6x4xf32>
  %r = tensor.expand_shape %z [[0, 1], [2]] output_shape [2, 3, 4] : tensor<6x4xf32> into tensor<2x3x4xf32>
  return %r : tensor<2x3x4xf32>
}

// So does a fill of what has another shape, and nothing in it.
// CHECK-LABEL: func @of_a_reshape
//       CHECK:   linalg.fill
//       CHECK:   %[[E:.*]] = tensor.empty() : tensor<2x3xf32>
//       CHECK:   linalg.fill {{.*}} outs(%[[E]] : tensor<2x3xf32>)
func.func @of_a_reshape(%x: tensor<2x3x4xf32>, %y: tensor<2x3x4xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6xf32>
  %r = tensor.expand_shape %e [[0, 1]] output_shape [2, 3] : tensor<6xf32> into tensor<2x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%r : tensor<2x3xf32>) -> tensor<2x3xf32>
  %a = linalg.reduce { arith.addf } ins(%x : tensor<2x3x4xf32>) outs(%z : tensor<2x3xf32>) dimensions = [2]
  %b = linalg.reduce { arith.addf } ins(%y : tensor<2x3x4xf32>) outs(%z : tensor<2x3xf32>) dimensions = [2]
  return %a, %b : tensor<2x3xf32>, tensor<2x3xf32>
}
