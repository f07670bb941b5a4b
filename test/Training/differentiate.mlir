// RUN: quant-opt %s --lowbit-differentiate --canonicalize --cse --split-input-file | FileCheck %s

// The gradient of a product by its right side is the left side transposed times the cotangent: rows are what is summed.
// CHECK-LABEL: func @loss_gradients
//  CHECK-SAME:   %[[X:.*]]: tensor<4x8xf32>, %{{.*}}: tensor<8x6xf32> {lowbit.name = "w", lowbit.parameter = "weight"})
//  CHECK-SAME:   -> (tensor<f32>, tensor<8x6xf32> {lowbit.name = "gradient.w"})
//       CHECK:   linalg.generic {indexing_maps = [#[[LEFT:.*]], #[[COTANGENT:.*]], #[[RIGHT:.*]]], iterator_types = ["reduction", "parallel", "parallel"]}
//  CHECK-SAME:     ins(%[[X]], %{{.*}} : tensor<4x8xf32>, tensor<4x6xf32>) outs(%{{.*}} : tensor<8x6xf32>)
func.func @loss(%x: tensor<4x8xf32>, %w: tensor<8x6xf32> {lowbit.name = "w", lowbit.parameter = "weight"}) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %s = tensor.empty() : tensor<f32>
  %start = linalg.fill ins(%zero : f32) outs(%s : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%y : tensor<4x6xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %square = arith.mulf %a, %a : f32
    %0 = arith.addf %acc, %square : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// A broadcast becomes a sum; an axis of size one, which follows no loop, comes back.
// CHECK-LABEL: func @loss_gradients
//       CHECK:   %[[SUM:.*]] = linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]
//       CHECK:   tensor.expand_shape %[[SUM]] {{\[\[}}0, 1]] output_shape [1, 6] : tensor<6xf32> into tensor<1x6xf32>
func.func @loss(%x: tensor<4x6xf32>, %b: tensor<1x6xf32> {lowbit.name = "b", lowbit.parameter = "other"}) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %s = tensor.empty() : tensor<f32>
  %start = linalg.fill ins(%zero : f32) outs(%s : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (0, j)>, affine_map<(i, j) -> ()>],
                         iterator_types = ["reduction", "reduction"]}
      ins(%x, %b : tensor<4x6xf32>, tensor<1x6xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %product = arith.mulf %a, %c : f32
    %0 = arith.addf %acc, %product : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// What rounding does to a gradient is the estimator's; a scale is a parameter like any other.
// CHECK-LABEL: func @loss_gradients
//       CHECK:   %[[DX:.*]], %[[DS:.*]] = lowbit.fake_quant_grad %{{.*}}, %{{.*}} cotangent %{{.*}} <#lowbit.int<2>> : {{.*}} by #lowbit.lsq
//       CHECK:   return %{{.*}}, %[[DX]], %[[DS]] :
func.func @loss(%w: tensor<6xf32> {lowbit.name = "w", lowbit.parameter = "weight"},
                %s: tensor<f32> {lowbit.name = "s", lowbit.parameter = "scale"}, %start: tensor<f32>) -> tensor<f32> {
  %q = lowbit.fake_quant %w, %s <#lowbit.int<2>> : (tensor<6xf32>, tensor<f32>) -> tensor<6xf32> by #lowbit.lsq
  %sum = linalg.dot ins(%q, %q : tensor<6xf32>, tensor<6xf32>) outs(%start : tensor<f32>) -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// An image that is read in windows gets the sum over the windows that read a pixel: here two, one pixel apart.
// CHECK-LABEL: func @loss_gradients
//       CHECK:   %[[WINDOWS:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<3x2xf32>)
//       CHECK:   tensor.extract_slice %[[WINDOWS]][0, 0] [3, 1] [1, 1] : tensor<3x2xf32> to tensor<3xf32>
//       CHECK:   tensor.insert_slice %{{.*}} into %{{.*}}[0] [3] [1] : tensor<3xf32> into tensor<4xf32>
//       CHECK:   tensor.extract_slice %[[WINDOWS]][0, 1] [3, 1] [1, 1] : tensor<3x2xf32> to tensor<3xf32>
//       CHECK:   tensor.insert_slice %{{.*}} into %{{.*}}[1] [3] [1] : tensor<3xf32> into tensor<4xf32>
func.func @loss(%x: tensor<4xf32> {lowbit.name = "x", lowbit.parameter = "other"}, %k: tensor<2xf32>, %z: tensor<3xf32>, %start: tensor<f32>)
    -> tensor<f32> {
  %y = linalg.conv_1d ins(%x, %k : tensor<4xf32>, tensor<2xf32>) outs(%z : tensor<3xf32>) -> tensor<3xf32>
  %sum = linalg.dot ins(%y, %y : tensor<3xf32>, tensor<3xf32>) outs(%start : tensor<f32>) -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// Windows that lie side by side have each pixel once: their gradients are the image's, in another shape.
// CHECK-LABEL: func @loss_gradients
//       CHECK:   %[[WINDOWS:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<2x3xf32>)
//   CHECK-NOT:   tensor.insert_slice
//       CHECK:   %[[DX:.*]] = tensor.collapse_shape %[[WINDOWS]] {{\[\[}}0, 1]] : tensor<2x3xf32> into tensor<6xf32>
//       CHECK:   return %{{.*}}, %[[DX]]
func.func @loss(%x: tensor<6xf32> {lowbit.name = "x", lowbit.parameter = "other"}, %k: tensor<3xf32>, %z: tensor<2xf32>, %start: tensor<f32>)
    -> tensor<f32> {
  %y = linalg.generic {indexing_maps = [affine_map<(p, o) -> (p * 3 + o)>, affine_map<(p, o) -> (o)>, affine_map<(p, o) -> (p)>],
                       iterator_types = ["parallel", "reduction"]} ins(%x, %k : tensor<6xf32>, tensor<3xf32>) outs(%z : tensor<2xf32>) {
  ^bb0(%a: f32, %c: f32, %acc: f32):
    %product = arith.mulf %a, %c : f32
    %0 = arith.addf %acc, %product : f32
    linalg.yield %0 : f32
  } -> tensor<2xf32>
  %sum = linalg.dot ins(%y, %y : tensor<2xf32>, tensor<2xf32>) outs(%start : tensor<f32>) -> tensor<f32>
  return %sum : tensor<f32>
}
