// RUN: quant-opt %s --lowbit-sink-dequantize --split-input-file | FileCheck %s

// One scale serves every element, so only codes move.
// CHECK-LABEL: func @transpose_per_tensor
//  CHECK-SAME:   %[[CODES:.*]]: tensor<4x8xi8>, %[[SCALE:.*]]: tensor<f32>
//       CHECK:   %[[MOVED:.*]] = linalg.transpose ins(%[[CODES]] : tensor<4x8xi8>)
//       CHECK:   lowbit.dequantize %[[MOVED]], %[[SCALE]] <#lowbit.int<8>> : (tensor<8x4xi8>, tensor<f32>)
func.func @transpose_per_tensor(%c: tensor<4x8xi8>, %s: tensor<f32>, %init: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %f = lowbit.dequantize %c, %s <#lowbit.int<8>> : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  %t = linalg.transpose ins(%f : tensor<4x8xf32>) outs(%init : tensor<8x4xf32>) permutation = [1, 0]
  return %t : tensor<8x4xf32>
}

// -----

// Blocks of any size follow their axis; zero points go with the scales.
// CHECK-LABEL: func @transpose_groups
//       CHECK:   linalg.transpose ins(%{{.*}} : tensor<4x8xi4>)
//       CHECK:   linalg.transpose ins(%{{.*}} : tensor<4x2xf32>)
//       CHECK:   linalg.transpose ins(%{{.*}} : tensor<4x2xi4>)
//       CHECK:   lowbit.dequantize {{.*}} <#lowbit.uint<4>, block = [4, 1], zero = i4> : (tensor<8x4xi4>, tensor<2x4xf32>, tensor<2x4xi4>)
func.func @transpose_groups(%c: tensor<4x8xi4>, %s: tensor<4x2xf32>, %z: tensor<4x2xi4>, %init: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %f = lowbit.dequantize %c, %s, %z <#lowbit.uint<4>, block = [1, 4], zero = i4> : (tensor<4x8xi4>, tensor<4x2xf32>, tensor<4x2xi4>) -> tensor<4x8xf32>
  %t = linalg.transpose ins(%f : tensor<4x8xf32>) outs(%init : tensor<8x4xf32>) permutation = [1, 0]
  return %t : tensor<8x4xf32>
}

// -----

// Tokens that are split in two axes keep a scale each.
// CHECK-LABEL: func @expand_per_token
//       CHECK:   tensor.expand_shape %{{.*}} {{\[\[}}0, 1], [2, 3]] output_shape [2, 3, 4, 2] : tensor<6x8xi8> into tensor<2x3x4x2xi8>
//       CHECK:   tensor.expand_shape %{{.*}} {{\[\[}}0, 1], [2, 3]] output_shape [2, 3, 1, 1] : tensor<6x1xf32> into tensor<2x3x1x1xf32>
//       CHECK:   lowbit.dequantize {{.*}} <#lowbit.int<8>, block = [1, 1, 0, 0]>
func.func @expand_per_token(%c: tensor<6x8xi8>, %s: tensor<6x1xf32>) -> tensor<2x3x4x2xf32> {
  %f = lowbit.dequantize %c, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<6x8xi8>, tensor<6x1xf32>) -> tensor<6x8xf32>
  %e = tensor.expand_shape %f [[0, 1], [2, 3]] output_shape [2, 3, 4, 2] : tensor<6x8xf32> into tensor<2x3x4x2xf32>
  return %e : tensor<2x3x4x2xf32>
}

// -----

// CHECK-LABEL: func @collapse_per_token
//       CHECK:   tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]] : tensor<2x3x8xi8> into tensor<6x8xi8>
//       CHECK:   lowbit.dequantize {{.*}} <#lowbit.int<8>, block = [1, 0]> : (tensor<6x8xi8>, tensor<6x1xf32>)
func.func @collapse_per_token(%c: tensor<2x3x8xi8>, %s: tensor<2x3x1xf32>) -> tensor<6x8xf32> {
  %f = lowbit.dequantize %c, %s <#lowbit.int<8>, block = [1, 1, 0]> : (tensor<2x3x8xi8>, tensor<2x3x1xf32>) -> tensor<2x3x8xf32>
  %e = tensor.collapse_shape %f [[0, 1], [2]] : tensor<2x3x8xf32> into tensor<6x8xf32>
  return %e : tensor<6x8xf32>
}

// -----

// Axes with and without a scale of their own cannot become one axis.
// CHECK-LABEL: func @collapse_mixed
//       CHECK:   %[[F:.*]] = lowbit.dequantize
//       CHECK:   tensor.collapse_shape %[[F]]
func.func @collapse_mixed(%c: tensor<2x3x8xi8>, %s: tensor<2x1x1xf32>) -> tensor<6x8xf32> {
  %f = lowbit.dequantize %c, %s <#lowbit.int<8>, block = [1, 0, 0]> : (tensor<2x3x8xi8>, tensor<2x1x1xf32>) -> tensor<2x3x8xf32>
  %e = tensor.collapse_shape %f [[0, 1], [2]] : tensor<2x3x8xf32> into tensor<6x8xf32>
  return %e : tensor<6x8xf32>
}

// -----

// A slice takes its rows' scales along.
// CHECK-LABEL: func @slice_per_token
//       CHECK:   tensor.extract_slice %{{.*}}[1, 2] [3, 4] [1, 1] : tensor<6x8xi8> to tensor<3x4xi8>
//       CHECK:   tensor.extract_slice %{{.*}}[1, 0] [3, 1] [1, 1] : tensor<6x1xf32> to tensor<3x1xf32>
//       CHECK:   lowbit.dequantize
func.func @slice_per_token(%c: tensor<6x8xi8>, %s: tensor<6x1xf32>) -> tensor<3x4xf32> {
  %f = lowbit.dequantize %c, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<6x8xi8>, tensor<6x1xf32>) -> tensor<6x8xf32>
  %e = tensor.extract_slice %f[1, 2] [3, 4] [1, 1] : tensor<6x8xf32> to tensor<3x4xf32>
  return %e : tensor<3x4xf32>
}

// -----

// A slice could begin within a group.
// CHECK-LABEL: func @slice_groups
//       CHECK:   %[[F:.*]] = lowbit.dequantize
//       CHECK:   tensor.extract_slice %[[F]]
func.func @slice_groups(%c: tensor<6x8xi8>, %s: tensor<6x2xf32>) -> tensor<3x4xf32> {
  %f = lowbit.dequantize %c, %s <#lowbit.int<8>, block = [1, 4]> : (tensor<6x8xi8>, tensor<6x2xf32>) -> tensor<6x8xf32>
  %e = tensor.extract_slice %f[1, 2] [3, 4] [1, 1] : tensor<6x8xf32> to tensor<3x4xf32>
  return %e : tensor<3x4xf32>
}

// -----

// Another reader needs the reals where they are.
// CHECK-LABEL: func @two_readers
//       CHECK:   %[[F:.*]] = lowbit.dequantize
//       CHECK:   linalg.transpose ins(%[[F]]
func.func @two_readers(%c: tensor<4x8xi8>, %s: tensor<f32>, %init: tensor<8x4xf32>) -> (tensor<4x8xf32>, tensor<8x4xf32>) {
  %f = lowbit.dequantize %c, %s <#lowbit.int<8>> : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  %t = linalg.transpose ins(%f : tensor<4x8xf32>) outs(%init : tensor<8x4xf32>) permutation = [1, 0]
  return %f, %t : tensor<4x8xf32>, tensor<8x4xf32>
}
