// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_90a --split-input-file --remarks-filter=lowbit 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=WHY < %t
// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_80 --split-input-file --remarks-filter=lowbit 2>&1 >/dev/null | FileCheck %s --check-prefix=OLD

// The reduction comes last and is filled up with +0; scales are operands of the epilogue, multiplied in the order of the contraction.
// CHECK-LABEL: func @product(
//  CHECK-SAME:   %[[A:.*]]: tensor<4x24xf8E4M3FN>, %[[SA:.*]]: tensor<4x1xf32>, %[[B:.*]]: tensor<24x6xf8E5M2>, %[[SB:.*]]: tensor<1x6xf32>
//   CHECK-DAG:   %[[LEFT:.*]] = tensor.insert_slice %[[A]] into %{{.*}}[0, 0] [4, 24] [1, 1] : tensor<4x24xf8E4M3FN> into tensor<4x32xf8E4M3FN>
//   CHECK-DAG:   %[[RIGHT:.*]] = tensor.insert_slice %{{.*}} into %{{.*}}[0, 0] [6, 24] [1, 1] : tensor<6x24xf8E5M2> into tensor<6x32xf8E5M2>
//       CHECK:   lowbit.matmul lhs(%[[LEFT]] : {{.*}}) rhs(%[[RIGHT]] : {{.*}}) outs({{.*}}) operands(%[[SA]], %[[SB]] : tensor<4x1xf32>, tensor<1x6xf32>) {
//  CHECK-NEXT:   ^bb0(%[[SUM:.*]]: f32, %[[L:.*]]: f32, %[[R:.*]]: f32):
//  CHECK-NEXT:     %[[ONCE:.*]] = arith.mulf %[[SUM]], %[[L]] : f32
//  CHECK-NEXT:     %[[TWICE:.*]] = arith.mulf %[[ONCE]], %[[R]] : f32
//  CHECK-NEXT:     lowbit.yield %[[TWICE]] : f32
// OLD: sm_80 has no products of 8-bit floats
func.func @product(%a: tensor<4x24xf8E4M3FN>, %sa: tensor<4x1xf32>, %b: tensor<24x6xf8E5M2>, %sb: tensor<1x6xf32>,
                   %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %sa <#lowbit.float<f8E4M3FN>, block = [1, 0]> : tensor<4x24xf8E4M3FN>, tensor<4x1xf32>)
    rhs(%b scales %sb <#lowbit.float<f8E5M2>, block = [0, 1]> : tensor<24x6xf8E5M2>, tensor<1x6xf32>)
    outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

// Constants are turned and filled up here.
// CHECK-LABEL: func @constant(
//       CHECK:   %[[B:.*]] = arith.constant dense_resource<[[CODES:.*]]> : tensor<2x16xf8E4M3FN>
//       CHECK:   lowbit.matmul lhs({{.*}}) rhs(%[[B]] : tensor<2x16xf8E4M3FN>)
func.func @constant(%a: tensor<4x3xf8E4M3FN>, %s: tensor<f32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %b = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf8E4M3FN>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %s <#lowbit.float<f8E4M3FN>> : tensor<4x3xf8E4M3FN>, tensor<f32>)
    rhs(%b scales %s <#lowbit.float<f8E4M3FN>> : tensor<3x2xf8E4M3FN>, tensor<f32>)
    outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// WHY: matrix units keep fewer bits of sums of 8-bit floats than `lowbit.exact` allows
// CHECK-LABEL: func @exact(
//       CHECK:   lowbit.contract
func.func @exact(%a: tensor<4x16xf8E4M3FN>, %s: tensor<f32>, %b: tensor<2x16xf8E4M3FN>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %s <#lowbit.float<f8E4M3FN>> : tensor<4x16xf8E4M3FN>, tensor<f32>)
    rhs(%b scales %s <#lowbit.float<f8E4M3FN>> : tensor<2x16xf8E4M3FN>, tensor<f32>)
    outs(%init : tensor<4x2xf32>) {lowbit.exact} -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// Scales that change along the reduction are those of groups.
// CHECK-LABEL: func @groups(
//  CHECK-SAME:   %[[A:.*]]: tensor<4x64xf8E4M3FN>, %[[S:[^:]*]]: tensor<4x2xf32>
//       CHECK:   lowbit.matmul lhs(%[[A]] : {{.*}}) rhs({{.*}}) lhs_scales(%[[S]] : tensor<4x2xf32>) outs({{.*}}) operands({{.*}} : tensor<1x1xf32>) group 32 {
//  CHECK-NEXT:   ^bb0(%[[REAL:.*]]: f32, %[[SB:.*]]: f32):
//  CHECK-NEXT:     arith.mulf %[[REAL]], %[[SB]] : f32
func.func @groups(%a: tensor<4x64xf8E4M3FN>, %s: tensor<4x2xf32>, %b: tensor<2x64xf8E4M3FN>, %sb: tensor<f32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %s <#lowbit.float<f8E4M3FN>, block = [1, 32]> : tensor<4x64xf8E4M3FN>, tensor<4x2xf32>)
    rhs(%b scales %sb <#lowbit.float<f8E4M3FN>> : tensor<2x64xf8E4M3FN>, tensor<f32>)
    outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

// WHY: scales are shared by some but not all codes of an axis
// CHECK-LABEL: func @blocks(
//       CHECK:   lowbit.contract
func.func @blocks(%a: tensor<4x64xf8E4M3FN>, %s: tensor<2x1xf32>, %b: tensor<2x64xf8E4M3FN>, %sb: tensor<f32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %s <#lowbit.float<f8E4M3FN>, block = [2, 0]> : tensor<4x64xf8E4M3FN>, tensor<2x1xf32>)
    rhs(%b scales %sb <#lowbit.float<f8E4M3FN>> : tensor<2x64xf8E4M3FN>, tensor<f32>)
    outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
