// RUN: quant-opt %s "--lowbit-add-optimizer=optimizer=sgd<momentum=0.9>" | FileCheck %s
// RUN: quant-opt %s "--lowbit-add-optimizer=optimizer=adam clip=1" | FileCheck %s --check-prefix=ADAM
// RUN: quant-opt %s "--lowbit-add-optimizer=optimizer=sgd summed" | FileCheck %s --check-prefix=SUMMED

// RUN: quant-opt %s "--lowbit-add-optimizer=optimizer=lamb" | FileCheck %s --check-prefix=LAMB
// RUN: quant-opt %s "--lowbit-add-optimizer=optimizer=sgd rates=s=0.5,w=0" | FileCheck %s --check-prefix=RATES

// One state a parameter; new values have the names of the old ones. A scale is slower, and stays above zero.
// CHECK-LABEL: func @training_step(
//  CHECK-SAME:   %[[W:.*]]: tensor<3xf32> {lowbit.name = "w", lowbit.parameter = "weight"}, %[[S:.*]]: tensor<f32> {lowbit.name = "s", lowbit.parameter = "scale"}
//  CHECK-SAME:   %[[VW:.*]]: tensor<3xf32> {lowbit.name = "state0.w"}, %[[VS:.*]]: tensor<f32> {lowbit.name = "state0.s"}
//  CHECK-SAME:   %[[RATE:.*]]: tensor<f32> {lowbit.name = "rate"}, %{{.*}}: tensor<f32> {lowbit.name = "step"})
//  CHECK-SAME:   -> (tensor<f32> {lowbit.name = "loss"}, tensor<3xf32> {lowbit.name = "w", lowbit.updates = "w"}, tensor<3xf32> {lowbit.name = "state0.w", lowbit.updates = "state0.w"}, tensor<f32> {lowbit.name = "s", lowbit.updates = "s"}, tensor<f32> {lowbit.name = "state0.s", lowbit.updates = "state0.s"})
//       CHECK:   %[[FAST:.*]] = tensor.extract %[[RATE]][]
//       CHECK:   %[[SLOW:.*]] = arith.mulf %[[FAST]]
//       CHECK:   linalg.generic {{.*}} outs(%[[W]], %[[VW]]
//       CHECK:     arith.mulf %[[FAST]],
//       CHECK:   linalg.generic {{.*}} outs(%[[S]], %[[VS]]
//       CHECK:     arith.mulf %[[SLOW]],
//       CHECK:     arith.maximumf

// Two states; factors that are the same for all elements, and the common length of the gradients, are computed once.
// ADAM-LABEL: func @training_step(
//       ADAM:   math.powf
//       ADAM:   math.powf
//       ADAM:   %[[NORM:.*]] = math.sqrt
//       ADAM:   %[[SHRINK:.*]] = arith.select
//       ADAM:   linalg.generic
//       ADAM:     arith.mulf %{{.*}}, %[[SHRINK]]

// What a weight loses is whole before its norm is taken, and then its rate is known; a scale changes as it goes.
// LAMB-LABEL: func @training_step(
//  LAMB-SAME:   %[[W:.*]]: tensor<3xf32> {lowbit.name = "w", lowbit.parameter = "weight"}, %[[S:.*]]: tensor<f32> {lowbit.name = "s"
//       LAMB:   %[[CHANGE:.*]]:3 = linalg.generic {{.*}} ins(%{{.*}}, %[[W]] : tensor<3xf32>, tensor<3xf32>)
//       LAMB:   linalg.generic {{.*}} ins(%[[W]] : tensor<3xf32>) outs(%{{.*}} : tensor<f32>)
//       LAMB:   linalg.generic {{.*}} ins(%[[CHANGE]]#0 : tensor<3xf32>) outs(%{{.*}} : tensor<f32>)
//       LAMB:   %[[RATE:.*]] = arith.select
//       LAMB:   linalg.generic {{.*}} ins(%[[CHANGE]]#0 : tensor<3xf32>) outs(%[[W]]
//       LAMB:     arith.mulf %[[RATE]],
//       LAMB:   linalg.generic {{.*}} outs(%[[S]],

// Factors are constants: a tenth of the rate for scales, half of that here.
// RATES-LABEL: func @training_step(
//       RATES:   arith.constant 0.000000e+00 : f32
//       RATES:   arith.constant 5.000000e-02 : f32

// Gradients are inputs; no loss comes out.
// SUMMED-LABEL: func @training_step(
//  SUMMED-SAME:   %[[W:.*]]: tensor<3xf32> {lowbit.name = "w"
//  SUMMED-SAME:   %[[GRADIENT:[a-z0-9]+]]: tensor<3xf32> {lowbit.name = "gradient.w"}, %{{.*}}: tensor<f32> {lowbit.name = "gradient.s"}
//  SUMMED-SAME:   -> (tensor<3xf32> {lowbit.name = "w", lowbit.updates = "w"}
//       SUMMED:   linalg.generic {{.*}} ins(%[[GRADIENT]] : tensor<3xf32>) outs(%[[W]]
func.func @loss_gradients(%w: tensor<3xf32> {lowbit.name = "w", lowbit.parameter = "weight"},
                          %s: tensor<f32> {lowbit.name = "s", lowbit.parameter = "scale"})
    -> (tensor<f32> {lowbit.name = "loss"}, tensor<3xf32> {lowbit.name = "gradient.w"}, tensor<f32> {lowbit.name = "gradient.s"}) {
  return %s, %w, %s : tensor<f32>, tensor<3xf32>, tensor<f32>
}
