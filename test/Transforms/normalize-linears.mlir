// RUN: quant-opt %s --lowbit-normalize-linears --split-input-file | FileCheck %s

// The weight is the same in every batch, so all rows are multiplied by it at once.
// CHECK-LABEL: func @shared_weight
//  CHECK-SAME:   %[[X:.*]]: tensor<2x4x8xf32>
//       CHECK:   %[[W:.*]] = arith.constant dense_resource<weight> : tensor<8x6xf32>
//       CHECK:   %[[ROWS:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<2x4x8xf32> into tensor<8x8xf32>
//       CHECK:   %[[R:.*]] = linalg.matmul ins(%[[ROWS]], %[[W]] : tensor<8x8xf32>, tensor<8x6xf32>)
//       CHECK:   tensor.expand_shape %[[R]] {{\[\[}}0, 1], [2]] output_shape [2, 4, 6]
func.func @shared_weight(%x: tensor<2x4x8xf32>, %e: tensor<2x8x6xf32>, %f: tensor<2x4x6xf32>) -> tensor<2x4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %weight = arith.constant dense_resource<weight> : tensor<8x6xf32>
  %w = linalg.broadcast ins(%weight : tensor<8x6xf32>) outs(%e : tensor<2x8x6xf32>) dimensions = [0]
  %zeros = linalg.fill ins(%zero : f32) outs(%f : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %r = linalg.batch_matmul ins(%x, %w : tensor<2x4x8xf32>, tensor<2x8x6xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  return %r : tensor<2x4x6xf32>
}

// -----

// As torch-mlir writes `x @ w.T`: the weight is transposed, expanded and copied along the batch.
// CHECK-LABEL: func @transposed_expanded_copied
//       CHECK:   %[[W:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]>
//       CHECK:   linalg.matmul ins(%{{.*}}, %[[W]] : tensor<8x3xf32>, tensor<3x2xf32>)
func.func @transposed_expanded_copied(%x: tensor<2x4x3xf32>, %e: tensor<3x2xf32>, %b: tensor<2x3x2xf32>, %f: tensor<2x4x2xf32>) -> tensor<2x4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %weight = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %t = linalg.transpose ins(%weight : tensor<2x3xf32>) outs(%e : tensor<3x2xf32>) permutation = [1, 0]
  %u = tensor.expand_shape %t [[0, 1], [2]] output_shape [1, 3, 2] : tensor<3x2xf32> into tensor<1x3x2xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>],
                       iterator_types = ["parallel", "parallel", "parallel"]} ins(%u : tensor<1x3x2xf32>) outs(%b : tensor<2x3x2xf32>) {
  ^bb0(%element: f32, %out: f32):
    linalg.yield %element : f32
  } -> tensor<2x3x2xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%f : tensor<2x4x2xf32>) -> tensor<2x4x2xf32>
  %r = linalg.batch_matmul ins(%x, %w : tensor<2x4x3xf32>, tensor<2x3x2xf32>) outs(%zeros : tensor<2x4x2xf32>) -> tensor<2x4x2xf32>
  return %r : tensor<2x4x2xf32>
}

// -----

// Two batches, two weights: nothing is merged.
// CHECK-LABEL: func @own_weights
//       CHECK:   linalg.batch_matmul
func.func @own_weights(%x: tensor<2x4x8xf32>, %f: tensor<2x4x6xf32>) -> tensor<2x4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense_resource<weight> : tensor<2x8x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%f : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %r = linalg.batch_matmul ins(%x, %w : tensor<2x4x8xf32>, tensor<2x8x6xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  return %r : tensor<2x4x6xf32>
}

// -----

// The bias reads rows, so that nothing stands between it and the matmul.
// CHECK-LABEL: func @bias_of_rows
//       CHECK:   %[[R:.*]] = linalg.matmul
//       CHECK:   linalg.generic {{.*}} ins(%[[R]], %{{.*}} : tensor<8x6xf32>, tensor<6xf32>)
//       CHECK:   tensor.expand_shape
func.func @bias_of_rows(%x: tensor<8x8xf32>, %w: tensor<8x6xf32>, %bias: tensor<6xf32>, %z: tensor<8x6xf32>) -> tensor<2x4x6xf32> {
  %r = linalg.matmul ins(%x, %w : tensor<8x8xf32>, tensor<8x6xf32>) outs(%z : tensor<8x6xf32>) -> tensor<8x6xf32>
  %t = tensor.expand_shape %r [[0, 1], [2]] output_shape [2, 4, 6] : tensor<8x6xf32> into tensor<2x4x6xf32>
  %empty = tensor.empty() : tensor<2x4x6xf32>
  %a = linalg.generic {indexing_maps = [affine_map<(b, m, n) -> (b, m, n)>, affine_map<(b, m, n) -> (n)>, affine_map<(b, m, n) -> (b, m, n)>],
                       iterator_types = ["parallel", "parallel", "parallel"]} ins(%t, %bias : tensor<2x4x6xf32>, tensor<6xf32>) outs(%empty : tensor<2x4x6xf32>) {
  ^bb0(%sum: f32, %b0: f32, %out: f32):
    %0 = arith.addf %sum, %b0 : f32
    linalg.yield %0 : f32
  } -> tensor<2x4x6xf32>
  return %a : tensor<2x4x6xf32>
}

// -----

// A generic that permutes a constant is carried out; the axes differ in size, so a wrong order shows.
// CHECK-LABEL: func @permuting_copy
//       CHECK:   arith.constant dense<{{\[\[\[}}0], [2], [4]], {{\[\[}}1], [3], [5]]]> : tensor<2x3x1xi32>
func.func @permuting_copy(%e: tensor<2x3x1xi32>) -> tensor<2x3x1xi32> {
  %c = arith.constant dense<[[[0, 1], [2, 3], [4, 5]]]> : tensor<1x3x2xi32>
  %t = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (c, b, a)>],
                       iterator_types = ["parallel", "parallel", "parallel"]} ins(%c : tensor<1x3x2xi32>) outs(%e : tensor<2x3x1xi32>) {
  ^bb0(%element: i32, %out: i32):
    linalg.yield %element : i32
  } -> tensor<2x3x1xi32>
  return %t : tensor<2x3x1xi32>
}
