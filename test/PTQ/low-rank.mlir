// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x4x4:1,1,2,0,2,2,-1,1,-1,-1,1,0,3,3,0,1'
// RUN: quant-run %s --inputs %t.npz --observe %t.json --observe-moments fc
// RUN: quant-opt %s --lowbit-quantize='recipe=%S/Inputs/low-rank.json stats=%t.json' --remarks-filter=lowbit 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.err
// RUN: quant-opt %s --lowbit-quantize='recipe=%S/Inputs/low-rank-2.json stats=%t.json' --remarks-filter=lowbit 2>&1 | FileCheck %s --check-prefix=SMALL
// RUN: not quant-opt %s --lowbit-quantize=recipe=%S/Inputs/low-rank.json 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not quant-opt %S/Inputs/codes.mlir --lowbit-ptq-low-rank=type=f64 2>&1 | FileCheck %s --check-prefix=TYPE

// The correction reads the activation itself, not its codes, and is added to what the codes give; both its products stay float.
// REMARK: remark: {{.*}}Passed{{.*}}low-rank: `fc`: output error
// CHECK-LABEL: func.func @main
//  CHECK-SAME:   %[[X:.*]]: tensor<4x4xf32>
//   CHECK-DAG:   %[[A:.*]] = arith.constant {lowbit.added{{.*}}} dense<{{.*}}> : tensor<4x1xbf16>
//   CHECK-DAG:   %[[B:.*]] = arith.constant {lowbit.added{{.*}}} dense<{{.*}}> : tensor<1x4xbf16>
//       CHECK:   %[[ROUNDED:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<4x4xf32>)
//       CHECK:   lowbit.quantize %[[X]]
//       CHECK:   %[[THIN:.*]] = linalg.matmul {lowbit.float_reason = "makes up for what the codes of `fc` lose", lowbit.site = "fc.low_rank.a"} ins(%[[ROUNDED]], %[[A]] : tensor<4x4xbf16>, tensor<4x1xbf16>)
//       CHECK:   %[[NARROW:.*]] = linalg.generic {{.*}} ins(%[[THIN]] : tensor<4x1xf32>)
//       CHECK:   %[[LOST:.*]] = linalg.generic {{.*}} ins(%[[NARROW]], %[[B]] : tensor<4x1xbf16>, tensor<1x4xbf16>) {{.*}}lowbit.site = "fc.low_rank.b"
//       CHECK:   lowbit.contract {{.*}}epilogue({{.*}}%[[LOST]]
//       CHECK:     arith.addf
//       CHECK:   } {lowbit.algorithms = ["low-rank: output error {{.*}}"], lowbit.site = "fc"}

// SMALL: remark: {{.*}}Missed{{.*}}Reason="factors of rank 2 would hold no fewer numbers than its weight"{{.*}}low-rank: `fc` stays as it was
// NONE: error: {{.*}}low-rank needs statistics of site `fc`
// TYPE: error: 'linalg.matmul' op low-rank: rank is 16, iterations 8 and type f64; expected positive numbers, and bf16, f16 or f32
func.func @main(%x: tensor<4x4xf32> {lowbit.name = "x"}) -> tensor<4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.4, 1.0, 0.3, -0.2], [0.45, 1.0, 0.3, 0.6], [0.1, -0.7, 0.4, 0.9], [0.8, 0.6, -0.4, -0.3]]> : tensor<4x4xf32>
  %e = tensor.empty() : tensor<4x4xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x4xf32>) -> tensor<4x4xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%init : tensor<4x4xf32>) -> tensor<4x4xf32> loc("fc")
  return %r : tensor<4x4xf32>
}
