// RUN: quant-opt %s --lowbit-insert-observers="moments=conv,chw,strided,fc" | FileCheck %s
// RUN: not quant-opt %s --lowbit-insert-observers="moments=dw" 2>&1 | FileCheck %s --check-prefix=DEPTHWISE

// A convolution multiplies windows by its weight: their columns in the order of the axes of the weight. States stay those of channels.
// CHECK-LABEL: func @windows
//       CHECK: lowbit.observe "conv" %{{.*}} : tensor<2x6x5x4xf32> with #lowbit.minmax per [3] moments of <[3, 2, 4], (d0, d1, d2, d3, d4, d5) -> (d0, d1 + d3, d2 + d4, d5)>
func.func @windows(%x: tensor<2x6x5x4xf32>, %z: tensor<2x4x4x7xf32>) -> tensor<2x4x4x7xf32> {
  %w = arith.constant dense<1.0> : tensor<3x2x4x7xf32>
  %0 = linalg.conv_2d_nhwc_hwcf {lowbit.site = "conv", dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<2x6x5x4xf32>, tensor<3x2x4x7xf32>) outs(%z : tensor<2x4x4x7xf32>) -> tensor<2x4x4x7xf32>
  return %0 : tensor<2x4x4x7xf32>
}

// Channels first, in the image and in the weight; the batch is known at run time only.
// CHECK-LABEL: func @channels_first
//       CHECK: lowbit.observe "chw" %{{.*}} per [1] moments of <[4, 3, 2], (d0, d1, d2, d3, d4, d5) -> (d0, d3, d1 + d4, d2 + d5)>
func.func @channels_first(%x: tensor<?x4x6x5xf32>, %z: tensor<?x7x4x4xf32>) -> tensor<?x7x4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<7x4x3x2xf32>
  %0 = linalg.conv_2d_nchw_fchw {lowbit.site = "chw", dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<?x4x6x5xf32>, tensor<7x4x3x2xf32>) outs(%z : tensor<?x7x4x4xf32>) -> tensor<?x7x4x4xf32>
  return %0 : tensor<?x7x4x4xf32>
}

// Windows are strides apart, and what is in them dilations.
// CHECK-LABEL: func @strided
//       CHECK: lowbit.observe "strided" %{{.*}} moments of <[3, 2, 4], (d0, d1, d2, d3, d4, d5) -> (d0, d1 * 2 + d3, d2 + d4 * 3, d5)>
func.func @strided(%x: tensor<2x7x5x4xf32>, %z: tensor<2x3x2x7xf32>) -> tensor<2x3x2x7xf32> {
  %w = arith.constant dense<1.0> : tensor<3x2x4x7xf32>
  %0 = linalg.conv_2d_nhwc_hwcf {lowbit.site = "strided", dilations = dense<[1, 3]> : tensor<2xi64>, strides = dense<[2, 1]> : tensor<2xi64>}
    ins(%x, %w : tensor<2x7x5x4xf32>, tensor<3x2x4x7xf32>) outs(%z : tensor<2x3x2x7xf32>) -> tensor<2x3x2x7xf32>
  return %0 : tensor<2x3x2x7xf32>
}

// Rows that lie one after the other need no windows.
// CHECK-LABEL: func @linear
//       CHECK: lowbit.observe "fc" %{{.*}} : tensor<4x8xf32> with #lowbit.minmax per [1] moments{{$}}
func.func @linear(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %w = arith.constant dense<1.0> : tensor<8x6xf32>
  %0 = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// Each channel of a depthwise convolution has windows of its own, which no one matrix of moments is of.
// CHECK-LABEL: func @depthwise
//       CHECK: lowbit.observe "dw" %{{.*}} : tensor<2x6x5x4xf32> with #lowbit.minmax{{$}}
// DEPTHWISE: error: pattern `dw` matches no activation of rows that meet a weight
func.func @depthwise(%x: tensor<2x6x5x4xf32>, %z: tensor<2x4x4x4xf32>) -> tensor<2x4x4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<3x2x4xf32>
  %0 = linalg.depthwise_conv_2d_nhwc_hwc {lowbit.site = "dw", dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<2x6x5x4xf32>, tensor<3x2x4xf32>) outs(%z : tensor<2x4x4x4xf32>) -> tensor<2x4x4x4xf32>
  return %0 : tensor<2x4x4x4xf32>
}
