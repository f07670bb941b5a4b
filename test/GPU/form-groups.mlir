// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_80 --split-input-file --remarks-filter=lowbit 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=WHY < %t
// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_75 --split-input-file --remarks-filter=lowbit 2>&1 >/dev/null | FileCheck %s --check-prefix=OLD

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Of blocks of 2 x 128 each column and each group of the other side has its scale; rows that share a scale of all groups have it in the epilogue.
//   CHECK-DAG: #[[REPEATED:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2)>
// CHECK-LABEL: func @blocks(
//  CHECK-SAME:   %[[A:.*]]: tensor<4x256xi8>, %[[SA:.*]]: tensor<4x4xf32>, %[[B:.*]]: tensor<6x256xi8>, %[[SB:.*]]: tensor<3x2xf32>
//       CHECK:   %[[ALL:.*]] = linalg.generic {indexing_maps = [#[[REPEATED]], #{{.*}}], {{.*}}} ins(%[[SB]] : tensor<3x2xf32>) outs(%{{.*}} : tensor<3x2x2x2xf32>)
//       CHECK:   %[[ROWS:.*]] = tensor.collapse_shape %[[ALL]] {{\[}}[0, 1], [2, 3]] : tensor<3x2x2x2xf32> into tensor<6x4xf32>
//       CHECK:   %[[COLUMNS:.*]] = linalg.transpose ins(%[[ROWS]] : tensor<6x4xf32>)
//       CHECK:   lowbit.matmul lhs(%[[A]] : {{.*}}) rhs(%[[B]] : {{.*}}) lhs_scales(%[[SA]] : {{.*}}) rhs_scales(%{{.*}} : tensor<4x6xf32>) outs({{.*}}) group 64 {
//  CHECK-NEXT:   ^bb0(%[[REAL:.*]]: f32):
//  CHECK-NEXT:     lowbit.yield %[[REAL]] : f32
// OLD: sm_75 has no kernel for scales that change along the reduction
func.func @blocks(%a: tensor<4x256xi8>, %sa: tensor<4x4xf32>, %b: tensor<6x256xi8>, %sb: tensor<3x2xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a scales %sa <#lowbit.int<8>, block = [1, 64]> : tensor<4x256xi8>, tensor<4x4xf32>)
    rhs(%b scales %sb <#lowbit.int<8>, block = [2, 128]> : tensor<6x256xi8>, tensor<3x2xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Constants are repeated here. Four bits become bytes, where both sides have groups.
// CHECK-LABEL: func @constant(
//       CHECK:   %[[SCALES:.*]] = arith.constant dense_resource<{{.*}}> : tensor<2x6xf16>
//       CHECK:   lowbit.matmul {{.*}} rhs(%{{.*}} : tensor<6x64xi8>) lhs_scales(%{{.*}} : tensor<4x2xf8E8M0FNU>) rhs_scales(%[[SCALES]] : tensor<2x6xf16>)
func.func @constant(%a: tensor<4x64xi8>, %sa: tensor<4x2xf8E8M0FNU>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %w = arith.constant dense<-3> : tensor<64x6xi4>
  %s = arith.constant dense<[[1.0, 2.0, 3.0], [1.5, 2.5, 3.5]]> : tensor<2x3xf16>
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a scales %sa <#lowbit.int<8>, block = [1, 32], scale = f8E8M0FNU> : tensor<4x64xi8>, tensor<4x2xf8E8M0FNU>)
    rhs(%w scales %s <#lowbit.int<4>, block = [32, 2], scale = f16> : tensor<64x6xi4>, tensor<2x3xf16>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// WHY: scales change along the reduction every 16; expected a power of two from 32 to 4096
// CHECK-LABEL: func @small(
//       CHECK:   lowbit.contract
func.func @small(%a: tensor<4x64xi8>, %sa: tensor<4x4xf32>, %b: tensor<6x64xi8>, %sb: tensor<f32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a scales %sa <#lowbit.int<8>, block = [1, 16]> : tensor<4x64xi8>, tensor<4x4xf32>)
    rhs(%b scales %sb <#lowbit.int<8>> : tensor<6x64xi8>, tensor<f32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// WHY: scales change along the reduction, and there are zero points
// CHECK-LABEL: func @zeros(
//       CHECK:   lowbit.contract
func.func @zeros(%a: tensor<4x64xi8>, %sa: tensor<4x2xf32>, %za: tensor<4x2xi8>, %b: tensor<6x64xi8>, %sb: tensor<f32>,
                 %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.contract [#mk, #nk, #mn]
    lhs(%a scales %sa zeros %za <#lowbit.int<8>, block = [1, 32], zero = i8> : tensor<4x64xi8>, tensor<4x2xf32>, tensor<4x2xi8>)
    rhs(%b scales %sb <#lowbit.int<8>> : tensor<6x64xi8>, tensor<f32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

#mk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (b, n, k)>
#mn = affine_map<(b, m, n, k) -> (b, m, n)>

// WHY: scales change along the reduction of batches
// CHECK-LABEL: func @batches(
//       CHECK:   lowbit.contract
func.func @batches(%a: tensor<2x4x64xi8>, %sa: tensor<2x4x2xf32>, %b: tensor<2x6x64xi8>, %sb: tensor<f32>, %init: tensor<2x4x6xf32>) -> tensor<2x4x6xf32> {
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a scales %sa <#lowbit.int<8>, block = [1, 1, 32]> : tensor<2x4x64xi8>, tensor<2x4x2xf32>)
    rhs(%b scales %sb <#lowbit.int<8>> : tensor<2x6x64xi8>, tensor<f32>) outs(%init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  return %r : tensor<2x4x6xf32>
}
