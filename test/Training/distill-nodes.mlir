// RUN: quant-opt %s "--lowbit-distill=labels=0 terms=h*=squared_error*1" | FileCheck %s

// A node of the source stands for what the last op gives that was made of it; what quantizes that bears its name, too, and is none.
// CHECK-LABEL: func @loss(
//       CHECK:   math.tanh
//       CHECK:   %[[STUDENT:.*]] = math.absf
//       CHECK:   lowbit.fake_quant %[[STUDENT]]
//       CHECK:   math.tanh
//       CHECK:   %[[TEACHER:.*]] = math.absf
//       CHECK:   linalg.generic {{.*}} ins(%[[STUDENT]], %[[TEACHER]] : tensor<4x3xf32>, tensor<4x3xf32>)
//   CHECK-NOT:   ins(%{{.*}}, %{{.*}} : tensor<4x3xf32>, tensor<4x3xf32>)
//       CHECK:   return
func.func @loss(%w: tensor<4x3xf32> {lowbit.name = "w", lowbit.parameter = "weight"}, %x: tensor<4x3xf32> {lowbit.name = "x"},
                %s: tensor<f32>, %l: tensor<f32>) -> (tensor<f32>, tensor<4x3xf32>) {
  %0 = arith.mulf %x, %w : tensor<4x3xf32> loc("student")
  %1 = math.tanh %0 : tensor<4x3xf32> loc("hidden")
  %2 = math.absf %1 : tensor<4x3xf32> loc("hidden")
  %3 = lowbit.fake_quant %2, %s <#lowbit.int<8>> : (tensor<4x3xf32>, tensor<f32>) -> tensor<4x3xf32> loc("hidden")
  return %l, %3 : tensor<f32>, tensor<4x3xf32>
}
func.func @teacher(%x: tensor<4x3xf32> {lowbit.name = "x"}) -> tensor<4x3xf32> {
  %1 = math.tanh %x : tensor<4x3xf32> loc("hidden")
  %2 = math.absf %1 : tensor<4x3xf32> loc("hidden")
  return %2 : tensor<4x3xf32>
}
