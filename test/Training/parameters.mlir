// RUN: quant-opt %s --lowbit-extract-parameters | FileCheck %s
// RUN: quant-opt %s "--lowbit-extract-parameters=parameters=*.weight" | FileCheck %s --check-prefix=SOME

// Names come from sites and roles. A splat is no parameter (zeros that sums start from) unless it is a bias; a scale is one whatever its size.
// CHECK-LABEL: func @initial() -> (tensor<3x2xf32> {lowbit.name = "fc.weight"}, tensor<f32> {lowbit.name = "fc.weight_scale"}, tensor<2xf32> {lowbit.name = "fc.bias"})
// CHECK-LABEL: func @main(
//  CHECK-SAME:   %[[W:.*]]: tensor<3x2xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}
//  CHECK-SAME:   %[[S:.*]]: tensor<f32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"}
//  CHECK-SAME:   %[[B:.*]]: tensor<2xf32> {lowbit.name = "fc.bias", lowbit.parameter = "other"}, %{{.*}}: tensor<4x3xf32>
//       CHECK:   arith.constant dense<0.000000e+00> : tensor<4x2xf32>
//       CHECK:   lowbit.fake_quant %[[W]], %[[S]]

// SOME-LABEL: func @initial() -> (tensor<3x2xf32> {lowbit.name = "fc.weight"})
// SOME-LABEL: func @main(
//  SOME-SAME:   %{{.*}}: tensor<3x2xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}, %{{.*}}: tensor<4x3xf32>)
func.func @main(%x: tensor<4x3xf32>) -> tensor<4x2xf32> {
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %s = arith.constant dense<0.5> : tensor<f32>
  %b = arith.constant dense<[0.5, -0.5]> : tensor<2xf32>
  %q = lowbit.fake_quant %w, %s <#lowbit.int<4>> : (tensor<3x2xf32>, tensor<f32>) -> tensor<3x2xf32>
  %y = linalg.matmul {lowbit.site = "fc"} ins(%x, %q : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
      ins(%y, %b : tensor<4x2xf32>, tensor<2xf32>) outs(%zeros : tensor<4x2xf32>) {
  ^bb0(%a: f32, %c: f32, %o: f32):
    %0 = arith.addf %a, %c : f32
    linalg.yield %0 : f32
  } -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
