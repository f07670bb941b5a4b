// RUN: quant-opt %s --lowbit-trim-windows | FileCheck %s
// RUN: quant-opt %s --lowbit-trim-windows --linalg-fold-unit-extent-dims -o /dev/null

// One step of a window of three reads three elements of four.
// CHECK-LABEL: func @one_step
//  CHECK-SAME:   %[[X:.*]]: tensor<2x4xf32>
//       CHECK:   %[[READ:.*]] = tensor.extract_slice %[[X]][0, 0] [2, 3] [1, 1]
//       CHECK:   linalg.generic {{.*}} ins(%[[READ]], %{{.*}} : tensor<2x3xf32>, tensor<3xf32>)
func.func @one_step(%x: tensor<2x4xf32>, %window: tensor<3xf32>, %y: tensor<2x1xf32>) -> tensor<2x1xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(b, s, k) -> (b, s * 3 + k)>, affine_map<(b, s, k) -> (k)>, affine_map<(b, s, k) -> (b, s)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %window : tensor<2x4xf32>, tensor<3xf32>) outs(%y : tensor<2x1xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %1 = arith.addf %v, %o : f32
    linalg.yield %1 : f32
  } -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// Windows of several steps keep their shape, and need no trimming.
// CHECK-LABEL: func @two_steps
//   CHECK-NOT:   tensor.extract_slice
func.func @two_steps(%x: tensor<2x7xf32>, %window: tensor<3xf32>, %y: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(b, s, k) -> (b, s * 3 + k)>, affine_map<(b, s, k) -> (k)>, affine_map<(b, s, k) -> (b, s)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %window : tensor<2x7xf32>, tensor<3xf32>) outs(%y : tensor<2x2xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %1 = arith.addf %v, %o : f32
    linalg.yield %1 : f32
  } -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// An operand that ends with the window stays as it is, and so does one along which nothing slides.
// CHECK-LABEL: func @fits
//   CHECK-NOT:   tensor.extract_slice
func.func @fits(%x: tensor<2x3xf32>, %window: tensor<3xf32>, %y: tensor<2x1xf32>) -> tensor<2x1xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(b, s, k) -> (b, s * 3 + k)>, affine_map<(b, s, k) -> (k)>, affine_map<(b, s, k) -> (b, s)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %window : tensor<2x3xf32>, tensor<3xf32>) outs(%y : tensor<2x1xf32>) {
  ^bb0(%v: f32, %w: f32, %o: f32):
    %1 = arith.addf %v, %o : f32
    linalg.yield %1 : f32
  } -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}
