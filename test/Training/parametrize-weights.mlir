// RUN: quant-opt %s "--lowbit-parametrize-weights=function=signs rules=xnor" | FileCheck %s --check-prefix=XNOR
// RUN: quant-opt %s "--lowbit-parametrize-weights=function=threes rules=fc.*=twn" | FileCheck %s --check-prefix=TWN
// RUN: quant-opt %s "--lowbit-parametrize-weights=function=signs rules=xnor" "--lowbit-add-dither=function=signs values=fc.weight" | FileCheck %s --check-prefix=NOISE

// Its weight has its name still, by which it is rounded stochastically.
// NOISE-LABEL: func @signs(
//  NOISE-SAME:   %[[W:[a-z0-9]+]]: tensor<8x6xf32> {lowbit.name = "fc.weight"
//       NOISE:   %[[DITHER:.*]] = linalg.generic {{.*}} {lowbit.detached}
//       NOISE:   %[[MOVED:.*]] = linalg.generic {{.*}} ins(%[[W]], %[[DITHER]]
//       NOISE:   lowbit.fake_quant %[[MOVED]], %{{.*}} <#lowbit.binary, block = [0, 1]> {lowbit.name = "fc.weight"}

// The scale is computed, and differentiated: nothing is detached. Its argument is no parameter any more.
// XNOR-LABEL: func @derived(
//  XNOR-SAME:   tensor<8x6xf32> {lowbit.name = "fc.weight"}, %{{.*}}: tensor<1x6xf32> {lowbit.name = "fc.weight_scale"})
//  XNOR-SAME:   -> (tensor<8x6xf32> {lowbit.name = "fc.weight"}, tensor<1x6xf32> {lowbit.name = "fc.weight_scale"})
// XNOR-LABEL: func @signs(
//  XNOR-SAME:   %[[W:.*]]: tensor<8x6xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}
//  XNOR-SAME:   tensor<1x6xf32> {lowbit.name = "fc.weight_scale"}
//   XNOR-NOT:   lowbit.detached
//       XNOR:   %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[W]] : tensor<8x6xf32>)
//       XNOR:     math.absf
//       XNOR:   %[[MEAN:.*]] = linalg.generic {{.*}} ins(%[[SUM]] : tensor<6xf32>)
//       XNOR:     arith.divf
//       XNOR:   %[[SCALE:.*]] = tensor.expand_shape %[[MEAN]]
//       XNOR:   lowbit.fake_quant %[[W]], %[[SCALE]] {{.*}} by #lowbit.identity
func.func @signs(%w: tensor<8x6xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"},
                %s: tensor<1x6xf32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"},
                %x: tensor<4x8xf32> {lowbit.name = "x"}) -> tensor<8x6xf32> {
  %q = lowbit.fake_quant %w, %s <#lowbit.binary, block = [0, 1]> : (tensor<8x6xf32>, tensor<1x6xf32>) -> tensor<8x6xf32> by #lowbit.lsq
  return %q : tensor<8x6xf32>
}

// Threshold and scale count as constants, so that the weight's gradient is that of a product.
// TWN-LABEL: func @derived
// TWN-LABEL: func @threes(
//  TWN-SAME:   %[[W:.*]]: tensor<8x6xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}
// TWN-COUNT-5: lowbit.detached
//       TWN:   %[[MOVED:.*]] = linalg.generic {{.*}} ins(%[[W]], %{{.*}} : tensor<8x6xf32>, tensor<f32>) {{.*}} {
//       TWN:   lowbit.fake_quant %[[MOVED]], %{{.*}} <#lowbit.ternary> {{.*}} by #lowbit.identity
func.func @threes(%w: tensor<8x6xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"},
                %s: tensor<f32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"}) -> tensor<8x6xf32> {
  %q = lowbit.fake_quant %w, %s <#lowbit.ternary> : (tensor<8x6xf32>, tensor<f32>) -> tensor<8x6xf32> by #lowbit.lsq
  return %q : tensor<8x6xf32>
}
