// RUN: quant-opt %s --lowbit-train-batch-norm --lowbit-parametrize-weights=rules=twn | FileCheck %s
// RUN: not quant-opt %s --lowbit-train-batch-norm --lowbit-parametrize-weights=rules=ttq 2>&1 | FileCheck %s --check-prefix=ERROR

// What is deployed is made of the weight times the ratio; the bias is as batch norm leaves it, and the scale comes behind.
// CHECK-LABEL: func @derived(
//  CHECK-SAME:   %[[W:[a-z0-9]+]]: tensor<3x2xf32> {lowbit.name = "fc.weight"}, {{.*}}"fc.variance"}, %{{[a-z0-9]+}}: tensor<1x2xf32> {lowbit.name = "fc.weight_scale"})
//  CHECK-SAME:   -> (tensor<3x2xf32> {lowbit.name = "fc.weight"}, tensor<2xf32> {lowbit.name = "fc.bias"}, tensor<1x2xf32> {lowbit.name = "fc.weight_scale"})
//       CHECK:   %[[FOLDED:.*]] = linalg.generic {{.*}} ins(%[[W]], %{{.*}} : tensor<3x2xf32>, tensor<2xf32>)
//       CHECK:   linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]} ins(%[[FOLDED]]
//       CHECK:   %[[ROUNDED:.*]] = linalg.generic {{.*}} ins(%[[FOLDED]], %{{[a-z0-9]+}} : tensor<3x2xf32>, tensor<2xf32>) outs(%{{[a-z0-9]+}} : tensor<3x2xf32>)
//       CHECK:   return %[[ROUNDED]], %{{.*}}, %{{.*}} :

// The scale follows the weight: it is no parameter any more.
// CHECK-LABEL: func @main(
//  CHECK-SAME:   %{{[a-z0-9]+}}: tensor<1x2xf32> {lowbit.name = "fc.weight_scale"}
//       CHECK:   lowbit.fake_quant %{{.*}}, %{{.*}} <#lowbit.ternary, block = [0, 1]> {lowbit.name = "fc.weight"} {{.*}} by #lowbit.identity

// A scale that is trained would not follow the ratio, which sums are divided by.
// ERROR: error: 'lowbit.fake_quant' op rounds `fc.weight`, which batch norm multiplies, by a scale that is trained; expected a rule whose scale follows the weight, such as `twn` or `xnor`, or batch norm that stays folded

#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
func.func @main(%w: tensor<3x2xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}, %b: tensor<2xf32> {lowbit.name = "fc.bias", lowbit.parameter = "other"},
                %s: tensor<1x2xf32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"}, %x: tensor<4x3xf32> {lowbit.name = "x"}) -> tensor<4x2xf32> {
  %q = lowbit.fake_quant %w, %s <#lowbit.ternary, block = [0, 1]> : (tensor<3x2xf32>, tensor<1x2xf32>) -> tensor<3x2xf32> by #lowbit.lsq
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %r = linalg.matmul {lowbit.site = "fc", lowbit.batch_norm = {axis = 1 : i64, mean = array<f32: 1.0, 2.0>, variance = array<f32: 4.0, 9.0>, weight_axis = 1 : i64}}
    ins(%x, %q : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %y = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %b : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %0 = arith.addf %in, %bias : f32
    linalg.yield %0 : f32
  } -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
func.func @initial() -> (tensor<3x2xf32> {lowbit.name = "fc.weight"}, tensor<2xf32> {lowbit.name = "fc.bias"}) {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %b = arith.constant dense<[7.0, 8.0]> : tensor<2xf32>
  return %w, %b : tensor<3x2xf32>, tensor<2xf32>
}
