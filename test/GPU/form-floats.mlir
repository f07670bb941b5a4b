// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_80 --split-input-file | FileCheck %s

#km = affine_map<(m, n, k) -> (k, m)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#row = affine_map<(m, n) -> (m, n)>
#n = affine_map<(m, n) -> (n)>

// Either side may lie along its rows. What reads the product alone is its epilogue.
// CHECK-LABEL: func @turned
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<24x32xf32>) rhs(%{{.*}} : tensor<16x24xf32>) outs(%{{.*}} : tensor<32x16xf32>)
//  CHECK-SAME:     operands(%{{.*}} : tensor<1x16xf32>)
//       CHECK:   ^bb0(%[[SUM:.*]]: f32, %[[BIAS:.*]]: f32):
//       CHECK:     arith.addf %[[SUM]], %[[BIAS]]
//       CHECK:   } {lhs_transposed} -> tensor<32x16xf32>
//   CHECK-NOT:   linalg.generic
func.func @turned(%a: tensor<24x32xf32>, %b: tensor<16x24xf32>, %c: tensor<16xf32>) -> tensor<32x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<32x16xf32>) -> tensor<32x16xf32>
  %p = linalg.generic {indexing_maps = [#km, #nk, #mn], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<24x32xf32>, tensor<16x24xf32>) outs(%z : tensor<32x16xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %0 = arith.mulf %l, %r : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<32x16xf32>
  %r = linalg.generic {indexing_maps = [#row, #n, #row], iterator_types = ["parallel", "parallel"]}
      ins(%p, %c : tensor<32x16xf32>, tensor<16xf32>) outs(%e : tensor<32x16xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %0 = arith.addf %l, %r : f32
    linalg.yield %0 : f32
  } -> tensor<32x16xf32>
  return %r : tensor<32x16xf32>
}

// -----

// What was there before is added last. A transposition before a product is a way to read it.
// CHECK-LABEL: func @accumulated
//  CHECK-SAME:   %[[A:.*]]: tensor<24x32xf32>, %[[B:.*]]: tensor<24x16xf32>, %[[C:.*]]: tensor<32x16xf32>
//   CHECK-NOT:   linalg.transpose
//       CHECK:   lowbit.matmul lhs(%[[A]] : {{.*}}) rhs(%[[B]] : {{.*}}) outs(%{{.*}} : tensor<32x16xf32>) operands(%[[C]] :
//       CHECK:   } {lhs_transposed, rhs_transposed}
func.func @accumulated(%a: tensor<24x32xf32>, %b: tensor<24x16xf32>, %c: tensor<32x16xf32>) -> tensor<32x16xf32> {
  %e = tensor.empty() : tensor<32x24xf32>
  %t = linalg.transpose ins(%a : tensor<24x32xf32>) outs(%e : tensor<32x24xf32>) permutation = [1, 0]
  %p = linalg.matmul ins(%t, %b : tensor<32x24xf32>, tensor<24x16xf32>) outs(%c : tensor<32x16xf32>) -> tensor<32x16xf32>
  return %p : tensor<32x16xf32>
}

// -----

#left = affine_map<(b, m, n, k) -> (b, m, k)>
#right = affine_map<(b, m, n, k) -> (b, n, k)>
#moved = affine_map<(b, m, n, k) -> (m, b, n)>

// Batches; a result with its axes in another order is transposed after the product.
// CHECK-LABEL: func @moved
//       CHECK:   %[[P:.*]] = lowbit.matmul lhs(%{{.*}} : tensor<3x32x24xf32>) rhs(%{{.*}} : tensor<3x16x24xf32>) outs(%{{.*}} : tensor<3x32x16xf32>)
//       CHECK:   linalg.transpose ins(%[[P]] : tensor<3x32x16xf32>) outs(%{{.*}} : tensor<32x3x16xf32>) permutation = [1, 0, 2]
func.func @moved(%a: tensor<3x32x24xf32>, %b: tensor<3x16x24xf32>) -> tensor<32x3x16xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x3x16xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<32x3x16xf32>) -> tensor<32x3x16xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #moved], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<3x32x24xf32>, tensor<3x16x24xf32>) outs(%z : tensor<32x3x16xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %0 = arith.mulf %l, %r : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<32x3x16xf32>
  return %p : tensor<32x3x16xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#nm = affine_map<(m, n, k) -> (n, m)>

// The side with the columns of the result is the right one, whatever the order in which they are named.
// CHECK-LABEL: func @swapped
//  CHECK-SAME:   %[[A:.*]]: tensor<32x24xf32>, %[[B:.*]]: tensor<16x24xf32>
//       CHECK:   lowbit.matmul lhs(%[[B]] : {{.*}}) rhs(%[[A]] : {{.*}}) outs(%{{.*}} : tensor<16x32xf32>)
//   CHECK-NOT:   linalg.transpose
func.func @swapped(%a: tensor<32x24xf32>, %b: tensor<16x24xf32>) -> tensor<16x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x32xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<16x32xf32>) -> tensor<16x32xf32>
  %p = linalg.generic {indexing_maps = [#mk, #nk, #nm], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<32x24xf32>, tensor<16x24xf32>) outs(%z : tensor<16x32xf32>) {
  ^bb0(%l: f32, %r: f32, %s: f32):
    %0 = arith.mulf %l, %r : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<16x32xf32>
  return %p : tensor<16x32xf32>
}

// -----

// Arithmetic that is defined to the bit is not the target's, and a product of few rows is a loop.
// CHECK-LABEL: func @left
// CHECK-COUNT-2: linalg.matmul
//   CHECK-NOT:   lowbit.matmul
func.func @left(%a: tensor<32x24xf32>, %b: tensor<24x16xf32>, %c: tensor<32x16xf32>, %d: tensor<2x24xf32>, %e: tensor<2x16xf32>)
    -> (tensor<32x16xf32>, tensor<2x16xf32>) {
  %p = linalg.matmul {lowbit.exact} ins(%a, %b : tensor<32x24xf32>, tensor<24x16xf32>) outs(%c : tensor<32x16xf32>) -> tensor<32x16xf32>
  %q = linalg.matmul ins(%d, %b : tensor<2x24xf32>, tensor<24x16xf32>) outs(%e : tensor<2x16xf32>) -> tensor<2x16xf32>
  return %p, %q : tensor<32x16xf32>, tensor<2x16xf32>
}

// -----

// One row by many columns is a kernel by tiles, too: a head of one token.
// CHECK-LABEL: func @one_row
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<1x96xf32>) rhs(%{{.*}} : tensor<80x96xf32>)
func.func @one_row(%a: tensor<96x1xf32>, %b: tensor<80x96xf32>, %z: tensor<1x80xf32>) -> tensor<1x80xf32> {
  %t = tensor.collapse_shape %a [[0, 1]] : tensor<96x1xf32> into tensor<96xf32>
  %l = tensor.expand_shape %t [[0, 1]] output_shape [1, 96] : tensor<96xf32> into tensor<1x96xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%l, %b : tensor<1x96xf32>, tensor<80x96xf32>) outs(%z : tensor<1x80xf32>) {
  ^bb0(%x: f32, %w: f32, %s: f32):
    %0 = arith.mulf %x, %w : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<1x80xf32>
  return %p : tensor<1x80xf32>
}

// -----

// A reduction that is far longer than a side is shared by the lanes of a warp, an element each.
// CHECK-LABEL: func @long
//   CHECK-NOT:   lowbit.matmul
func.func @long(%a: tensor<4x8192xf32>, %b: tensor<80x8192xf32>, %z: tensor<4x80xf32>) -> tensor<4x80xf32> {
  %p = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<4x8192xf32>, tensor<80x8192xf32>) outs(%z : tensor<4x80xf32>) {
  ^bb0(%x: f32, %w: f32, %s: f32):
    %0 = arith.mulf %x, %w : f32
    %1 = arith.addf %s, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4x80xf32>
  return %p : tensor<4x80xf32>
}
