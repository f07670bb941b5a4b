// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x4x2:1,1,2,2,-1,-1,3,3'
// RUN: quant-run %s --inputs %t.npz --observe %t.json --observe-moments fc
// RUN: quant-opt %s --lowbit-quantize='recipe=%S/Inputs/comq.json stats=%t.json' --remarks-filter=lowbit 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.err
// RUN: not quant-opt %s --lowbit-quantize=recipe=%S/Inputs/comq.json 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: quant-run %s --inputs %t.npz --observe %t2.json
// RUN: not quant-opt %s --lowbit-quantize='recipe=%S/Inputs/comq.json stats=%t2.json' 2>&1 | FileCheck %s --check-prefix=MOMENTS
// RUN: not quant-opt %S/Inputs/codes.mlir --lowbit-ptq-comq=rounds=0 2>&1 | FileCheck %s --check-prefix=ROUNDS

// Both columns of x go together, so one input carries 0.4 + 0.45, and the scale, which all share, shrinks from 1 towards 0.85.
// REMARK: remark: {{.*}}Passed{{.*}}comq: `fc`: output error 2.71 -> 0.07"
//  CHECK-DAG: arith.constant {{.*}}dense_resource<fc.codes> : tensor<2x2x!lowbit.code<#lowbit.ternary>>
//  CHECK-DAG: arith.constant {{.*}}dense<0.960377
//  CHECK: fc.codes: "0x{{[0-9A-F]+}}01010001"
// NONE: error: {{.*}}comq needs statistics of site `fc`; calibrate with this recipe
// MOMENTS: error: {{.*}}comq needs second moments of site `fc`
// ROUNDS: error: 'linalg.matmul' op comq: damping is {{.*}} and rounds are 0; expected positive numbers
func.func @main(%x: tensor<4x2xf32> {lowbit.name = "x"}) -> tensor<4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.4, 1.0], [0.45, 1.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32> loc("fc")
  return %r : tensor<4x2xf32>
}
