// RUN: quant-opt %s --lowbit-add-loss=loss=squared_error | FileCheck %s --check-prefixes=CHECK,SQUARES
// RUN: quant-opt %s --lowbit-add-loss=loss=cross_entropy | FileCheck %s --check-prefixes=CHECK,CLASSES

// The model stays; its loss takes labels besides, and returns what the model returns.
// CHECK-LABEL: func @main(
//   CHECK-NOT:   linalg
// CHECK-LABEL: func @loss(
//     SQUARES:   %[[X:.*]]: tensor<4x3xf32>, %[[LABELS:.*]]: tensor<4x3xf32> {lowbit.name = "labels"})
//     CLASSES:   %[[X:.*]]: tensor<4x3xf32>, %[[LABELS:.*]]: tensor<4xi32> {lowbit.name = "labels"})
//  CHECK-SAME:   -> (tensor<f32> {lowbit.name = "loss"}, tensor<4x3xf32>)
//     SQUARES:   linalg.generic {{.*}} ins(%[[X]], %[[LABELS]]
//     CLASSES:   linalg.reduce ins(%[[X]] {{.*}} dimensions = [1] {lowbit.detached}
//     CLASSES:   math.exp
//     CLASSES:   math.log
//       CHECK:   return %[[LOSS:.*]], %[[X]] : tensor<f32>, tensor<4x3xf32>
func.func @main(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
  return %x : tensor<4x3xf32>
}
