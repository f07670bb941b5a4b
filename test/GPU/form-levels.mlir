// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_90a --split-input-file | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Floats of four bits: what their codes stand for, and scales as they are, for whole tiles.
// CHECK-LABEL: func @mxfp4
//   CHECK-DAG:   %[[W:.*]] = arith.constant dense_resource<codes{{.*}}> : tensor<1x512xi8>
//   CHECK-DAG:   %[[S:.*]] = tensor.insert_slice {{.*}} : tensor<2x6xf8E8M0FNU> into tensor<2x16xf8E8M0FNU>
//       CHECK:   lowbit.grouped_matmul lhs(%{{.*}} : tensor<4x64xf16>) rhs(%[[W]] : {{.*}}) scales(%[[S]] : {{.*}}) outs
//  CHECK-SAME:     width 4 levels [0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00,
//  CHECK-SAME:     -0.000000e+00, -5.000000e-01,
//  CHECK-SAME:     group 32
func.func @mxfp4(%a: tensor<4x64xf16>, %s: tensor<6x2xf8E8M0FNU>, %init: tensor<4x6xf16>) -> tensor<4x6xf16> {
  %w = arith.constant dense<1.5> : tensor<6x64xf4E2M1FN>
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a : tensor<4x64xf16>)
    rhs(%w scales %s <#lowbit.float<f4E2M1FN>, block = [1, 32], scale = f8E8M0FNU> : tensor<6x64xf4E2M1FN>, tensor<6x2xf8E8M0FNU>)
    outs(%init : tensor<4x6xf16>) -> tensor<4x6xf16>
  return %r : tensor<4x6xf16>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Groups of 16; the scale of the tensor is in the epilogue.
// CHECK-LABEL: func @nvfp4
//       CHECK:   lowbit.grouped_matmul {{.*}} scales(%{{.*}} : tensor<4x16xf8E4M3FN>) outs({{[^)]*}}) operands(%{{.*}} : tensor<1x1xf32>)
//  CHECK-SAME:     group 16
//       CHECK:   ^bb0(%[[REAL:.*]]: f32, %[[TENSOR:.*]]: f32):
//       CHECK:     arith.mulf %[[REAL]], %[[TENSOR]]
func.func @nvfp4(%a: tensor<4x64xbf16>, %s: tensor<16x4xf8E4M3FN>, %t: tensor<f32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %w = arith.constant dense<1.5> : tensor<16x64xf4E2M1FN>
  %r = lowbit.contract [#mk, #nk, #mn, affine_map<(m, n, k) -> ()>] lhs(%a : tensor<4x64xbf16>)
    rhs(%w scales %s <#lowbit.float<f4E2M1FN>, block = [1, 16], scale = f8E4M3FN> : tensor<16x64xf4E2M1FN>, tensor<16x4xf8E4M3FN>)
    outs(%init : tensor<4x16xf32>) epilogue(%t : tensor<f32>) {
  ^bb0(%real: f32, %tensor: f32):
    %0 = arith.mulf %real, %tensor : f32
    lowbit.yield %0 : f32
  } -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// A codebook of fewer levels: codes beyond them are the last one. Left codes become halves, less their zero points; their scale comes last.
// CHECK-LABEL: func @codes
//       CHECK:   %[[HALVES:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<4x64xi8>, tensor<4x1xi8>)
//       CHECK:     arith.subi
//       CHECK:     arith.sitofp {{.*}} : i32 to f16
//       CHECK:   lowbit.grouped_matmul lhs(%[[HALVES]] : tensor<4x64xf16>) rhs(%{{.*}} : tensor<1x1024xi8>) outs({{[^)]*}})
//  CHECK-SAME:     operands(%{{.*}}, %{{.*}} : tensor<4x1xf32>, tensor<1x16xf32>)
//  CHECK-SAME:     width 4 levels [-1.000000e+00, 0.000000e+00, 2.500000e-01, 1.000000e+00, 1.500000e+00, 1.500000e+00, 1.500000e+00, 1.500000e+00, -1.000000e+00,
func.func @codes(%a: tensor<4x64xi8>, %sa: tensor<4x1xf32>, %za: tensor<4x1xi8>, %s: tensor<16x1xf32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %p = arith.constant dense<18> : tensor<16x32xi8>
  %w = lowbit.unpack %p : tensor<16x32xi8> -> tensor<16x64x!lowbit.code<#lowbit.codebook<[-1.0, 0.0, 0.25, 1.0, 1.5]>>> of #lowbit.codebook<[-1.0, 0.0, 0.25, 1.0, 1.5]> as #lowbit.row_major
  %r = lowbit.contract [#mk, #nk, #mn]
    lhs(%a scales %sa zeros %za <#lowbit.uint<8>, block = [1, 0], zero = i8> : tensor<4x64xi8>, tensor<4x1xf32>, tensor<4x1xi8>)
    rhs(%w scales %s <#lowbit.codebook<[-1.0, 0.0, 0.25, 1.0, 1.5]>, block = [1, 0]> : tensor<16x64x!lowbit.code<#lowbit.codebook<[-1.0, 0.0, 0.25, 1.0, 1.5]>>>, tensor<16x1xf32>)
    outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Zero points of weights meet codes: halves hold them, and sums of groups are below 2^24.
// CHECK-LABEL: func @zeros
//       CHECK:   arith.sitofp {{.*}} : i32 to f16
//       CHECK:   lowbit.grouped_matmul lhs(%{{.*}} : tensor<4x64xf16>) {{.*}} zeros(%{{.*}} : tensor<2x16xi8>) outs({{[^)]*}}) operands(%{{.*}} : tensor<4x1xf32>)
//  CHECK-SAME:     width 4 unsigned group 32
func.func @zeros(%a: tensor<4x64xi8>, %sa: tensor<4x1xf32>, %s: tensor<16x2xf32>, %z: tensor<16x2xi8>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %w = arith.constant dense<3> : tensor<16x64xi4>
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<4x64xi8>, tensor<4x1xf32>)
    rhs(%w scales %s zeros %z <#lowbit.uint<4>, block = [1, 32], zero = i8> : tensor<16x64xi4>, tensor<16x2xf32>, tensor<16x2xi8>)
    outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Activations in f32 are not rounded: they stay f32, and lanes multiply three halves of each.
// CHECK-LABEL: func.func @singles
//       CHECK:   lowbit.grouped_matmul lhs(%{{.*}} : tensor<4x64xf32>)
func.func @singles(%a: tensor<4x64xf32>, %s: tensor<16x4xf32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %w = arith.constant dense<1.5> : tensor<16x64xf4E2M1FN>
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a : tensor<4x64xf32>)
    rhs(%w scales %s <#lowbit.float<f4E2M1FN>, block = [1, 16]> : tensor<16x64xf4E2M1FN>, tensor<16x4xf32>) outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}
