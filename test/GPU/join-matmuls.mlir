// RUN: quant-opt %s --lowbit-join-matmuls | FileCheck %s

// Three right sides below one another; scales that differ become one a column, the one they share stays.
// CHECK-LABEL: @joined
//  CHECK-SAME:   %[[X:.*]]: tensor<4x16xi8>, %[[S:.*]]: tensor<4x1xf32>
//   CHECK-DAG:   %[[W:.*]] = arith.constant {{.*}} : tensor<6x16xi8>
//   CHECK-DAG:   %[[C:.*]] = arith.constant dense<{{\[\[}}2.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 5.000000e+00, 5.000000e+00]]> : tensor<1x6xf32>
//       CHECK:   %[[R:.*]] = lowbit.matmul lhs(%[[X]] : tensor<4x16xi8>) rhs(%[[W]] : tensor<6x16xi8>) {{.*}} operands(%[[S]], %[[C]] : tensor<4x1xf32>, tensor<1x6xf32>)
//       CHECK:   tensor.extract_slice %[[R]][0, 0] [4, 2] [1, 1]
//       CHECK:   tensor.extract_slice %[[R]][0, 2] [4, 2] [1, 1]
//       CHECK:   tensor.extract_slice %[[R]][0, 4] [4, 2] [1, 1]
//   CHECK-NOT:   lowbit.matmul
func.func @joined(%x: tensor<4x16xi8>, %s: tensor<4x1xf32>) -> tensor<4x2xf32> {
  %w0 = arith.constant dense<1> : tensor<2x16xi8>
  %w1 = arith.constant dense<2> : tensor<2x16xi8>
  %w2 = arith.constant dense<3> : tensor<2x16xi8>
  %c0 = arith.constant dense<2.0> : tensor<1x1xf32>
  %c1 = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %c2 = arith.constant dense<5.0> : tensor<1x1xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %0 = lowbit.matmul lhs(%x : tensor<4x16xi8>) rhs(%w0 : tensor<2x16xi8>) outs(%e : tensor<4x2xf32>) operands(%s, %c0 : tensor<4x1xf32>, tensor<1x1xf32>) {
  ^bb0(%sum: i32, %a: f32, %b: f32):
    %t = arith.sitofp %sum : i32 to f32
    %u = arith.mulf %t, %a : f32
    %v = arith.mulf %u, %b : f32
    lowbit.yield %v : f32
  } -> tensor<4x2xf32>
  %1 = lowbit.matmul lhs(%x : tensor<4x16xi8>) rhs(%w1 : tensor<2x16xi8>) outs(%e : tensor<4x2xf32>) operands(%s, %c1 : tensor<4x1xf32>, tensor<1x2xf32>) {
  ^bb0(%sum: i32, %a: f32, %b: f32):
    %t = arith.sitofp %sum : i32 to f32
    %u = arith.mulf %t, %a : f32
    %v = arith.mulf %u, %b : f32
    lowbit.yield %v : f32
  } -> tensor<4x2xf32>
  %2 = lowbit.matmul lhs(%x : tensor<4x16xi8>) rhs(%w2 : tensor<2x16xi8>) outs(%e : tensor<4x2xf32>) operands(%s, %c2 : tensor<4x1xf32>, tensor<1x1xf32>) {
  ^bb0(%sum: i32, %a: f32, %b: f32):
    %t = arith.sitofp %sum : i32 to f32
    %u = arith.mulf %t, %a : f32
    %v = arith.mulf %u, %b : f32
    lowbit.yield %v : f32
  } -> tensor<4x2xf32>
  %3 = arith.addf %0, %1 : tensor<4x2xf32>
  %4 = arith.addf %3, %2 : tensor<4x2xf32>
  return %4 : tensor<4x2xf32>
}

// Another epilogue, a right side that is no constant, and a result that is the function's own.
// CHECK-LABEL: @apart
// CHECK-COUNT-4: lowbit.matmul
//   CHECK-NOT: tensor.extract_slice
func.func @apart(%x: tensor<4x16xi8>, %w: tensor<2x16xi8>) -> (tensor<4x2xi32>, tensor<4x2xi32>) {
  %c = arith.constant dense<1> : tensor<2x16xi8>
  %e = tensor.empty() : tensor<4x2xi32>
  %0 = lowbit.matmul lhs(%x : tensor<4x16xi8>) rhs(%c : tensor<2x16xi8>) outs(%e : tensor<4x2xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x2xi32>
  %1 = lowbit.matmul lhs(%x : tensor<4x16xi8>) rhs(%w : tensor<2x16xi8>) outs(%e : tensor<4x2xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x2xi32>
  %2 = lowbit.matmul lhs(%x : tensor<4x16xi8>) rhs(%c : tensor<2x16xi8>) outs(%e : tensor<4x2xi32>) {
  ^bb0(%sum: i32):
    %t = arith.addi %sum, %sum : i32
    lowbit.yield %t : i32
  } -> tensor<4x2xi32>
  %3 = lowbit.matmul lhs(%x : tensor<4x16xi8>) rhs(%c : tensor<2x16xi8>) outs(%e : tensor<4x2xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x2xi32>
  %4 = arith.addi %0, %1 : tensor<4x2xi32>
  %5 = arith.addi %4, %2 : tensor<4x2xi32>
  return %5, %3 : tensor<4x2xi32>, tensor<4x2xi32>
}
