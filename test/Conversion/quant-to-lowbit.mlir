// RUN: quant-opt %s --convert-quant-to-lowbit --split-input-file | FileCheck %s
// RUN: quant-opt %s --convert-quant-to-lowbit --convert-lowbit-to-quant --split-input-file | FileCheck %s --check-prefix=BACK

// Unsigned storage is the uint format; its zero point is read without sign.
// CHECK-LABEL: func @per_layer
//  CHECK-SAME:   -> tensor<4x8xi8>
//   CHECK-DAG:   %[[S:.*]] = arith.constant dense<5.000000e-01> : tensor<f32>
//   CHECK-DAG:   %[[Z:.*]] = arith.constant dense<-56> : tensor<i8>
//       CHECK:   lowbit.quantize %{{.*}}, %[[S]], %[[Z]] <#lowbit.uint<8>, zero = i8>
//  BACK-LABEL: func @per_layer
//        BACK:   quant.qcast %{{.*}} to tensor<4x8x!quant.uniform<u8:f32, 5.000000e-01:200>>
//        BACK:   quant.scast %{{.*}} to tensor<4x8xi8>
func.func @per_layer(%x: tensor<4x8xf32>) -> tensor<4x8x!quant.uniform<u8:f32, 0.5:200>> {
  %q = quant.qcast %x : tensor<4x8xf32> to tensor<4x8x!quant.uniform<u8:f32, 0.5:200>>
  return %q : tensor<4x8x!quant.uniform<u8:f32, 0.5:200>>
}

// -----

// The axis has a scale for each index; scales are constants of the expressed type.
// CHECK-LABEL: func @per_axis
//  CHECK-SAME:   %[[C:.*]]: tensor<2x3xi4>
//       CHECK:   %[[S:.*]] = arith.constant dense<{{\[\[}}5.000000e-01, 2.500000e-01, 2.000000e+00]]> : tensor<1x3xf16>
//       CHECK:   lowbit.dequantize %[[C]], %[[S]] <#lowbit.int<4>, block = [0, 1], scale = f16>
//  BACK-LABEL: func @per_axis
//        BACK:   quant.dcast %{{.*}} : tensor<2x3x!quant.uniform<i4:f16:1, {5.000000e-01,2.500000e-01,2.000000e+00}>>
func.func @per_axis(%c: tensor<2x3xi4>) -> tensor<2x3xf16> {
  %q = quant.scast %c : tensor<2x3xi4> to tensor<2x3x!quant.uniform<i4:f16:1, {0.5, 0.25, 2.0}>>
  %x = quant.dcast %q : tensor<2x3x!quant.uniform<i4:f16:1, {0.5, 0.25, 2.0}>> to tensor<2x3xf16>
  return %x : tensor<2x3xf16>
}

// -----

// Blocks of sub-channel types are blocks of the scheme.
// CHECK-LABEL: func @sub_channel
//   CHECK-DAG:   %[[S:.*]] = arith.constant dense<{{\[\[}}2.000000e+00, 5.000000e-01], [1.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
//   CHECK-DAG:   %[[Z:.*]] = arith.constant dense<{{\[\[}}1, 0], [0, -9]]> : tensor<2x2xi8>
//       CHECK:   lowbit.quantize %{{.*}}, %[[S]], %[[Z]] <#lowbit.int<8>, block = [1, 4], zero = i8>
//  BACK-LABEL: func @sub_channel
//        BACK:   !quant.uniform<i8:f32:{0:1, 1:4}
func.func @sub_channel(%x: tensor<2x8xf32>) -> tensor<2x8xi8> {
  %q = quant.qcast %x : tensor<2x8xf32> to tensor<2x8x!quant.uniform<i8:f32:{0:1, 1:4}, {{2.0:1, 0.5}, {1.0, 4.0:-9}}>>
  %c = quant.scast %q : tensor<2x8x!quant.uniform<i8:f32:{0:1, 1:4}, {{2.0:1, 0.5}, {1.0, 4.0:-9}}>> to tensor<2x8xi8>
  return %c : tensor<2x8xi8>
}
