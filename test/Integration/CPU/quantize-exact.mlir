// A model whose weights are whole numbers up to 127 in every channel, on inputs that are whole numbers up to 127 in every token, loses nothing in
// 8 bits: all scales are one. So quantized and float must agree to the bit, on every target.
// RUN: %python %S/Inputs/whole_numbers.py %t.npz x=3x8 image=1x2x6x5 pixels=1x6x5x2 left=2x3x4 right=2x4x5
// RUN: quant-opt %s --lowbit-quantize=recipe=%S/Inputs/s8-everything.json -o %t.q.mlir
// RUN: FileCheck %s --input-file %t.q.mlir
// RUN: quant-run %s --inputs %t.npz --output %t.float.npz --target reference
// RUN: quant-run %t.q.mlir --inputs %t.npz --output %t.reference.npz --target reference && cmp %t.float.npz %t.reference.npz
// RUN: quant-run %t.q.mlir --inputs %t.npz --output %t.host.npz && cmp %t.float.npz %t.host.npz

// CHECK-COUNT-5: lowbit.contract
// CHECK-NOT: linalg.{{.*matmul|conv}}
func.func @main(%x: tensor<3x8xf32> {lowbit.name = "x"}, %image: tensor<1x2x6x5xf32> {lowbit.name = "image"}, %pixels: tensor<1x6x5x2xf32> {lowbit.name = "pixels"},
                %left: tensor<2x3x4xf32> {lowbit.name = "left"}, %right: tensor<2x4x5xf32> {lowbit.name = "right"})
    -> (tensor<3x3xf32> {lowbit.name = "linear"}, tensor<1x3x4x2xf32> {lowbit.name = "conv"}, tensor<1x3x4x3xf32> {lowbit.name = "strided"},
        tensor<2x3x5xf32> {lowbit.name = "attention"}, tensor<1x4x3x2xf32> {lowbit.name = "depthwise"}) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[127.0, 3.0, -127.0], [5.0, -127.0, 2.0], [1.0, 2.0, 3.0], [-4.0, 0.0, 7.0],
                             [0.0, 9.0, 11.0], [8.0, -100.0, 1.0], [77.0, 1.0, 0.0], [-1.0, -2.0, -3.0]]> : tensor<8x3xf32>
  %e0 = tensor.empty() : tensor<3x3xf32>
  %z0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<3x3xf32>) -> tensor<3x3xf32>
  %linear = linalg.matmul ins(%x, %w : tensor<3x8xf32>, tensor<8x3xf32>) outs(%z0 : tensor<3x3xf32>) -> tensor<3x3xf32>

  %f = arith.constant dense<[[[[127.0, 1.0], [2.0, -3.0], [4.0, 0.0]], [[5.0, 6.0], [7.0, 8.0], [-9.0, 1.0]]],
                             [[[3.0, 1.0], [2.0, -3.0], [4.0, 0.0]], [[5.0, -127.0], [7.0, 8.0], [-9.0, 1.0]]],
                             [[[1.0, 1.0], [127.0, -3.0], [4.0, 0.0]], [[5.0, 6.0], [7.0, 2.0], [-9.0, 1.0]]]]> : tensor<3x2x3x2xf32>
  %e1 = tensor.empty() : tensor<1x3x4x2xf32>
  %z1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<1x3x4x2xf32>) -> tensor<1x3x4x2xf32>
  %conv = linalg.conv_2d_nchw_fchw {strides = dense<[1, 2]> : tensor<2xi64>} ins(%image, %f : tensor<1x2x6x5xf32>, tensor<3x2x3x2xf32>)
      outs(%z1 : tensor<1x3x4x2xf32>) -> tensor<1x3x4x2xf32>

  %g = arith.constant dense<[[[[127.0, 1.0, 2.0], [-3.0, 4.0, 0.0]], [[5.0, -127.0, 7.0], [8.0, -9.0, 127.0]]],
                             [[[3.0, 1.0, 2.0], [-3.0, 4.0, 0.0]], [[5.0, 6.0, 7.0], [8.0, -9.0, 1.0]]]]> : tensor<2x2x2x3xf32>
  %e2 = tensor.empty() : tensor<1x3x4x3xf32>
  %z2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<1x3x4x3xf32>) -> tensor<1x3x4x3xf32>
  %strided = linalg.conv_2d_nhwc_hwcf {strides = dense<[2, 1]> : tensor<2xi64>} ins(%pixels, %g : tensor<1x6x5x2xf32>, tensor<2x2x2x3xf32>)
      outs(%z2 : tensor<1x3x4x3xf32>) -> tensor<1x3x4x3xf32>

  %e3 = tensor.empty() : tensor<2x3x5xf32>
  %z3 = linalg.fill ins(%zero : f32) outs(%e3 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>
  %attention = linalg.batch_matmul ins(%left, %right : tensor<2x3x4xf32>, tensor<2x4x5xf32>) outs(%z3 : tensor<2x3x5xf32>) -> tensor<2x3x5xf32>

  %h = arith.constant dense<[[[127.0, 1.0], [2.0, -127.0], [4.0, 0.0]], [[5.0, 6.0], [7.0, 8.0], [-9.0, 1.0]], [[3.0, 1.0], [2.0, -3.0], [4.0, 0.0]]]> : tensor<3x3x2xf32>
  %e4 = tensor.empty() : tensor<1x4x3x2xf32>
  %z4 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32>
  %depthwise = linalg.depthwise_conv_2d_nhwc_hwc ins(%pixels, %h : tensor<1x6x5x2xf32>, tensor<3x3x2xf32>)
      outs(%z4 : tensor<1x4x3x2xf32>) -> tensor<1x4x3x2xf32>
  return %linear, %conv, %strided, %attention, %depthwise
      : tensor<3x3xf32>, tensor<1x3x4x2xf32>, tensor<1x3x4x3xf32>, tensor<2x3x5xf32>, tensor<1x4x3x2xf32>
}
