// RUN: quant-opt %s --lowbit-assign-schemes=recipe=bf16 | FileCheck %s

// A rule that keeps a site may say in which type; the reason stays for reports.
// CHECK-LABEL: func @linear
//       CHECK:   linalg.matmul {lowbit.float_reason = "{{.*}}", lowbit.float_type = bf16, lowbit.site = "query"}
func.func @linear(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %w = arith.constant dense<1.0> : tensor<8x6xf32>
  %0 = linalg.matmul {lowbit.site = "query"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}
