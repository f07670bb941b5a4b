// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x4x2:8,-0.0078125,1,0.00390625,-8,0.0078125,-3,0.0078125'
// RUN: quant-run %s --inputs %t.npz --observe %t.json --observe-moments '*'
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "half", "rules": [{"weight": {"format": "int<8>", "per": "channel"}, "activation": {"format": "int<8>", "mode": "static"}}]} stats=%t.json' --lowbit-insert-qdq -o %t.qdq.mlir
// RUN: quant-opt %t.qdq.mlir --lowbit-ptq-smooth-quant='stats=%t.json strength=0.5' --remarks-filter=lowbit -o %t.mlir 2>%t.err
// RUN: FileCheck %s < %t.mlir
// RUN: FileCheck %s --check-prefix=REMARK < %t.err
// RUN: quant-opt %t.mlir --lowbit-ptq-smooth-quant='stats=%t.json strength=0.5' --lowbit-fold-weights | FileCheck %s --check-prefix=AGAIN
// RUN: not quant-opt %t.qdq.mlir --lowbit-ptq-smooth-quant='stats=%t.json strength=2' 2>&1 | FileCheck %s --check-prefix=STRENGTH
// RUN: not quant-opt %t.qdq.mlir --lowbit-ptq-smooth-quant 2>&1 | FileCheck %s --check-prefix=STATS

// The spread of activation channels is [8, 1/128], that of the weight's rows [1, 4]; at strength 0.5 s = [8, 1/8]. The multiplication comes before the
// codes, and their static scale follows: (8 / 8) / 127.
// CHECK-LABEL: func @main
//  CHECK-SAME:   %[[X:.*]]: tensor<4x2xf32>
//       CHECK:   %[[FACTORS:.*]] = arith.constant dense<[1.250000e-01, 8.000000e+00]> : tensor<2xf32>
//       CHECK:   %[[SMOOTH:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[FACTORS]] :
//       CHECK:   %[[SCALE:.*]] = arith.constant dense<0.00787401571> : tensor<f32>
//       CHECK:   lowbit.quantize %[[SMOOTH]], %[[SCALE]]
//       CHECK:   linalg.matmul {{.*}}lowbit.site = "fc", lowbit.smoothing = array<f32: 1.250000e-01, 8.000000e+00>}

// What is even already would gain nothing: one multiplication stays, and no codes know of it.
// AGAIN-LABEL: func @main
// AGAIN-COUNT-1: linalg.generic
// AGAIN-NOT:   linalg.generic
// AGAIN:       linalg.matmul {{.*}}lowbit.site = "fc"}

// REMARK: smooth-quant: `fc`: strength 0.50, output error
// STRENGTH: error: smooth-quant: strength is `2`; expected a number from 0 to 1, or `search`
// STATS: error: 'linalg.matmul' op smooth-quant needs statistics of site `fc`
func.func @main(%x: tensor<4x2xf32> {lowbit.name = "x"}) -> tensor<4x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, 1.0, 0.25], [2.0, 1.0, 4.0]]> : tensor<2x3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x3xf32>) -> tensor<4x3xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32> loc("fc")
  return %r : tensor<4x3xf32>
}
