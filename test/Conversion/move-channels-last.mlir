// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-move-channels-last{target=x86-64-avx2})' | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-move-channels-last{target=reference})' | FileCheck %s --check-prefix=REFERENCE

#window = affine_map<(n, o, h, w, c, i, j) -> (n, c, h + i, w + j)>
#kernel = affine_map<(n, o, h, w, c, i, j) -> (o, c, i, j)>
#image = affine_map<(n, o, h, w, c, i, j) -> (n, o, h, w)>
#channel = affine_map<(n, o, h, w, c, i, j) -> (o)>

// Two convolutions, the result of the first added to the second: one transposition of the image, one of the result.
// CHECK-DAG:   #[[WINDOW:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d2 + d5, d3 + d6, d4)>
// CHECK-DAG:   #[[KERNEL:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d5, d6, d4)>
// CHECK-DAG:   #[[IMAGE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d2, d3, d1)>
// CHECK-LABEL: func @chain
//  CHECK-SAME:   %[[X:.*]]: tensor<1x4x7x6xi8>
//   CHECK-DAG:   arith.constant dense<{{.*}}> : tensor<4x1x2x4xi8>
//       CHECK:   %[[LAST:.*]] = linalg.transpose ins(%[[X]] : tensor<1x4x7x6xi8>) outs(%{{.*}} : tensor<1x7x6x4xi8>) permutation = [0, 2, 3, 1]
//       CHECK:   tensor.pad %[[LAST]] low[0, 0, 1, 0] high[0, 0, 0, 0]
//       CHECK:   %[[FIRST:.*]] = lowbit.contract [#[[WINDOW]], #[[KERNEL]], #[[IMAGE]]
//  CHECK-SAME:     block = [1, 0, 0, 0]> : tensor<4x1x2x4xi8>, tensor<4x1x1x1xf32>
//       CHECK:   %[[CODES:.*]] = lowbit.quantize %[[FIRST]]
//   CHECK-NOT:   linalg.transpose
//       CHECK:   %[[PADDED:.*]] = tensor.pad %[[CODES]] low[0, 0, 1, 0] high[0, 0, 0, 0]
//   CHECK-NOT:   linalg.transpose
//       CHECK:   %[[SECOND:.*]] = lowbit.contract {{.*}} lhs(%[[PADDED]] {{.*}} epilogue(%{{.*}}, %[[FIRST]] : tensor<4xf32>, tensor<1x7x6x4xf32>)
//       CHECK:   linalg.transpose ins(%[[SECOND]] : tensor<1x7x6x4xf32>) outs(%{{.*}} : tensor<1x4x7x6xf32>) permutation = [0, 3, 1, 2]
// REFERENCE-LABEL: func @chain
//   REFERENCE-NOT:   linalg.transpose
func.func @chain(%x: tensor<1x4x7x6xi8>, %s: tensor<4x1x1x1xf32>, %bias: tensor<4xf32>) -> tensor<1x4x7x6xf32> {
  %k = arith.constant dense<"0x000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"> : tensor<4x4x1x2xi8>
  %scale = arith.constant dense<0.5> : tensor<f32>
  %zero = arith.constant 0 : i8
  %p = tensor.pad %x low[0, 0, 0, 1] high[0, 0, 0, 0] {
  ^bb0(%n: index, %c: index, %h: index, %w: index):
    tensor.yield %zero : i8
  } : tensor<1x4x7x6xi8> to tensor<1x4x7x7xi8>
  %init = tensor.empty() : tensor<1x4x7x6xf32>
  %r = lowbit.contract [#window, #kernel, #image, #channel] lhs(%p scales %scale <#lowbit.uint<8>> : tensor<1x4x7x7xi8>, tensor<f32>)
    rhs(%k scales %s <#lowbit.int<8>, block = [1, 0, 0, 0]> : tensor<4x4x1x2xi8>, tensor<4x1x1x1xf32>)
    outs(%init : tensor<1x4x7x6xf32>) epilogue(%bias : tensor<4xf32>) {
  ^bb0(%sum: f32, %b: f32):
    %0 = arith.addf %sum, %b : f32
    lowbit.yield %0 : f32
  } -> tensor<1x4x7x6xf32>
  %q = lowbit.quantize %r, %scale <#lowbit.uint<8>> : (tensor<1x4x7x6xf32>, tensor<f32>) -> tensor<1x4x7x6xi8>
  %qp = tensor.pad %q low[0, 0, 0, 1] high[0, 0, 0, 0] {
  ^bb0(%n: index, %c: index, %h: index, %w: index):
    tensor.yield %zero : i8
  } : tensor<1x4x7x6xi8> to tensor<1x4x7x7xi8>
  %r2 = lowbit.contract [#window, #kernel, #image, #channel, #image] lhs(%qp scales %scale <#lowbit.uint<8>> : tensor<1x4x7x7xi8>, tensor<f32>)
    rhs(%k scales %s <#lowbit.int<8>, block = [1, 0, 0, 0]> : tensor<4x4x1x2xi8>, tensor<4x1x1x1xf32>)
    outs(%init : tensor<1x4x7x6xf32>) epilogue(%bias, %r : tensor<4xf32>, tensor<1x4x7x6xf32>) {
  ^bb0(%sum: f32, %b: f32, %m: f32):
    %0 = arith.addf %sum, %b : f32
    %1 = arith.addf %0, %m : f32
    lowbit.yield %1 : f32
  } -> tensor<1x4x7x6xf32>
  return %r2 : tensor<1x4x7x6xf32>
}

// Channels that are last stay so.
// CHECK-LABEL: func @last
//   CHECK-NOT:   linalg.transpose
//       CHECK:   return
func.func @last(%x: tensor<7x9x3xi8>, %k: tensor<2x2x3x5xi8>, %init: tensor<6x8x5xi32>) -> tensor<6x8x5xi32> {
  %r = lowbit.contract [affine_map<(h, w, o, i, j, c) -> (h + i, w + j, c)>, affine_map<(h, w, o, i, j, c) -> (i, j, c, o)>,
                        affine_map<(h, w, o, i, j, c) -> (h, w, o)>] lhs(%x <#lowbit.int<8>> : tensor<7x9x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<2x2x3x5xi8>) outs(%init : tensor<6x8x5xi32>) -> tensor<6x8x5xi32>
  return %r : tensor<6x8x5xi32>
}
