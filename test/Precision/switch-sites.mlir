// RUN: quant-opt %s --lowbit-switch-sites | FileCheck %s
// RUN: not quant-opt %s --lowbit-switch-sites=sites=fd 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %s --lowbit-switch-sites=correct=true 2>&1 | FileCheck %s --check-prefix=STATS
// RUN: sed -e 's/func.func @main/func.func private @main/' %s > %t.mlir
// RUN: not quant-opt %t.mlir --lowbit-switch-sites 2>&1 | FileCheck %s --check-prefix=PRIVATE

// 0.4 is rounded to 0 by a scale of 1. The activation has codes of its own, which the same switch turns on.
// CHECK-LABEL: func @main
//  CHECK-SAME:   %[[X:.*]]: tensor<4x2xf32>, %{{.*}}: tensor<4x1xf32>, %[[SWITCH:.*]]: tensor<1xi32> {lowbit.name = "switch:fc"}
//       CHECK:   %[[ON:.*]] = tensor.extract %[[SWITCH]]
//       CHECK:   %[[FLAG:.*]] = arith.cmpi ne, %[[ON]]
//       CHECK:   %[[CODES:.*]] = lowbit.quantize %[[X]]
//       CHECK:   %[[REALS:.*]] = lowbit.dequantize %[[CODES]]
//       CHECK:   %[[ROUNDED:.*]] = arith.constant dense<{{\[\[}}0.000000e+00], [1.000000e+00]]>
//  CHECK-NEXT:   %[[FLOATS:.*]] = arith.constant dense<{{\[\[}}4.000000e-01], [1.000000e+00]]>
//       CHECK:   %[[W:.*]] = arith.select %[[FLAG]], %[[ROUNDED]], %[[FLOATS]]
//       CHECK:   %[[A:.*]] = arith.select %[[FLAG]], %[[REALS]], %[[X]]
//       CHECK:   linalg.matmul {lowbit.site = "fc"} ins(%[[A]], %[[W]]
// NAME: error: switch-sites: pattern "fd" matches no site whose weight becomes codes
// NAME: note: they are named `fc`
// STATS: error: 'linalg.matmul' op switch-sites needs statistics of site `fc`; calibrate with this recipe
// PRIVATE: error: 'linalg.matmul' op site `fc` is not in the body of a public function, so no caller can switch it
func.func @main(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %sa = lowbit.compute_scales %x <#lowbit.int<8>, block = [1, 0]> : (tensor<4x2xf32>) -> tensor<4x1xf32>
  %a = lowbit.quantize %x, %sa <#lowbit.int<8>, block = [1, 0]> : (tensor<4x2xf32>, tensor<4x1xf32>) -> tensor<4x2xi8>
  %y = lowbit.dequantize %a, %sa <#lowbit.int<8>, block = [1, 0]> : (tensor<4x2xi8>, tensor<4x1xf32>) -> tensor<4x2xf32>
  %w = arith.constant dense<[[0.4], [1.0]]> : tensor<2x1xf32>
  %s = lowbit.compute_scales %w <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>) -> tensor<1x1xf32>
  %c = lowbit.quantize %w, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xi2>
  %d = lowbit.dequantize %c, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xi2>, tensor<1x1xf32>) -> tensor<2x1xf32>
  %r = linalg.matmul {lowbit.site = "fc"} ins(%y, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
  return %r : tensor<4x1xf32>
}
