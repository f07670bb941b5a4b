// RUN: quant-opt %s "--lowbit-add-dither=values=*.weight" | FileCheck %s
// RUN: quant-opt %s "--lowbit-add-dither=values=fc.activation" | FileCheck %s --check-prefix=ACTIVATION

// Noise counts as a constant, and is by scale; words are of seed, step, and the element's number.
// CHECK-LABEL: func @main(
//  CHECK-SAME:   %[[X:.*]]: tensor<4x8xf32> {lowbit.name = "x"}, %[[W:.*]]: tensor<8x6xf32> {lowbit.name = "fc.weight"
//  CHECK-SAME:   %[[S:.*]]: tensor<1x6xf32> {{.*}}, %[[A:.*]]: tensor<f32> {{.*}}, %[[NOISE:.*]]: tensor<2xi32> {lowbit.name = "noise"})
//   CHECK-DAG:   tensor.extract %[[NOISE]][%c0
//   CHECK-DAG:   tensor.extract %[[NOISE]][%c1
//       CHECK:   %[[SCALES:.*]] = tensor.collapse_shape %[[S]]
//       CHECK:   %[[DITHER:.*]] = linalg.generic {{.*}} ins(%[[SCALES]] : tensor<6xf32>) {{.*}} {lowbit.detached}
// CHECK-COUNT-10: arith.trunci
//       CHECK:     arith.uitofp
//       CHECK:   %[[MOVED:.*]] = linalg.generic {{.*}} ins(%[[W]], %[[DITHER]]
//       CHECK:     arith.addf
//       CHECK:   lowbit.fake_quant %[[MOVED]], %[[S]]
//       CHECK:   lowbit.fake_quant %[[X]], %[[A]]

// An activation is named by its scale.
// ACTIVATION-LABEL: func @main(
//  ACTIVATION-SAME:   %[[X:.*]]: tensor<4x8xf32> {lowbit.name = "x"}, %[[W:.*]]: tensor<8x6xf32>
//       ACTIVATION:   lowbit.fake_quant %[[W]],
//       ACTIVATION:   %[[MOVED:.*]] = linalg.generic {{.*}} ins(%[[X]], %{{.*}} : tensor<4x8xf32>, tensor<4x8xf32>)
//       ACTIVATION:   lowbit.fake_quant %[[MOVED]],
func.func @main(%x: tensor<4x8xf32> {lowbit.name = "x"}, %w: tensor<8x6xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"},
                %s: tensor<1x6xf32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"},
                %a: tensor<f32> {lowbit.name = "fc.activation_scale", lowbit.parameter = "scale"}) -> (tensor<8x6xf32>, tensor<4x8xf32>) {
  %q = lowbit.fake_quant %w, %s <#lowbit.int<4>, block = [0, 1]> : (tensor<8x6xf32>, tensor<1x6xf32>) -> tensor<8x6xf32> by #lowbit.lsq
  %r = lowbit.fake_quant %x, %a <#lowbit.uint<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32> by #lowbit.lsq
  return %q, %r : tensor<8x6xf32>, tensor<4x8xf32>
}
