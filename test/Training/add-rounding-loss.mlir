// RUN: quant-opt %s --lowbit-add-rounding-loss | FileCheck %s
// RUN: quant-opt %s --lowbit-add-rounding-loss=sites=fc "--lowbit-differentiate=wrt=fc.rounding" | FileCheck %s --check-prefix=GRADIENT
// RUN: not quant-opt %s --lowbit-add-rounding-loss=sites=other 2>&1 | FileCheck %s --check-prefix=SITES
// RUN: not quant-opt %s "--lowbit-add-rounding-loss=sites=[" 2>&1 | FileCheck %s --check-prefix=GLOB
// RUN: not quant-opt %s --lowbit-add-rounding-loss=function=model 2>&1 | FileCheck %s --check-prefix=LOSS
// SITES: error: `loss` has no rounding that is learned at these sites; run `lowbit-soften-rounding` and `lowbit-extract-parameters` first
// GLOB: error: `[` is no pattern
// LOSS: error: `model` gives no loss; expected a first result of type 'tensor<f32>'

// CHECK-LABEL: func @loss(
//  CHECK-SAME:   %[[V:.*]]: tensor<2xf32> {{{.*}}}, %{{.*}}: tensor<2xf32>, %{{.*}}: tensor<2xf32>, %[[L:[a-z0-9]+]]: tensor<f32>, %[[BETA:.*]]: tensor<f32> {lowbit.name = "beta"}, %[[WEIGHT:.*]]: tensor<f32> {lowbit.name = "regularization"})
//       CHECK:   %[[POWER:.*]] = tensor.extract %[[BETA]][]
//       CHECK:   linalg.generic {{.*}} ins(%[[V]] : tensor<2xf32>)
//       CHECK:   math.absf
//       CHECK:   math.powf %{{.*}}, %[[POWER]]
//       CHECK:   %[[MEAN:.*]] = linalg.generic {{.*}} iterator_types = ["reduction"]}
//       CHECK:   %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[L]], %[[WEIGHT]], %[[MEAN]]
//       CHECK:   return %[[SUM]]
// GRADIENT-LABEL: func @loss_gradients(
//  GRADIENT-SAME:   -> (tensor<f32>, tensor<2xf32>, tensor<2xf32> {lowbit.name = "gradient.fc.rounding"})
func.func @loss(%v: tensor<2xf32> {lowbit.name = "fc.rounding", lowbit.parameter = "other"}, %below: tensor<2xf32>, %gap: tensor<2xf32>,
                %l: tensor<f32>) -> (tensor<f32>, tensor<2xf32>) {
  %e = tensor.empty() : tensor<2xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                       iterator_types = ["parallel"]}
      ins(%below, %gap, %v : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) attrs = {lowbit.rounding = "fc"} {
  ^bb0(%b: f32, %g: f32, %h: f32, %o: f32):
    %p = arith.mulf %g, %h : f32
    %r = arith.addf %b, %p : f32
    linalg.yield %r : f32
  } -> tensor<2xf32>
  return %l, %w : tensor<f32>, tensor<2xf32>
}
func.func @model(%x: tensor<2xf32>) -> tensor<2xf32> {
  return %x : tensor<2xf32>
}
