// The whole range, 0.6, makes 0.6 of every weight; the best for these codes is their mean.
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "three", "rules": [{"weight": {"format": "ternary", "per": "channel"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-scale-search=refine=4 | FileCheck %s

// An input that the data make large must not be clipped: 0.6 stays nearly what it was.
// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x2x4:0.1,0.1,0,50,0,0.1,0.1,60'
// RUN: quant-run %s --inputs %t.npz --observe %t.json --observe-moments 'f*'
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "three", "rules": [{"weight": {"format": "ternary", "per": "channel"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-scale-search='weighting=diagonal refine=4 stats=%t.json' | FileCheck %s --check-prefix=DATA
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "three", "rules": [{"weight": {"format": "ternary", "per": "channel"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-scale-search='weighting=inverse refine=4 stats=%t.json' | FileCheck %s --check-prefix=DATA

// CHECK-LABEL: func @main
//       CHECK:   %[[SCALES:.*]] = arith.constant {lowbit.added} dense<{{4\.4999[0-9]*e-01|4.50000[0-9]*e-01|0.4500[0-9]*}}> : tensor<1x1xf32>
//       CHECK:   %[[CODES:.*]] = lowbit.quantize %{{.*}}, %[[SCALES]]
//       CHECK:   lowbit.dequantize %[[CODES]], %[[SCALES]]
//  DATA-LABEL: func @main
//        DATA:   arith.constant {lowbit.added} dense<{{0\.598[0-9]*}}> : tensor<1x1xf32>
func.func @main(%x: tensor<2x4xf32> {lowbit.name = "x"}) -> tensor<2x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.4], [-0.4], [0.4], [0.6]]> : tensor<4x1xf32>
  %e = tensor.empty() : tensor<2x1xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2x1xf32>) -> tensor<2x1xf32>
  %r = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x1xf32>) outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32> loc("fc")
  return %r : tensor<2x1xf32>
}
