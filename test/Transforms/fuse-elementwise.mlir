// RUN: quant-opt %s --lowbit-fuse-elementwise | FileCheck %s

#map = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A subtraction is cheaper than a second pass through memory: it joins both of its users.
// CHECK-LABEL: func @cheap_twice
// CHECK-COUNT-2: arith.subf
//   CHECK-NOT:   arith.subf
func.func @cheap_twice(%x: tensor<4x8xf32>, %m: tensor<4xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  %d = linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]} ins(%x, %m : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  %s = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%d : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  %t = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%d : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.negf %a : f32
    linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  return %s, %t : tensor<4x8xf32>, tensor<4x8xf32>
}

// An exponential with two users is computed once.
// CHECK-LABEL: func @expensive_twice
//       CHECK:   math.exp
//   CHECK-NOT:   math.exp
func.func @expensive_twice(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  %d = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  %s = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%d : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  return %d, %s : tensor<4x8xf32>, tensor<4x8xf32>
}

// Statistics of a row join what uses them along the row, once a row in vector code.
// CHECK-LABEL: func @row_statistic
//       CHECK:   linalg.generic
//       CHECK:     math.rsqrt
//       CHECK:     arith.mulf
//   CHECK-NOT:   linalg.generic
func.func @row_statistic(%x: tensor<4x8xf32>, %v: tensor<4xf32>) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %f = tensor.empty() : tensor<4xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%v : tensor<4xf32>) outs(%f : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.rsqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]} ins(%x, %r : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// A matmul would compute its producer once for each column: it stays outside.
// CHECK-LABEL: func @not_into_matmul
//       CHECK:   math.exp
//       CHECK:   linalg.matmul
func.func @not_into_matmul(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %d = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  %y = linalg.matmul ins(%d, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// A reshape between two ops does not keep them apart: the first one takes the finer shape, and joins.
// CHECK-LABEL: func @through_reshape
//  CHECK-SAME:   %[[X:.*]]: tensor<2x3x8xf32>
//   CHECK-NOT:   _shape
//       CHECK:   linalg.generic {{.*}} ins(%[[X]] : tensor<2x3x8xf32>) outs(%{{.*}} : tensor<2x3xf32>)
//       CHECK:     math.exp
//   CHECK-NOT:   linalg.generic
//       CHECK:   return
func.func @through_reshape(%x: tensor<2x3x8xf32>) -> tensor<2x3xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<6x8xf32>
  %c = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x3x8xf32> into tensor<6x8xf32>
  %d = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<6x8xf32>) outs(%e : tensor<6x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<6x8xf32>
  %f = tensor.expand_shape %d [[0, 1], [2]] output_shape [2, 3, 8] : tensor<6x8xf32> into tensor<2x3x8xf32>
  %s = tensor.empty() : tensor<2x3xf32>
  %z = linalg.fill ins(%zero : f32) outs(%s : tensor<2x3xf32>) -> tensor<2x3xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (b, i)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%f : tensor<2x3x8xf32>) outs(%z : tensor<2x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}

// A transposition takes blocks of rows and columns; in the body of an elementwise op, before it or behind it, it would be element by element.
// CHECK-LABEL: func @transposed
//       CHECK:   linalg.generic
//  CHECK-NEXT:   ^bb0
//  CHECK-NEXT:     linalg.yield
//       CHECK:   linalg.generic
//       CHECK:     arith.maximumf
//       CHECK:     arith.mulf
//   CHECK-NOT:     linalg.yield %in
//       CHECK:   linalg.generic
//  CHECK-NEXT:   ^bb0
//  CHECK-NEXT:     linalg.yield
func.func @transposed(%x: tensor<8x4xf32>, %y: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %f = tensor.empty() : tensor<8x4xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #map], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<4x8xf32>
  %s = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel"]} ins(%t, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.maximumf %a, %zero : f32
    %1 = arith.mulf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<4x8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #map], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<4x8xf32>) outs(%f : tensor<8x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<8x4xf32>
  return %r : tensor<8x4xf32>
}

// What the first op asserts is asserted in the second one, and nowhere else.
// CHECK-LABEL: func @asserted
//       CHECK:   linalg.generic
//       CHECK:     cf.assert
//   CHECK-NOT:   cf.assert
//   CHECK-NOT:   linalg.generic
//       CHECK:   return
func.func @asserted(%x: tensor<8x4xi64>) -> tensor<8x4xi64> {
  %zero = arith.constant 0 : i64
  %e = tensor.empty() : tensor<8x4xi64>
  %a = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x4xi64>) outs(%e : tensor<8x4xi64>) {
  ^bb0(%i: i64, %o: i64):
    %0 = arith.cmpi sge, %i, %zero : i64
    cf.assert %0, "no index is negative"
    %1 = arith.addi %i, %i : i64
    linalg.yield %1 : i64
  } -> tensor<8x4xi64>
  %b = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<8x4xi64>) outs(%e : tensor<8x4xi64>) {
  ^bb0(%i: i64, %o: i64):
    %0 = arith.muli %i, %i : i64
    linalg.yield %0 : i64
  } -> tensor<8x4xi64>
  return %b : tensor<8x4xi64>
}
