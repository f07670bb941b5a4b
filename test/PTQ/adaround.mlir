// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x4x2:1,1,2,2,-1,-1,3,3'
// RUN: quant-run %s --inputs %t.npz --observe %t.json --observe-moments fc
// RUN: quant-opt %s --lowbit-quantize='recipe=%S/Inputs/adaround.json stats=%t.json' --remarks-filter=lowbit 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.err
// RUN: not quant-opt %s --lowbit-quantize=recipe=%S/Inputs/adaround.json 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: quant-run %s --inputs %t.npz --observe %t2.json
// RUN: not quant-opt %s --lowbit-quantize='recipe=%S/Inputs/adaround.json stats=%t2.json' 2>&1 | FileCheck %s --check-prefix=MOMENTS
// RUN: not quant-opt %S/Inputs/codes.mlir --lowbit-ptq-adaround=block=0 2>&1 | FileCheck %s --check-prefix=BLOCK

// Both columns of x go together, so 0.4 + 0.45 is nearer to one than to none, and the larger is rounded up; both are nearest to zero.
// REMARK: remark: {{.*}}Passed{{.*}}adaround: `fc`: output error 2.71 -> 0.08
//  CHECK: arith.constant {{.*}}dense_resource<fc.codes> : tensor<2x2x!lowbit.code<#lowbit.ternary>>
//  CHECK: fc.codes: "0x{{[0-9A-F]+}}00010101"
// NONE: error: {{.*}}adaround needs statistics of site `fc`; calibrate with this recipe
// MOMENTS: error: {{.*}}adaround needs second moments of site `fc`
// BLOCK: error: 'linalg.matmul' op adaround: iterations are 200, rate {{.*}}, block 0 and damping {{.*}}; expected positive numbers
func.func @main(%x: tensor<4x2xf32> {lowbit.name = "x"}) -> tensor<4x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.4, 1.0], [0.45, 1.0]]> : tensor<2x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32> loc("fc")
  return %r : tensor<4x2xf32>
}
