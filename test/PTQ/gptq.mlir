// All inputs go together, so what rounding 0.4 to 0 loses is made up for by the others: 0.6 becomes 1, and then 0.8 becomes 1.
// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x3x3:1,1,1,2,2,2,-1,-1,-1'
// RUN: quant-run %s --inputs %t.npz --observe %t.json --observe-moments 'f*'
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "two", "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-gptq='stats=%t.json damping=0.0001' | FileCheck %s

// By a recipe, and down to one contraction; the floats that algorithms keep for one another are gone.
// RUN: quant-opt %s --lowbit-quantize='recipe={"version": 1, "name": "two", "algorithms": [{"use": "gptq", "match": "f?", "damping": 0.0001}], "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]} stats=%t.json' \
// RUN:   | FileCheck %s --check-prefix=WHOLE

// Where the data say nothing of one another, rounding to nearest is the best there is, and the site stays as it was.
// RUN: %python %S/../Tools/Inputs/arrays.py %t.apart.npz 'x=float32:1x3x3:1,0,0,0,1,0,0,0,1'
// RUN: quant-run %s --inputs %t.apart.npz --observe %t.apart.json --observe-moments 'f*'
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "two", "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-gptq=stats=%t.apart.json --remarks-filter=lowbit -o /dev/null 2>&1 | FileCheck %s --check-prefix=APART

// CHECK-LABEL: func @main
//   CHECK-DAG:   %[[CODES:.*]] = arith.constant {{.*}}dense<{{\[\[}}0], [1], [1]]> : tensor<3x1xi2>
//   CHECK-DAG:   %[[SCALES:.*]] = arith.constant {lowbit.added} dense<1.000000e+00> : tensor<1x1xf32>
//       CHECK:   lowbit.dequantize %[[CODES]], %[[SCALES]]
// WHOLE-LABEL: func @main
//   WHOLE-NOT:   lowbit.original_weight
//       WHOLE:   dense<{{\[\[}}0], [1], [1]]> : tensor<3x1xi2>
// APART: gptq: `fc` stays as it was
func.func @main(%x: tensor<3x3xf32> {lowbit.name = "x"}) -> tensor<3x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.4], [0.4], [1.0]]> : tensor<3x1xf32>
  %e = tensor.empty() : tensor<3x1xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<3x1xf32>) -> tensor<3x1xf32>
  %r = linalg.matmul ins(%x, %w : tensor<3x3xf32>, tensor<3x1xf32>) outs(%init : tensor<3x1xf32>) -> tensor<3x1xf32> loc("fc")
  return %r : tensor<3x1xf32>
}
