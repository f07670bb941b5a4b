// RUN: quant-opt %s --lowbit-narrow-early --split-input-file | FileCheck %s

// Before a reshape and a transpose, so that both move halves.
// CHECK-LABEL: @moves
//  CHECK-SAME:   %[[X:.*]]: tensor<4x6xf32>
//       CHECK:   %[[H:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<4x6xf32>) {{.*}}
//       CHECK:     arith.truncf
//       CHECK:   %[[E:.*]] = tensor.expand_shape %[[H]] {{.*}} into tensor<4x2x3xbf16>
//       CHECK:   linalg.generic {{.*}} ins(%[[E]] : tensor<4x2x3xbf16>) outs({{.*}} : tensor<2x4x3xbf16>)
//   CHECK-NOT:     arith.truncf
//       CHECK:   return
#in = affine_map<(i, j, k) -> (j, i, k)>
#all = affine_map<(i, j, k) -> (i, j, k)>
func.func @moves(%x: tensor<4x6xf32>) -> tensor<2x4x3xbf16> {
  %r = tensor.expand_shape %x [[0], [1, 2]] output_shape [4, 2, 3] : tensor<4x6xf32> into tensor<4x2x3xf32>
  %e = tensor.empty() : tensor<2x4x3xf32>
  %t = linalg.generic {indexing_maps = [#in, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r : tensor<4x2x3xf32>) outs(%e : tensor<2x4x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<2x4x3xf32>
  %h = tensor.empty() : tensor<2x4x3xbf16>
  %n = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%t : tensor<2x4x3xf32>) outs(%h : tensor<2x4x3xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    %0 = arith.truncf %a : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<2x4x3xbf16>
  return %n : tensor<2x4x3xbf16>
}

// -----

// What something else reads, too, would be moved twice.
// CHECK-LABEL: @shared
//       CHECK:   tensor.expand_shape
//       CHECK:   arith.truncf
#all = affine_map<(i, j, k) -> (i, j, k)>
func.func @shared(%x: tensor<4x6xf32>) -> (tensor<4x2x3xbf16>, tensor<4x2x3xf32>) {
  %r = tensor.expand_shape %x [[0], [1, 2]] output_shape [4, 2, 3] : tensor<4x6xf32> into tensor<4x2x3xf32>
  %h = tensor.empty() : tensor<4x2x3xbf16>
  %n = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%r : tensor<4x2x3xf32>) outs(%h : tensor<4x2x3xbf16>) {
  ^bb0(%a: f32, %o: bf16):
    %0 = arith.truncf %a : f32 to bf16
    linalg.yield %0 : bf16
  } -> tensor<4x2x3xbf16>
  return %n, %r : tensor<4x2x3xbf16>, tensor<4x2x3xf32>
}
