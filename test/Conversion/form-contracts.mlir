// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-form-contracts{target=x86-64-avx512bf16},canonicalize)' | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
#all = affine_map<(m, n) -> (m, n)>

// What adds the bias becomes the epilogue, and zeros are not added.
// CHECK-LABEL: func @linear
//   CHECK-NOT: linalg
//       CHECK: lowbit.contract {{.*}} lhs(%{{.*}} : tensor<4x8xf32>) rhs(%{{.*}} : tensor<8x6xf32>) outs(%{{.*}} : tensor<4x6xf32>) epilogue(%{{.*}} : tensor<6xf32>)
//       CHECK: %[[SUM:.*]] = arith.addf
//  CHECK-NEXT: lowbit.yield %[[SUM]]
func.func @linear(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %bias: tensor<6xf32>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  %r = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %bias : tensor<4x6xf32>, tensor<6xf32>) outs(%e : tensor<4x6xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// An accumulator that holds something is added.
// CHECK-LABEL: func @accumulate
//  CHECK-SAME:   %{{.*}}, %{{.*}}, %[[ACC:.*]]: tensor<4x6xf32>
//       CHECK: lowbit.contract {{.*}} rhs(%{{.*}} : tensor<6x8xbf16>) {{.*}} epilogue(%[[ACC]] : tensor<4x6xf32>)
func.func @accumulate(%x: tensor<4x8xbf16>, %w: tensor<6x8xbf16>, %acc: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x8xbf16>, tensor<6x8xbf16>) outs(%acc : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// Many small products of two activations are computed with what is between them.
// CHECK-LABEL: func @attention
//   CHECK-NOT: lowbit.contract
//       CHECK: linalg.batch_matmul
func.func @attention(%q: tensor<12x16x32xf32>, %k: tensor<12x32x16xf32>, %acc: tensor<12x16x16xf32>) -> tensor<12x16x16xf32> {
  %s = linalg.batch_matmul ins(%q, %k : tensor<12x16x32xf32>, tensor<12x32x16xf32>) outs(%acc : tensor<12x16x16xf32>) -> tensor<12x16x16xf32>
  return %s : tensor<12x16x16xf32>
}

// Arithmetic that its source defines to the bit keeps its order.
// CHECK-LABEL: func @exact
//   CHECK-NOT: lowbit.contract
//       CHECK: linalg.matmul {lowbit.exact}
func.func @exact(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %acc: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %y = linalg.matmul {lowbit.exact} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%acc : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// So do sums that are no matmul.
// CHECK-LABEL: func @dynamic
//   CHECK-NOT: lowbit.contract
//       CHECK: linalg.matmul
func.func @dynamic(%x: tensor<?x8xf32>, %w: tensor<8x6xf32>, %acc: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<?x8xf32>, tensor<8x6xf32>) outs(%acc : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// Of two activations that lie along the reduction, the smaller one is what is transposed later: rows become columns.
// CHECK-LABEL: func @swapped
//  CHECK-SAME:   %[[X:.*]]: tensor<16x128xf32>, %[[Y:.*]]: tensor<96x128xf32>, %[[BIAS:.*]]: tensor<96xf32>
//       CHECK:   %[[T:.*]] = lowbit.contract [#[[NK:.*]], #[[MK:.*]], #[[NM:.*]], #[[N:.*]]] lhs(%[[Y]] : tensor<96x128xf32>) rhs(%[[X]] : tensor<16x128xf32>) outs(%{{.*}} : tensor<96x16xf32>) epilogue(%[[BIAS]] : tensor<96xf32>)
//       CHECK:     arith.addf
//       CHECK:   linalg.transpose ins(%[[T]] : tensor<96x16xf32>) outs(%{{.*}} : tensor<16x96xf32>) permutation = [1, 0]
func.func @swapped(%x: tensor<16x128xf32>, %y: tensor<96x128xf32>, %bias: tensor<96xf32>) -> tensor<16x96xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x96xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<16x96xf32>) -> tensor<16x96xf32>
  %p = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %y : tensor<16x128xf32>, tensor<96x128xf32>) outs(%init : tensor<16x96xf32>) -> tensor<16x96xf32>
  %r = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
      ins(%p, %bias : tensor<16x96xf32>, tensor<96xf32>) outs(%e : tensor<16x96xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<16x96xf32>
  return %r : tensor<16x96xf32>
}

// Not where rows would leave lanes empty, nor where the left side is as large as the right.
// CHECK-LABEL: func @not_swapped
//       CHECK:   lowbit.contract {{.*}} lhs(%{{.*}} : tensor<15x128xf32>)
//       CHECK:   lowbit.contract {{.*}} lhs(%{{.*}} : tensor<64x128xf32>)
//   CHECK-NOT:   linalg.transpose
//       CHECK:   return
func.func @not_swapped(%x: tensor<15x128xf32>, %v: tensor<64x128xf32>, %y: tensor<96x128xf32>, %a: tensor<15x96xf32>, %b: tensor<64x96xf32>) -> (tensor<15x96xf32>, tensor<64x96xf32>) {
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %y : tensor<15x128xf32>, tensor<96x128xf32>) outs(%a : tensor<15x96xf32>) -> tensor<15x96xf32>
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%v, %y : tensor<64x128xf32>, tensor<96x128xf32>) outs(%b : tensor<64x96xf32>) -> tensor<64x96xf32>
  return %0, %1 : tensor<15x96xf32>, tensor<64x96xf32>
}

// The gradient of a linear layer's input names the weights first: the side that has the rows of the result becomes the left one.
// CHECK-LABEL: func @columns_first
//  CHECK-SAME:   %[[W:.*]]: tensor<8x64xf32>, %[[DY:.*]]: tensor<48x64xf32>
//   CHECK-NOT: linalg.generic
//       CHECK: lowbit.contract {{.*}} lhs(%[[DY]] : tensor<48x64xf32>) rhs(%[[W]] : tensor<8x64xf32>)
func.func @columns_first(%w: tensor<8x64xf32>, %dy: tensor<48x64xf32>) -> tensor<48x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<48x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<48x8xf32>) -> tensor<48x8xf32>
  %dx = linalg.generic {indexing_maps = [affine_map<(m, k, n) -> (n, k)>, affine_map<(m, k, n) -> (m, k)>, affine_map<(m, k, n) -> (m, n)>],
                        iterator_types = ["parallel", "reduction", "parallel"]}
      ins(%w, %dy : tensor<8x64xf32>, tensor<48x64xf32>) outs(%init : tensor<48x8xf32>) {
  ^bb0(%a: f32, %b: f32, %acc: f32):
    %0 = arith.mulf %b, %a : f32
    %1 = arith.addf %acc, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<48x8xf32>
  return %dx : tensor<48x8xf32>
}
