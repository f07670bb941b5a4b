// RUN: quant-opt %s --lowbit-unfold-convolutions --canonicalize --split-input-file | FileCheck %s

#all = affine_map<(n, c, h, w) -> (n, c, h, w)>

// The bias is added behind the product. The transposition back moves behind rectification, padding, one scale and pooling, and meets that of the
// next convolution's image: none is left between the two.
// CHECK-LABEL: func @chain
//  CHECK-SAME:   %[[X:.*]]: tensor<2x3x9x7xf32>, %{{.*}}: tensor<8x3x3x3xf32>, %[[BIAS:.*]]: tensor<8xf32>
//       CHECK:   %[[LAST:.*]] = linalg.transpose ins(%[[X]] : {{.*}} outs(%{{.*}} : tensor<2x9x7x3xf32>) permutation = [0, 2, 3, 1]
//       CHECK:   %[[COPY:.*]] = linalg.generic {{.*}} ins(%[[LAST]] : {{.*}} outs(%{{.*}} : tensor<2x7x5x3x3x3xf32>)
//       CHECK:   %[[WINDOWS:.*]] = tensor.collapse_shape %[[COPY]] {{\[\[}}0, 1, 2], [3, 4, 5]] : {{.*}} into tensor<70x27xf32>
//       CHECK:   %[[FILTER:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1, 2], [3]] : tensor<3x3x3x8xf32> into tensor<27x8xf32>
//       CHECK:   %[[PRODUCT:.*]] = linalg.matmul {lowbit.site = "first"} ins(%[[WINDOWS]], %[[FILTER]] :
//       CHECK:   linalg.generic {{.*}} ins(%[[PRODUCT]], %[[BIAS]] : tensor<70x8xf32>, tensor<8xf32>)
//       CHECK:   arith.maximumf
//       CHECK:   tensor.pad %{{.*}} low[0, 0, 1, 0] high[0, 1, 0, 0]
//       CHECK:   lowbit.fake_quant %{{.*}} : (tensor<2x8x6x8xf32>, tensor<f32>) -> tensor<2x8x6x8xf32> by #lowbit.lsq
//       CHECK:   linalg.pooling_nhwc_max {{.*}} outs(%{{.*}} : tensor<2x4x3x8xf32>)
//   CHECK-NOT:   linalg.transpose ins({{[^)]*}}tensor<2x
//       CHECK:   linalg.matmul {lowbit.site = "second"}
//       CHECK:   linalg.transpose {{.*}} outs(%{{.*}} : tensor<2x5x3x2xf32>) permutation = [0, 3, 1, 2]
func.func @chain(%x: tensor<2x3x9x7xf32>, %w: tensor<8x3x3x3xf32>, %bias: tensor<8xf32>, %s: tensor<f32>, %v: tensor<5x8x2x2xf32>,
                 %start: tensor<2x5x3x2xf32>) -> tensor<2x5x3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %e = tensor.empty() : tensor<2x8x7x5xf32>
  %b = linalg.broadcast ins(%bias : tensor<8xf32>) outs(%e : tensor<2x8x7x5xf32>) dimensions = [0, 2, 3]
  %c = linalg.conv_2d_nchw_fchw {lowbit.site = "first"} ins(%x, %w : tensor<2x3x9x7xf32>, tensor<8x3x3x3xf32>) outs(%b : tensor<2x8x7x5xf32>) -> tensor<2x8x7x5xf32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c : tensor<2x8x7x5xf32>) outs(%e : tensor<2x8x7x5xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<2x8x7x5xf32>
  %p = tensor.pad %r low[0, 0, 0, 1] high[0, 0, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<2x8x7x5xf32> to tensor<2x8x8x6xf32>
  %q = lowbit.fake_quant %p, %s <#lowbit.int<4>> : (tensor<2x8x8x6xf32>, tensor<f32>) -> tensor<2x8x8x6xf32> by #lowbit.lsq
  %f = tensor.empty() : tensor<2x8x4x3xf32>
  %least = linalg.fill ins(%low : f32) outs(%f : tensor<2x8x4x3xf32>) -> tensor<2x8x4x3xf32>
  %window = tensor.empty() : tensor<2x2xf32>
  %m = linalg.pooling_nchw_max {strides = dense<2> : vector<2xi64>} ins(%q, %window : tensor<2x8x8x6xf32>, tensor<2x2xf32>) outs(%least : tensor<2x8x4x3xf32>) -> tensor<2x8x4x3xf32>
  %d = linalg.conv_2d_nchw_fchw {lowbit.site = "second"} ins(%m, %v : tensor<2x8x4x3xf32>, tensor<5x8x2x2xf32>) outs(%start : tensor<2x5x3x2xf32>) -> tensor<2x5x3x2xf32>
  return %d : tensor<2x5x3x2xf32>
}

// -----

// Channels with windows of their own are no matmul, and codes have contractions of their own.
// CHECK-LABEL: func @left_alone
//       CHECK:   linalg.depthwise_conv_2d_nhwc_hwc
//       CHECK:   linalg.conv_1d {{.*}} tensor<3xi32>
func.func @left_alone(%x: tensor<1x4x4x8xf32>, %w: tensor<3x3x8xf32>, %z: tensor<1x2x2x8xf32>, %c: tensor<4xi32>, %k: tensor<2xi32>,
                      %y: tensor<3xi32>) -> (tensor<1x2x2x8xf32>, tensor<3xi32>) {
  %d = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : tensor<1x4x4x8xf32>, tensor<3x3x8xf32>) outs(%z : tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32>
  %i = linalg.conv_1d ins(%c, %k : tensor<4xi32>, tensor<2xi32>) outs(%y : tensor<3xi32>) -> tensor<3xi32>
  return %d, %i : tensor<1x2x2x8xf32>, tensor<3xi32>
}
