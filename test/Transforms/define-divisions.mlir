// RUN: quant-opt %s --lowbit-define-divisions --canonicalize --split-input-file | FileCheck %s

// A signed quotient: by zero it is 0, and the smallest integer by -1 is itself.
// CHECK-LABEL: func @quotient
//  CHECK-SAME:   %[[X:.*]]: i32, %[[Y:.*]]: i32
//   CHECK-DAG:   %[[ZERO:.*]] = arith.constant 0 : i32
//   CHECK-DAG:   %[[ONE:.*]] = arith.constant 1 : i32
//   CHECK-DAG:   %[[MIN:.*]] = arith.constant -2147483648 : i32
//       CHECK:   %[[IS_ZERO:.*]] = arith.cmpi eq, %[[Y]], %[[ZERO]]
//       CHECK:   arith.cmpi eq, %[[X]], %[[MIN]]
//       CHECK:   %[[UNDEFINED:.*]] = arith.ori %[[IS_ZERO]]
//       CHECK:   %[[DIVISOR:.*]] = arith.select %[[UNDEFINED]], %[[ONE]], %[[Y]]
//       CHECK:   %[[Q:.*]] = arith.divsi %[[X]], %[[DIVISOR]]
//       CHECK:   arith.select %[[IS_ZERO]], %[[ZERO]], %[[Q]]
func.func @quotient(%x: i32, %y: i32) -> i32 {
  %0 = arith.divsi %x, %y : i32
  return %0 : i32
}

// -----

// A remainder by 1 is 0 already.
// CHECK-LABEL: func @remainder
//       CHECK:   %[[R:.*]] = arith.remui
//  CHECK-NEXT:   return %[[R]]
func.func @remainder(%x: tensor<4xi8>, %y: tensor<4xi8>) -> tensor<4xi8> {
  %0 = arith.remui %x, %y : tensor<4xi8>
  return %0 : tensor<4xi8>
}

// -----

// Constants that are neither 0 nor -1 cost nothing, wherever they stand.
// CHECK-LABEL: func @by_constants
//   CHECK-NOT:   arith.select
func.func @by_constants(%x: i32, %t: tensor<3xi64>) -> (i32, tensor<3xi64>) {
  %seven = arith.constant 7 : i32
  %0 = arith.divsi %x, %seven : i32
  %three = arith.constant dense<[3, -2, 5]> : tensor<3xi64>
  %e = tensor.empty() : tensor<3xi64>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%t, %three : tensor<3xi64>, tensor<3xi64>) outs(%e : tensor<3xi64>) {
  ^bb0(%a: i64, %b: i64, %o: i64):
    %2 = arith.remsi %a, %b : i64
    linalg.yield %2 : i64
  } -> tensor<3xi64>
  return %0, %1 : i32, tensor<3xi64>
}

// -----

// By -1 only the smallest integer is special; without a sign nothing is.
// CHECK-LABEL: func @by_minus_one
//       CHECK:   arith.cmpi eq, %{{.*}}, %c-128_i8
//       CHECK:   arith.divsi
//   CHECK-NOT:   arith.select
//       CHECK:   arith.divui
func.func @by_minus_one(%x: i8) -> (i8, i8) {
  %minus = arith.constant -1 : i8
  %0 = arith.divsi %x, %minus : i8
  %1 = arith.divui %x, %minus : i8
  return %0, %1 : i8, i8
}

// -----

// A named op is generic from then on, as its body says more than its name.
// CHECK-LABEL: func @named
//       CHECK:   linalg.generic
//       CHECK:     arith.select
//       CHECK:     arith.divsi
//   CHECK-NOT:   linalg.div
func.func @named(%x: tensor<4xi32>, %y: tensor<4xi32>) -> tensor<4xi32> {
  %e = tensor.empty() : tensor<4xi32>
  %0 = linalg.div ins(%x, %y : tensor<4xi32>, tensor<4xi32>) outs(%e : tensor<4xi32>) -> tensor<4xi32>
  return %0 : tensor<4xi32>
}
// Floats are not integers.
// CHECK-LABEL: func @floats
//       CHECK:   linalg.div
func.func @floats(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.div ins(%x, %y : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
