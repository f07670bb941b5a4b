// RUN: quant-opt %s "--lowbit-distill=labels=0.5 terms=result=squared_error*0.25,fc=cosine*2" | FileCheck %s
// RUN: quant-opt %s "--lowbit-distill=labels=0 terms=fc=squared_error*1" | FileCheck %s --check-prefix=ALONE

// A share of zero is left out: the sum is of one loss.
// ALONE: %[[SUM:.*]] = linalg.generic {{.*}} iterator_types = []} ins(%{{[^,]*}} : tensor<f32>)
// ALONE: return %[[SUM]]

// The teacher reads the student's input; the first result is the sum of the three losses.
// CHECK-LABEL: func @loss(
//  CHECK-SAME:   %[[W:.*]]: tensor<3x2xf32> {{{.*}}}, %[[X:.*]]: tensor<4x3xf32> {lowbit.name = "x"}
//       CHECK:   %[[STUDENT:.*]] = linalg.matmul {lowbit.site = "fc"} ins(%[[X]], %[[W]]
//       CHECK:   %[[TEACHER:.*]] = linalg.matmul ins(%[[X]], %{{.*}}
//       CHECK:   linalg.generic {{.*}} ins(%[[STUDENT]], %[[TEACHER]]
//       CHECK:   %[[LABELS:.*]] = arith.mulf %{{.*}}, %{{.*}} : f32
//       CHECK:   %[[SUM:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<f32>, tensor<f32>, tensor<f32>)
//       CHECK:   return %[[SUM]], %[[STUDENT]]
func.func @loss(%w: tensor<3x2xf32> {lowbit.name = "w", lowbit.parameter = "weight"}, %x: tensor<4x3xf32> {lowbit.name = "x"},
                %z: tensor<4x2xf32> {lowbit.name = "z"}, %l: tensor<f32>) -> (tensor<f32>, tensor<4x2xf32>) {
  %y = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %l, %y : tensor<f32>, tensor<4x2xf32>
}
func.func @teacher(%x: tensor<4x3xf32> {lowbit.name = "x"}, %z: tensor<4x2xf32> {lowbit.name = "z"}) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %y = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
