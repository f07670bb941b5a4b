// RUN: quant-opt %s --lowbit-soften-rounding | FileCheck %s --check-prefixes=CHECK,SOFT
// RUN: quant-opt %s --lowbit-soften-rounding --lowbit-harden-rounding | FileCheck %s --check-prefixes=CHECK,HARD
// RUN: quant-opt %s --lowbit-soften-rounding --lowbit-extract-parameters | FileCheck %s --check-prefixes=ARGUMENT
// RUN: not quant-opt %s --lowbit-soften-rounding=sites=none 2>&1 | FileCheck %s --check-prefix=SITES
// RUN: not quant-opt %s "--lowbit-soften-rounding=sites=[" 2>&1 | FileCheck %s --check-prefix=GLOB
// SITES: error: no site whose weight becomes codes matches `none`
// GLOB: error: `[` is no pattern

// Scale 0.5, codes -2 to 1: 0.3 lies between 0 and 0.5 (h = 0.6, so that v = ln(0.7 / 0.5)), -0.4 nearer to -0.5's upper side, 0.9 above
// all codes, and -1 is one. Rounded without training, each is the nearest.
// CHECK-LABEL: func @main(
//   SOFT-DAG:   %[[BELOW:.*]] = arith.constant dense<{{\[\[}}0.000000e+00, -5.000000e-01], [5.000000e-01, -1.000000e+00]]>
//   SOFT-DAG:   %[[GAP:.*]] = arith.constant dense<{{\[\[}}5.000000e-01, 5.000000e-01], [0.000000e+00, 5.000000e-01]]>
//   SOFT-DAG:   %[[V:.*]] = arith.constant dense<{{\[\[}}0.33647{{[0-9]*}}, -1.0986{{[0-9]*}}], [-2.3978{{[0-9]*}}, -2.3978{{[0-9]*}}]]>
//       SOFT:   %[[W:.*]] = linalg.generic {{.*}} ins(%[[BELOW]], %[[GAP]], %[[V]]
//  SOFT-SAME:     lowbit.rounding = "fc", lowbit.rounding_scales = dense<5.000000e-01> : tensor<f32>, lowbit.rounding_scheme = #lowbit.scheme<#lowbit.int<2>>
//   SOFT-NOT:   lowbit.quantize
//       SOFT:   linalg.matmul {lowbit.site = "fc"} ins(%{{.*}}, %[[W]]
//       HARD:   %[[W:.*]] = arith.constant dense<{{\[\[}}5.000000e-01, -5.000000e-01], [5.000000e-01, -1.000000e+00]]>
//       HARD:   %[[S:.*]] = arith.constant {lowbit.added} dense<5.000000e-01> : tensor<f32>
//       HARD:   %[[Q:.*]] = lowbit.quantize %[[W]], %[[S]]
//       HARD:   %[[D:.*]] = lowbit.dequantize %[[Q]], %[[S]]
//       HARD:   linalg.matmul {lowbit.site = "fc"} ins(%{{.*}}, %[[D]]
// ARGUMENT-LABEL: func @main(
//  ARGUMENT-SAME:   %[[V:.*]]: tensor<2x2xf32> {lowbit.name = "fc.rounding", lowbit.parameter = "other"}, %{{.*}}: tensor<4x2xf32>)
//       ARGUMENT:   linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %[[V]]
func.func @main(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %w = arith.constant dense<[[0.3, -0.4], [0.9, -1.0]]> : tensor<2x2xf32>
  %s = arith.constant dense<0.5> : tensor<f32>
  %q = lowbit.quantize %w, %s <#lowbit.int<2>> : (tensor<2x2xf32>, tensor<f32>) -> tensor<2x2xi2>
  %d = lowbit.dequantize %q, %s <#lowbit.int<2>> : (tensor<2x2xi2>, tensor<f32>) -> tensor<2x2xf32>
  %y = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
