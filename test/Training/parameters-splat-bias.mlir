// RUN: quant-opt %s --lowbit-extract-parameters | FileCheck %s

// A bias of zeros is learned; zeros that are no bias are not, and neither is a constant that multiplies.
// CHECK-LABEL: func @initial() -> (tensor<3x2xf32> {lowbit.name = "fc.weight"}, tensor<2xf32> {lowbit.name = "fc.bias"})
func.func @main(%x: tensor<4x3xf32>) -> tensor<4x2xf32> {
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %b = arith.constant dense<0.0> : tensor<2xf32>
  %half = arith.constant dense<0.5> : tensor<2xf32>
  %y = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %b, %half : tensor<4x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%zeros : tensor<4x2xf32>) {
  ^bb0(%a: f32, %c: f32, %h: f32, %o: f32):
    %0 = arith.addf %a, %c : f32
    %1 = arith.mulf %0, %h : f32
    linalg.yield %1 : f32
  } -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
