// The spread of activation channels is [8, 2], that of the weight's rows [1, 4]; at strength 0.5 s = [2, 0.5].
// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x4x2:8,-2,1,1,0,0,-3,0.5'
// RUN: quant-run %s --inputs %t.npz --observe %t.json
// RUN: quant-opt %s --lowbit-name-sites --lowbit-ptq-smooth-quant='recipe={"version": 1, "name": "half", "rules": [{"activation": {"format": "int<8>", "mode": "static", "smooth": 0.5}}]} stats=%t.json' | FileCheck %s

// CHECK-LABEL: func @main
//  CHECK-SAME:   %[[X:.*]]: tensor<4x2xf32>
//       CHECK:   %[[FACTORS:.*]] = arith.constant dense<[5.000000e-01, 2.000000e+00]> : tensor<2xf32>
//       CHECK:   %[[SMOOTH:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[FACTORS]] : tensor<4x2xf32>, tensor<2xf32>)
//       CHECK:     arith.mulf
//       CHECK:   %[[W:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 5.000000e-01], [1.000000e+00, 5.000000e-01, 2.000000e+00]]>
//       CHECK:   linalg.matmul {lowbit.site = "fc", {{.*}}} ins(%[[SMOOTH]], %[[W]] :
func.func @main(%x: tensor<4x2xf32> {lowbit.name = "x"}) -> tensor<4x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, 1.0, 0.25], [2.0, 1.0, 4.0]]> : tensor<2x3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x3xf32>) -> tensor<4x3xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32> loc("fc")
  return %r : tensor<4x3xf32>
}
