// RUN: quant-opt %s "--lowbit-distill=labels=0 terms=fc=squared_error*1" | FileCheck %s
// RUN: quant-opt %s "--lowbit-distill=labels=0 terms=fc=squared_error*1,f*=cosine*0.1" | FileCheck %s --check-prefix=TWICE
// RUN: not quant-opt %s "--lowbit-distill=labels=0 terms=result=squared_error*1" 2>&1 | FileCheck %s --check-prefix=RESULT

// The teacher is wider: a matrix between them is one more parameter, and has a first value.
// CHECK-LABEL: func @loss(
//  CHECK-SAME:   %[[W:.*]]: tensor<3x2xf32> {{{.*}}}, %[[P:.*]]: tensor<2x5xf32> {lowbit.name = "projection.fc", lowbit.parameter = "other"}, %{{.*}}: tensor<2x4x3xf32> {lowbit.name = "x"}
//       CHECK:   %[[STUDENT:.*]] = linalg.generic {{.*}} {lowbit.site = "fc"}
//       CHECK:   %[[TEACHER:.*]] = linalg.generic
//       CHECK:   %[[ROWS:.*]] = tensor.collapse_shape %[[STUDENT]] {{\[\[}}0, 1], [2]]
//       CHECK:   %[[PRODUCT:.*]] = linalg.matmul ins(%[[ROWS]], %[[P]] : tensor<8x2xf32>, tensor<2x5xf32>)
//       CHECK:   %[[WIDE:.*]] = tensor.expand_shape %[[PRODUCT]] {{\[\[}}0, 1], [2]]
//       CHECK:   linalg.generic {{.*}} ins(%[[WIDE]], %{{.*}} : tensor<2x4x5xf32>, tensor<2x4x5xf32>)
// CHECK-LABEL: func @initial() -> (tensor<3x2xf32> {lowbit.name = "w"}, tensor<2x5xf32> {lowbit.name = "projection.fc"})
//       CHECK:   return %{{.*}}, %{{.*}} : tensor<3x2xf32>, tensor<2x5xf32>

// Two terms that compare the same values do it through the same matrix.
// TWICE-LABEL: func @loss(
//  TWICE-SAME:   {lowbit.name = "projection.fc", lowbit.parameter = "other"}, %{{.*}}: tensor<2x4x3xf32> {lowbit.name = "x"}
// TWICE-LABEL: func @initial() -> (tensor<3x2xf32> {lowbit.name = "w"}, tensor<2x5xf32> {lowbit.name = "projection.fc"})

// Results stand for the same classes, or are no match.
// RESULT: error: `result` is 'tensor<2x4x2xf32>' in the student and 'tensor<2x4x5xf32>' in the teacher; expected one type
#rows = affine_map<(b, i, j, k) -> (b, i, k)>
#weight = affine_map<(b, i, j, k) -> (k, j)>
#sum = affine_map<(b, i, j, k) -> (b, i, j)>
func.func @loss(%w: tensor<3x2xf32> {lowbit.name = "w", lowbit.parameter = "weight"}, %x: tensor<2x4x3xf32> {lowbit.name = "x"},
                %z: tensor<2x4x2xf32>, %l: tensor<f32>) -> (tensor<f32>, tensor<2x4x2xf32>) {
  %y = linalg.generic {indexing_maps = [#rows, #weight, #sum], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x4x3xf32>, tensor<3x2xf32>) outs(%z : tensor<2x4x2xf32>) attrs = {lowbit.site = "fc"} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x4x2xf32>
  return %l, %y : tensor<f32>, tensor<2x4x2xf32>
}
func.func @initial() -> (tensor<3x2xf32> {lowbit.name = "w"}) {
  %w = arith.constant dense<1.0> : tensor<3x2xf32>
  return %w : tensor<3x2xf32>
}
func.func @teacher(%x: tensor<2x4x3xf32> {lowbit.name = "x"}) -> tensor<2x4x5xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x4x5xf32>
  %w = arith.constant dense<2.0> : tensor<3x5xf32>
  %y = linalg.generic {indexing_maps = [#rows, #weight, #sum], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2x4x3xf32>, tensor<3x5xf32>) outs(%zero : tensor<2x4x5xf32>) attrs = {lowbit.site = "fc"} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %c, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<2x4x5xf32>
  return %y : tensor<2x4x5xf32>
}
