// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-unfold-windows{target=x86-64-avx512vnni},lowbit-lower-contract{target=x86-64-avx512vnni},canonicalize,cse)' | FileCheck %s

#window = affine_map<(h, w, o, i, j, c) -> (h + i, w + j, c)>
#kernel = affine_map<(h, w, o, i, j, c) -> (i, j, c, o)>
#image = affine_map<(h, w, o, i, j, c) -> (h, w, o)>

// A tile has all of a row of the image: of the border, rows above and below are left out by the bounds of the loop over the window, places
// beside it by the rows of the tile that take part. No window is copied.
// CHECK-DAG:   #[[FIRST:.*]] = affine_map<(d0) -> (-d0 + 1, 0)>
// CHECK-DAG:   #[[END:.*]] = affine_map<(d0) -> (-d0 + 15, 3)>
// CHECK-DAG:   #[[STEP:.*]] = affine_map<(d0, d1) -> (d0 + d1 * 28)>
// CHECK-DAG:   #[[ROW:.*]] = affine_map<(d0, d1) -> (d0 + d1 - 1)>
// CHECK-LABEL: func @border
//  CHECK-SAME:   %[[IMAGE:.*]]: tensor<14x7x8xi8>
//   CHECK-NOT:   tensor.pad
//       CHECK:   %[[GROUPS:.*]] = tensor.expand_shape %[[IMAGE]] {{.*}} into tensor<14x7x2x4xi8>
//       CHECK:   scf.for %[[TILE:.*]] = %c0 to %c14
//   CHECK-DAG:     %[[LOW:.*]] = affine.max #[[FIRST]](%[[TILE]])
//   CHECK-DAG:     %[[HIGH:.*]] = affine.min #[[END]](%[[TILE]])
//       CHECK:     scf.for %[[I:.*]] = %[[LOW]] to %[[HIGH]]
//   CHECK-DAG:       %[[AT:.*]] = affine.apply #[[ROW]](%[[TILE]], %[[I]])
//   CHECK-DAG:       tensor.extract_slice %[[GROUPS]][%[[AT]], 0, 0, 0] [1, 7, 2, 4] [1, 1, 1, 1]
//       CHECK:       scf.for {{.*}} iter_args(%[[ALL:.*]] = %{{.*}}) -> (tensor<1x7x1x32xi32>)
//       CHECK:         linalg.generic {{.*}} outs(%[[ALL]] : tensor<1x7x1x32xi32>)
//       CHECK:       tensor.extract_slice %[[GROUPS]][%[[AT]], 0, 0, 0] [1, 6, 2, 4] [1, 1, 1, 1]
//       CHECK:       scf.for {{.*}} iter_args(%[[SUMS:.*]] = %{{.*}}) -> (tensor<1x7x1x32xi32>)
//       CHECK:         %[[PART:.*]] = tensor.extract_slice %[[SUMS]][0, 1, 0, 0] [1, 6, 1, 32]
//       CHECK:         %[[DOTS:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x6x4xi8>, tensor<1x32x4xi8>) outs(%[[PART]] : tensor<1x6x1x32xi32>)
//       CHECK:         tensor.insert_slice %[[DOTS]] into %[[SUMS]][0, 1, 0, 0] [1, 6, 1, 32]
//       CHECK:       tensor.extract_slice %[[GROUPS]][%[[AT]], 1, 0, 0] [1, 6, 2, 4] [1, 1, 1, 1]
func.func @border(%a: tensor<14x7x8xi8>, %k: tensor<3x3x8x32xi8>) -> tensor<14x7x32xi32> {
  %zero = arith.constant 0 : i8
  %x = tensor.pad %a low[1, 1, 0] high[1, 1, 0] {
  ^bb0(%h: index, %w: index, %c: index):
    tensor.yield %zero : i8
  } : tensor<14x7x8xi8> to tensor<16x9x8xi8>
  %init = tensor.empty() : tensor<14x7x32xi32>
  %r = lowbit.contract [#window, #kernel, #image] lhs(%x <#lowbit.uint<8>> : tensor<16x9x8xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<3x3x8x32xi8>) outs(%init : tensor<14x7x32xi32>) -> tensor<14x7x32xi32>
  return %r : tensor<14x7x32xi32>
}

// Signed codes are offset, and then the border is not zero.
// CHECK-LABEL: func @offset
//       CHECK:   %[[PADDED:.*]] = tensor.pad
//       CHECK:   %[[FLIPPED:.*]] = linalg.generic {{.*}} ins(%[[PADDED]] : tensor<9x16x8xi8>)
//       CHECK:     arith.xori
//       CHECK:   tensor.expand_shape %[[FLIPPED]] {{.*}} into tensor<9x16x2x4xi8>
//   CHECK-NOT:   affine.max
//       CHECK:   return
func.func @offset(%a: tensor<7x14x8xi8>, %k: tensor<3x3x8x32xi8>) -> tensor<7x14x32xi32> {
  %zero = arith.constant 0 : i8
  %x = tensor.pad %a low[1, 1, 0] high[1, 1, 0] {
  ^bb0(%h: index, %w: index, %c: index):
    tensor.yield %zero : i8
  } : tensor<7x14x8xi8> to tensor<9x16x8xi8>
  %init = tensor.empty() : tensor<7x14x32xi32>
  %r = lowbit.contract [#window, #kernel, #image] lhs(%x <#lowbit.int<8>> : tensor<9x16x8xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<3x3x8x32xi8>) outs(%init : tensor<7x14x32xi32>) -> tensor<7x14x32xi32>
  return %r : tensor<7x14x32xi32>
}

// One axis, its steps those of the rows; two tiles, so that the border beside them stays.
// CHECK-LABEL: func @one_axis
//       CHECK:   tensor.pad
//       CHECK:   scf.for %[[TILE:.*]] = %c0 to %c2
//       CHECK:     scf.for %[[J:.*]] = %c0 to %c3
//       CHECK:       %[[AT:.*]] = affine.apply #[[STEP]](%[[J]], %[[TILE]])
//       CHECK:       tensor.extract_slice %{{.*}}[%[[AT]], 0, 0] [14, 2, 4] [2, 1, 1]
func.func @one_axis(%a: tensor<56x8xi8>, %k: tensor<3x8x32xi8>) -> tensor<28x32xi32> {
  %zero = arith.constant 0 : i8
  %x = tensor.pad %a low[1, 0] high[0, 0] {
  ^bb0(%w: index, %c: index):
    tensor.yield %zero : i8
  } : tensor<56x8xi8> to tensor<57x8xi8>
  %init = tensor.empty() : tensor<28x32xi32>
  %r = lowbit.contract [affine_map<(w, o, j, c) -> (w * 2 + j, c)>, affine_map<(w, o, j, c) -> (j, c, o)>, affine_map<(w, o, j, c) -> (w, o)>]
    lhs(%x <#lowbit.uint<8>> : tensor<57x8xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<3x8x32xi8>) outs(%init : tensor<28x32xi32>) -> tensor<28x32xi32>
  return %r : tensor<28x32xi32>
}

// Three channels do not fill a dot product: windows are copied.
// CHECK-LABEL: func @narrow
//       CHECK:   linalg.generic {{.*}} outs(%{{.*}} : tensor<5x12x3x9xi8>)
func.func @narrow(%x: tensor<7x14x3xi8>, %k: tensor<3x3x3x32xi8>) -> tensor<5x12x32xi32> {
  %init = tensor.empty() : tensor<5x12x32xi32>
  %r = lowbit.contract [#window, #kernel, #image] lhs(%x <#lowbit.uint<8>> : tensor<7x14x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<3x3x3x32xi8>) outs(%init : tensor<5x12x32xi32>) -> tensor<5x12x32xi32>
  return %r : tensor<5x12x32xi32>
}
