// RUN: quant-opt %s "--lowbit-train-batch-norm=momentum=0.25 epsilon=0.5" | FileCheck %s

// What is deployed, under the names of what is trained.
// CHECK-LABEL: func @derived(
//  CHECK-SAME:   "fc.weight"}, {{.*}}"fc.bias"}, {{.*}}"fc.gamma"}, {{.*}}"fc.mean"}, {{.*}}"fc.variance"})
//  CHECK-SAME:   -> (tensor<3x2xf32> {lowbit.name = "fc.weight"}, tensor<2xf32> {lowbit.name = "fc.bias"})

// The weight that is multiplied is the one that is deployed; its ratio is taken out of the sums, which are normalized by the batch.
// CHECK-LABEL: func @main(
//  CHECK-SAME:   %[[W:.*]]: tensor<3x2xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}
//  CHECK-SAME:   %[[B:.*]]: tensor<2xf32> {lowbit.name = "fc.bias", lowbit.parameter = "other"}
//  CHECK-SAME:   %[[GAMMA:.*]]: tensor<2xf32> {lowbit.name = "fc.gamma", lowbit.parameter = "other"}
//  CHECK-SAME:   %[[MEAN:[a-z0-9]+]]: tensor<2xf32> {lowbit.name = "fc.mean"}
//  CHECK-SAME:   %[[VAR:[a-z0-9]+]]: tensor<2xf32> {lowbit.name = "fc.variance"}
//  CHECK-SAME:   %[[X:[a-z0-9]+]]: tensor<4x3xf32> {lowbit.name = "x"}
//  CHECK-SAME:   %[[FROZEN:[a-z0-9]+]]: tensor<f32> {lowbit.name = "frozen"})
//  CHECK-SAME:   -> (tensor<4x2xf32>, tensor<2xf32> {lowbit.name = "fc.mean", lowbit.updates = "fc.mean"},
//  CHECK-SAME:       tensor<2xf32> {lowbit.name = "fc.variance", lowbit.updates = "fc.variance"})
//       CHECK:   %[[RATIO:.*]] = linalg.generic {{.*}} ins(%[[GAMMA]], %[[VAR]]
//       CHECK:     math.rsqrt
//       CHECK:   %[[SCALED:.*]] = linalg.generic {{.*}} ins(%[[W]], %[[RATIO]]
//       CHECK:   %[[SUMS:.*]] = linalg.matmul {lowbit.site = "fc"} ins(%[[X]], %[[SCALED]]
//       CHECK:   %[[T:.*]] = linalg.generic {{.*}} ins(%[[SUMS]], %[[RATIO]]
//       CHECK:     arith.divf
//       CHECK:   linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]} ins(%[[T]]
//       CHECK:     arith.constant 2.500000e-01
//       CHECK:   linalg.generic {{.*}} iterator_types = ["reduction", "parallel"]} ins(%[[T]]
//       CHECK:     arith.constant 5.000000e-01
//       CHECK:   %[[FLAG:.*]] = linalg.broadcast ins(%[[FROZEN]]
//       CHECK:   %[[USED_MEAN:.*]] = linalg.generic {{.*}} ins(%[[FLAG]], %[[MEAN]], %{{.*}}
//       CHECK:   %[[USED_VAR:.*]] = linalg.generic {{.*}} ins(%[[FLAG]], %[[VAR]], %{{.*}}
//       CHECK:   %[[Y:.*]] = linalg.generic {{.*}} ins(%[[T]], %[[USED_MEAN]], %[[USED_VAR]], %[[GAMMA]], %[[B]]
//       CHECK:   linalg.generic {{.*}} attrs = {lowbit.detached}
//       CHECK:   linalg.generic {{.*}} attrs = {lowbit.detached}
//       CHECK:   return %[[Y]], %{{.*}}, %{{.*}}

// The bias is beta now: bias + mean. The ratio is one at first: gamma is the root of the variance.
// CHECK-LABEL: func @initial()
//       CHECK:   "fc.weight"}, {{.*}}"fc.bias"}, {{.*}}"fc.gamma"}, {{.*}}"fc.mean"}, {{.*}}"fc.variance"}
//       CHECK:   %[[M:.*]] = arith.constant dense<[1.000000e+00, 2.000000e+00]>
//       CHECK:   math.sqrt
//       CHECK:   ins(%{{.*}}, %[[M]] : tensor<2xf32>, tensor<2xf32>)
//       CHECK:     arith.addf

#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
func.func @main(%w: tensor<3x2xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}, %b: tensor<2xf32> {lowbit.name = "fc.bias", lowbit.parameter = "other"},
                %x: tensor<4x3xf32> {lowbit.name = "x"}) -> tensor<4x2xf32> {
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %r = linalg.matmul {lowbit.site = "fc", lowbit.batch_norm = {axis = 1 : i64, mean = array<f32: 1.0, 2.0>, variance = array<f32: 4.0, 9.0>, weight_axis = 1 : i64}}
    ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
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
