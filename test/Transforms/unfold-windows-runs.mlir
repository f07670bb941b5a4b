// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-unfold-windows{target=x86-64-avx512vnni})' | FileCheck %s

#step = affine_map<(h, w, o, i, j, c) -> (h * 2 + i, w * 2 + j, c)>
#kernel = affine_map<(h, w, o, i, j, c) -> (i, j, c, o)>
#first = affine_map<(h, w, o, i, j, c) -> (o, i, j, c)>
#image = affine_map<(h, w, o, i, j, c) -> (h, w, o)>

// Three times three bytes do not fill dot products of four: rows of windows become channels of their own, twelve bytes each, once for all rows of
// the result, which then find their windows in place. The last one reaches beyond its row by a byte, and rows of the border need no gathering.
// CHECK-DAG:   #[[RUNS:.*]] = affine_map<(d0, d1, d2) -> (d0, d1 * 6 + d2)>
// CHECK-DAG:   #[[ROWS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0 * 2 + d2, d1, d3)>
// CHECK-LABEL: func @runs
//  CHECK-SAME:   %[[X:.*]]: tensor<8x8x3xi8>
//       CHECK:   %[[FLAT:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0], [1, 2]] : tensor<8x8x3xi8> into tensor<8x24xi8>
//       CHECK:   %[[WIDE:.*]] = tensor.pad %[[FLAT]] low[0, 3] high[0, 3]
//       CHECK:   %[[GATHERED:.*]] = linalg.generic {indexing_maps = [#[[RUNS]], {{.*}}ins(%[[WIDE]] : tensor<8x30xi8>) outs(%{{.*}} : tensor<8x4x12xi8>)
//       CHECK:   %[[HIGH:.*]] = tensor.pad %[[GATHERED]] low[1, 0, 0] high[0, 0, 0]
//       CHECK:   %[[CODES:.*]] = arith.constant dense_resource<codes> : tensor<3x12x5xi8>
//       CHECK:   linalg.generic {indexing_maps = [#[[ROWS]], {{.*}}ins(%[[HIGH]] : tensor<9x4x12xi8>) outs(%{{.*}} : tensor<4x4x3x12xi8>)
//       CHECK:   lhs(%{{.*}} scales %{{.*}} <#lowbit.uint<8>> : tensor<16x36xi8>, tensor<f32>)
//  CHECK-SAME:   rhs(%{{.*}} scales %{{.*}} <#lowbit.int<8>, block = [0, 1]> : tensor<36x5xi8>, tensor<1x5xf32>)
func.func @runs(%x: tensor<8x8x3xi8>, %s: tensor<1x1x1x5xf32>, %init: tensor<4x4x5xf32>) -> tensor<4x4x5xf32> {
  %zero = arith.constant 0 : i8
  %p = tensor.pad %x low[1, 1, 0] high[0, 0, 0] {
  ^bb0(%h: index, %w: index, %c: index):
    tensor.yield %zero : i8
  } : tensor<8x8x3xi8> to tensor<9x9x3xi8>
  %k = arith.constant dense<1> : tensor<3x3x3x5xi8>
  %sx = arith.constant dense<0.5> : tensor<1x1x1xf32>
  %r = lowbit.contract [#step, #kernel, #image]
    lhs(%p scales %sx <#lowbit.uint<8>, block = [0, 0, 0]> : tensor<9x9x3xi8>, tensor<1x1x1xf32>)
    rhs(%k scales %s <#lowbit.int<8>, block = [0, 0, 0, 1]> : tensor<3x3x3x5xi8>, tensor<1x1x1x5xf32>)
    outs(%init : tensor<4x4x5xf32>) -> tensor<4x4x5xf32>
  return %r : tensor<4x4x5xf32>
}

// Weights with their outputs first keep that order.
// CHECK-LABEL: func @outputs_first
//       CHECK:   arith.constant dense_resource<{{.*}}> : tensor<5x3x12xi8>
//       CHECK:   rhs(%{{.*}} <#lowbit.int<8>> : tensor<5x36xi8>)
func.func @outputs_first(%x: tensor<9x9x3xi8>, %init: tensor<4x4x5xi32>) -> tensor<4x4x5xi32> {
  %k = arith.constant dense<1> : tensor<5x3x3x3xi8>
  %r = lowbit.contract [#step, #first, #image] lhs(%x <#lowbit.uint<8>> : tensor<9x9x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<5x3x3x3xi8>) outs(%init : tensor<4x4x5xi32>) -> tensor<4x4x5xi32>
  return %r : tensor<4x4x5xi32>
}

// Not where weights are not known, nor where the products with zeros cost more than the copies: these are of rows of 9 bytes and 512 channels.
// CHECK-LABEL: func @copied
//       CHECK:   linalg.generic {{.*}} outs(%{{.*}} : tensor<4x4x3x9xi8>)
//       CHECK:   linalg.generic {{.*}} outs(%{{.*}} : tensor<4x4x3x9xi8>)
//       CHECK:   return
func.func @copied(%x: tensor<9x9x3xi8>, %k: tensor<3x3x3x5xi8>, %a: tensor<4x4x5xi32>, %b: tensor<4x4x512xi32>) -> (tensor<4x4x5xi32>, tensor<4x4x512xi32>) {
  %0 = lowbit.contract [#step, #kernel, #image] lhs(%x <#lowbit.uint<8>> : tensor<9x9x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<3x3x3x5xi8>) outs(%a : tensor<4x4x5xi32>) -> tensor<4x4x5xi32>
  %many = arith.constant dense<1> : tensor<3x3x3x512xi8>
  %1 = lowbit.contract [#step, #kernel, #image] lhs(%x <#lowbit.uint<8>> : tensor<9x9x3xi8>)
    rhs(%many <#lowbit.int<8>> : tensor<3x3x3x512xi8>) outs(%b : tensor<4x4x512xi32>) -> tensor<4x4x512xi32>
  return %0, %1 : tensor<4x4x5xi32>, tensor<4x4x512xi32>
}
