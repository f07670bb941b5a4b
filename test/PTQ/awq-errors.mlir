// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x4x2:4,1,-4,1,4,-1,4,1'
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "w2", "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}' --lowbit-insert-qdq -o %t.mlir
// RUN: not quant-opt %t.mlir --lowbit-ptq-awq='sites=fc' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not quant-opt %t.mlir --lowbit-ptq-awq='sites=fd' 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not quant-opt %t.mlir --lowbit-ptq-awq='steps=0' 2>&1 | FileCheck %s --check-prefix=STEPS
// RUN: quant-run %s --inputs %t.npz --observe %t.json
// RUN: not quant-opt %t.mlir --lowbit-ptq-awq='stats=%t.json' 2>&1 | FileCheck %s --check-prefix=MOMENTS

// NONE: error: 'linalg.matmul' op awq needs statistics of site `fc`; calibrate with this recipe
// NAME: error: awq: pattern "fd" matches no site whose weight becomes codes
// NAME: note: they are named `fc`
// STEPS: error: awq: steps is 0; expected 1 to 1000
// MOMENTS: error: 'linalg.matmul' op awq needs second moments of site `fc`: {{.*}}calibrate with this recipe
func.func @main(%x: tensor<4x2xf32> {lowbit.name = "x"}) -> tensor<4x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.25], [1.0]]> : tensor<2x1xf32>
  %e = tensor.empty() : tensor<4x1xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x1xf32>) -> tensor<4x1xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32> loc("fc")
  return %r : tensor<4x1xf32>
}
