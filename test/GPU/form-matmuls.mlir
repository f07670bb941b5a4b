// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_80 --split-input-file | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#n = affine_map<(m, n, k) -> (n)>

// Scales are operands along rows and columns; the reals come in the order that the contraction says.
// CHECK-LABEL: func @scales
//  CHECK-SAME:   %[[A:.*]]: tensor<4x32xi8>, %{{.*}}: tensor<4x1xf32>, %[[B:.*]]: tensor<6x32xi8>
//       CHECK:   lowbit.matmul lhs(%[[A]] : {{.*}}) rhs(%[[B]] : {{.*}}) outs
//  CHECK-SAME:     tensor<4x1xf32>, tensor<1x6xf32>, tensor<1x6xf32>)
//       CHECK:   ^bb0(%[[SUM:.*]]: i32, %[[LEFT:.*]]: f32, %[[RIGHT:.*]]: f32, %[[BIAS:.*]]: f32):
//       CHECK:     %[[REAL:.*]] = arith.sitofp %[[SUM]]
//       CHECK:     %[[ONCE:.*]] = arith.mulf %[[REAL]], %[[LEFT]]
//       CHECK:     %[[TWICE:.*]] = arith.mulf %[[ONCE]], %[[RIGHT]]
//       CHECK:     %[[DONE:.*]] = arith.addf %[[TWICE]], %[[BIAS]]
//       CHECK:     lowbit.yield %[[DONE]]
func.func @scales(%a: tensor<4x32xi8>, %sa: tensor<4x1xf32>, %b: tensor<6x32xi8>, %sb: tensor<6x1xf32>, %bias: tensor<6xf32>,
                  %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.contract [#mk, #nk, #mn, #n]
    lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<4x32xi8>, tensor<4x1xf32>)
    rhs(%b scales %sb <#lowbit.int<8>, block = [1, 0]> : tensor<6x32xi8>, tensor<6x1xf32>)
    outs(%init : tensor<4x6xf32>) epilogue(%bias : tensor<6xf32>) {
  ^bb0(%sum: f32, %e: f32):
    %0 = arith.addf %sum, %e : f32
    lowbit.yield %0 : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Weights that are constant are turned, filled up to 16 bytes and summed here; the sums meet the zero point of the left side.
// CHECK-LABEL: func @zeros
//   CHECK-DAG:   %[[B:.*]] = arith.constant dense_resource<codes{{.*}}> : tensor<2x16xi8>
//   CHECK-DAG:   %[[SUMS:.*]] = arith.constant dense_resource<sums{{.*}}> : tensor<1x2xi32>
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<4x16xi8>) rhs(%[[B]] : tensor<2x16xi8>)
//  CHECK-SAME:     operands(%{{.*}}, %[[SUMS]], %{{.*}} : tensor<4x1xi8>, tensor<1x2xi32>, tensor<4x1xf32>)
//       CHECK:   ^bb0(%[[SUM:.*]]: i32, %[[ZERO:.*]]: i8, %[[COLUMN:.*]]: i32, %{{.*}}: f32):
//       CHECK:     %[[WIDE:.*]] = arith.extui %[[ZERO]]
//       CHECK:     %[[MORE:.*]] = arith.muli %[[WIDE]], %[[COLUMN]]
//       CHECK:     arith.subi %[[SUM]], %[[MORE]]
//       CHECK:   } {lhs_unsigned} -> tensor<4x2xf32>
func.func @zeros(%a: tensor<4x3xi8>, %sa: tensor<4x1xf32>, %za: tensor<4x1xi8>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %b = arith.constant dense<[[1, 2], [3, 4], [5, 6]]> : tensor<3x2xi8>
  %r = lowbit.contract [#mk, #kn, #mn]
    lhs(%a scales %sa zeros %za <#lowbit.uint<8>, block = [1, 0], zero = i8> : tensor<4x3xi8>, tensor<4x1xf32>, tensor<4x1xi8>)
    rhs(%b <#lowbit.int<8>> : tensor<3x2xi8>)
    outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Signs are bits: 4 * both - 2 * (left + right) + 24.
// CHECK-LABEL: func @signs
//       CHECK:   lowbit.to_bits
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<4x16xi8>) rhs(%{{.*}} : tensor<6x16xi8>)
//  CHECK-SAME:     operands(%{{.*}}, %{{.*}} : tensor<4x1xi32>, tensor<1x6xi32>)
//       CHECK:   } {bits} -> tensor<4x6xi32>
func.func @signs(%a: tensor<4x24x!lowbit.code<#lowbit.binary>>, %b: tensor<6x24x!lowbit.code<#lowbit.binary>>,
                 %init: tensor<4x6xi32>) -> tensor<4x6xi32> {
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a <#lowbit.binary> : tensor<4x24x!lowbit.code<#lowbit.binary>>)
    rhs(%b <#lowbit.binary> : tensor<6x24x!lowbit.code<#lowbit.binary>>) outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return %r : tensor<4x6xi32>
}

// -----

#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>

// Axes of rows are one.
// CHECK-LABEL: func @sentences
//       CHECK:   tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]] : tensor<2x4x32xi8> into tensor<8x32xi8>
//       CHECK:   lowbit.matmul {{.*}} outs(%{{.*}} : tensor<8x6xi32>)
//       CHECK:   tensor.expand_shape {{.*}} : tensor<8x6xi32> into tensor<2x4x6xi32>
func.func @sentences(%a: tensor<2x4x32xi8>, %b: tensor<6x32xi8>, %init: tensor<2x4x6xi32>) -> tensor<2x4x6xi32> {
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a <#lowbit.int<8>> : tensor<2x4x32xi8>) rhs(%b <#lowbit.int<8>> : tensor<6x32xi8>)
    outs(%init : tensor<2x4x6xi32>) -> tensor<2x4x6xi32>
  return %r : tensor<2x4x6xi32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Scales that change along the reduction are left to others.
// CHECK-LABEL: func @groups
//       CHECK:   lowbit.contract
func.func @groups(%a: tensor<4x32xi8>, %b: tensor<6x32xi8>, %sb: tensor<6x2xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x32xi8>)
    rhs(%b scales %sb <#lowbit.int<8>, block = [1, 16]> : tensor<6x32xi8>, tensor<6x2xf32>)
    outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Weights of four bits get into the order of lanes, for 16 columns at a time.
// CHECK-LABEL: func @weights
//   CHECK-DAG:   %[[W:.*]] = arith.constant dense_resource<codes{{.*}}> : tensor<1x512xi8>
//   CHECK-DAG:   %[[S:.*]] = tensor.insert_slice {{.*}} : tensor<2x6xf16> into tensor<2x16xf16>
//       CHECK:   lowbit.grouped_matmul lhs(%{{.*}} : tensor<4x64xf16>) rhs(%[[W]] : {{.*}}) scales(%[[S]] : {{.*}}) outs(%{{.*}}) width 4 group 32
//       CHECK:     arith.truncf
func.func @weights(%a: tensor<4x64xf16>, %init: tensor<4x6xf16>) -> tensor<4x6xf16> {
  %w = arith.constant dense<-3> : tensor<64x6xi4>
  %s = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]]> : tensor<2x6xf16>
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a : tensor<4x64xf16>)
    rhs(%w scales %s <#lowbit.int<4>, block = [32, 1], scale = f16> : tensor<64x6xi4>, tensor<2x6xf16>)
    outs(%init : tensor<4x6xf16>) -> tensor<4x6xf16>
  return %r : tensor<4x6xf16>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Codes by weights in groups: the scale that does not change comes after the groups. Scales of whole tiles are constants again.
// CHECK-LABEL: func @codes
//       CHECK:   %[[S:.*]] = arith.constant dense<2.000000e+00> : tensor<2x16xf32>
//       CHECK:   lowbit.grouped_matmul lhs(%{{.*}} : tensor<4x128xi8>) rhs({{.*}} : tensor<1x1024xi8>) scales(%[[S]] : tensor<2x16xf32>)
//  CHECK-SAME:     operands(%{{.*}} : tensor<4x1xf32>) width 4 unsigned group 64
//       CHECK:   ^bb0(%[[REAL:.*]]: f32, %[[ROW:.*]]: f32):
//       CHECK:     arith.mulf %[[REAL]], %[[ROW]]
func.func @codes(%a: tensor<4x128xi8>, %sa: tensor<4x1xf32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %w = arith.constant dense<3> : tensor<16x128xi4>
  %s = arith.constant dense<2.0> : tensor<16x2xf32>
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<4x128xi8>, tensor<4x1xf32>)
    rhs(%w scales %s <#lowbit.uint<4>, block = [1, 64]> : tensor<16x128xi4>, tensor<16x2xf32>)
    outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Weights of two bits without groups: one dot, i32, and the scales in their order.
// CHECK-LABEL: func @two_bits
//       CHECK:   lowbit.grouped_matmul lhs(%{{.*}} : tensor<4x128xi8>) rhs({{.*}} : tensor<1x512xi8>) outs
//  CHECK-SAME:     operands(%{{.*}}, %{{.*}} : tensor<4x1xf32>, tensor<1x16xf32>) width 2 {
//       CHECK:   ^bb0(%[[SUM:.*]]: i32, %[[ROW:.*]]: f32, %[[COLUMN:.*]]: f32):
//       CHECK:     %[[REAL:.*]] = arith.sitofp %[[SUM]]
//       CHECK:     %[[ONCE:.*]] = arith.mulf %[[REAL]], %[[ROW]]
//       CHECK:     arith.mulf %[[ONCE]], %[[COLUMN]]
func.func @two_bits(%a: tensor<4x128xi8>, %sa: tensor<4x1xf32>, %s: tensor<16x1xf32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %w = arith.constant dense<1> : tensor<16x128xi2>
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<4x128xi8>, tensor<4x1xf32>)
    rhs(%w scales %s <#lowbit.int<2>, block = [1, 0]> : tensor<16x128xi2>, tensor<16x1xf32>)
    outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Many rows take bytes, which are read once.
// CHECK-LABEL: func @many
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<40x128xi8>) rhs({{.*}} : tensor<16x128xi8>)
func.func @many(%a: tensor<40x128xi8>, %init: tensor<40x16xi32>) -> tensor<40x16xi32> {
  %w = arith.constant dense<1> : tensor<16x128xi4>
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a <#lowbit.int<8>> : tensor<40x128xi8>) rhs(%w <#lowbit.int<4>> : tensor<16x128xi4>)
    outs(%init : tensor<40x16xi32>) -> tensor<40x16xi32>
  return %r : tensor<40x16xi32>
}

// -----

// The result has its columns first, so sides change places: reals are multiplied by the left side's scale first all the same.
// CHECK-LABEL: func.func @swapped_scales
//  CHECK-SAME:   %{{[^:]*}}: tensor<7x64xi8>, %[[LEFT:[^:]*]]: tensor<7x1xf32>, %{{[^:]*}}: tensor<129x64xi8>, %[[RIGHT:[^:]*]]: tensor<129x1xf32>
//       CHECK:   %[[COLUMN:.*]] = tensor.expand_shape %{{.*}} output_shape [1, 7]
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<129x64xi8>) rhs(%{{.*}} : tensor<7x64xi8>)
//  CHECK-SAME:     operands(%[[COLUMN]], %{{.*}} : tensor<1x7xf32>, tensor<129x1xf32>)
//       CHECK:   ^bb0(%[[SUM:.*]]: i32, %[[L:.*]]: f32, %[[R:.*]]: f32):
//       CHECK:     %[[REAL:.*]] = arith.sitofp %[[SUM]]
//       CHECK:     %[[ONCE:.*]] = arith.mulf %[[REAL]], %[[L]]
//       CHECK:     arith.mulf %[[ONCE]], %[[R]]
func.func @swapped_scales(%a: tensor<7x64xi8>, %s: tensor<7x1xf32>, %b: tensor<129x64xi8>, %t: tensor<129x1xf32>) -> tensor<129x7xf32> {
  %init = tensor.empty() : tensor<129x7xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (n, m)>]
    lhs(%a scales %s <#lowbit.int<8>, block = [1, 0]> : tensor<7x64xi8>, tensor<7x1xf32>)
    rhs(%b scales %t <#lowbit.int<8>, block = [1, 0]> : tensor<129x64xi8>, tensor<129x1xf32>)
    outs(%init : tensor<129x7xf32>) -> tensor<129x7xf32>
  return %r : tensor<129x7xf32>
}

// -----

// What is no product stays as it is, its sides in their places.
// CHECK-LABEL: func.func @not_swapped
//       CHECK:   lowbit.contract
//       CHECK:     lhs(%{{.*}} : tensor<8x64xi8>
//       CHECK:     outs(%{{.*}} : tensor<129x8xf32>)
func.func @not_swapped(%a: tensor<8x64xi8>, %s: tensor<4x1xf32>, %b: tensor<129x64xi8>, %t: tensor<129x1xf32>) -> tensor<129x8xf32> {
  %init = tensor.empty() : tensor<129x8xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (n, m)>]
    lhs(%a scales %s <#lowbit.int<8>, block = [2, 0]> : tensor<8x64xi8>, tensor<4x1xf32>)
    rhs(%b scales %t <#lowbit.int<8>, block = [1, 0]> : tensor<129x64xi8>, tensor<129x1xf32>)
    outs(%init : tensor<129x8xf32>) -> tensor<129x8xf32>
  return %r : tensor<129x8xf32>
}
