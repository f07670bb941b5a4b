// RUN: quant-opt %s --lowbit-name-sites --lowbit-ptq-rotate=sites=second --cse | FileCheck %s
// RUN: quant-opt %s --lowbit-name-sites --lowbit-ptq-rotate='sites=second fuse=false' --cse | FileCheck %s --check-prefix=ALONE
// RUN: sed 's/return %%c :/return %%b, %%c : tensor<3x2xf32>,/;s/-> tensor<3x1xf32> {$/-> (tensor<3x2xf32>, tensor<3x1xf32>) {/' %s \
// RUN:   | quant-opt --lowbit-name-sites --lowbit-ptq-rotate=sites=second --cse | FileCheck %s --check-prefix=ALONE

// What a linear and its bias make is rotated in the weight and the bias: nothing is added where the second one reads it.
// CHECK-LABEL: func @producer
//       CHECK:   %[[FIRST:.*]] = linalg.matmul {{.*}}lowbit.site = "first"}
//       CHECK:   %[[BIAS:.*]] = arith.constant dense<2.12132025> : tensor<2xf32>
//       CHECK:   %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[FIRST]], %[[BIAS]] :
//       CHECK:   linalg.matmul {lowbit.activation_changes = ["rotate block=2 seed=0 fused"],{{.*}} lowbit.site = "second"} ins(%[[SUM]],

// Left alone, or with another reader, what the first one makes stays as it is and is rotated after it.
// ALONE-LABEL: func @producer
//       ALONE:   %[[SUM:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<3x2xf32>, tensor<2xf32>)
//       ALONE:   tensor.expand_shape %[[SUM]]
//       ALONE:   %[[ROTATED:.*]] = tensor.collapse_shape
//       ALONE:   linalg.matmul {lowbit.activation_changes = ["rotate block=2 seed=0"],{{.*}} lowbit.site = "second"} ins(%[[ROTATED]], %
func.func @producer(%x: tensor<3x4xf32>) -> tensor<3x1xf32> {
  %zero = arith.constant 0.0 : f32
  %v = arith.constant dense<[[8.0, 0.0], [0.0, 8.0], [1.0, 0.0], [0.0, 0.0]]> : tensor<4x2xf32>
  %w = arith.constant dense<[[8.0], [1.0]]> : tensor<2x1xf32>
  %bias = arith.constant dense<[3.0, 0.0]> : tensor<2xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<3x2xf32>) -> tensor<3x2xf32>
  %a = linalg.matmul ins(%x, %v : tensor<3x4xf32>, tensor<4x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32> loc("first")
  %b = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]}
    ins(%a, %bias : tensor<3x2xf32>, tensor<2xf32>) outs(%e : tensor<3x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<3x2xf32>
  %f = tensor.empty() : tensor<3x1xf32>
  %init2 = linalg.fill ins(%zero : f32) outs(%f : tensor<3x1xf32>) -> tensor<3x1xf32>
  %c = linalg.matmul ins(%b, %w : tensor<3x2xf32>, tensor<2x1xf32>) outs(%init2 : tensor<3x1xf32>) -> tensor<3x1xf32> loc("second")
  return %c : tensor<3x1xf32>
}

