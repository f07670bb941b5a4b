// RUN: quant-opt %s --lowbit-average-ranges=decay=0.75 | FileCheck %s
// RUN: quant-opt %s --lowbit-average-ranges=decay=0.75 --lowbit-add-loss=loss=squared_error --lowbit-differentiate --lowbit-add-optimizer=optimizer=sgd | FileCheck %s --check-prefix=STEP

// The activation's scale is no parameter, and updated; the step rounds by the old one. That of the weight is trained.
// CHECK-LABEL: func @main(
//  CHECK-SAME:   %[[X:[a-z0-9]+]]: tensor<4x8xf32> {lowbit.name = "x"}, %[[S:[a-z0-9]+]]: tensor<f32> {lowbit.name = "w_scale", lowbit.parameter = "scale"}
//  CHECK-SAME:   %[[A:[a-z0-9]+]]: tensor<f32> {lowbit.name = "activation_scale"})
//  CHECK-SAME:   -> (tensor<4x8xf32>, tensor<f32> {lowbit.name = "activation_scale", lowbit.updates = "activation_scale"})
//       CHECK:   %[[SEEN:.*]] = lowbit.compute_scales %[[X]] <#lowbit.uint<4>>
//       CHECK:   %[[NEXT:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[SEEN]] : tensor<f32>, tensor<f32>) {{.*}} {lowbit.detached}
//       CHECK:   lowbit.fake_quant %[[X]], %[[A]]
//       CHECK:   return %{{.*}}, %[[NEXT]]

// A step of training returns it beside the parameters.
// STEP-LABEL: func @training_step(
//  STEP-SAME:   -> (tensor<f32> {lowbit.name = "loss"}, tensor<4x8xf32>, tensor<f32> {lowbit.name = "activation_scale", lowbit.updates = "activation_scale"}
//  STEP-SAME:   tensor<4x8xf32> {lowbit.name = "w", lowbit.updates = "w"}
func.func @main(%x: tensor<4x8xf32> {lowbit.name = "x"}, %s: tensor<f32> {lowbit.name = "w_scale", lowbit.parameter = "scale"},
                %w: tensor<4x8xf32> {lowbit.name = "w", lowbit.parameter = "weight"},
                %a: tensor<f32> {lowbit.name = "activation_scale", lowbit.parameter = "scale"}) -> tensor<4x8xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %p = lowbit.fake_quant %w, %s <#lowbit.int<4>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32> by #lowbit.lsq
  %q = lowbit.fake_quant %x, %a <#lowbit.uint<4>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32> by #lowbit.lsq
  %r = linalg.mul ins(%p, %q : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}
