// RUN: quant-opt %s --lowbit-quantize=recipe=%S/../Transforms/Inputs/s8-dynamic.json | FileCheck %s

// Two layers that read one value share its codes; weights are codes on the host; nothing float is left between them.
// CHECK-LABEL: func @share
//  CHECK-SAME:   %[[X:.*]]: tensor<4x8xf32>
//       CHECK:   %[[S:.*]] = lowbit.compute_scales %[[X]]
//       CHECK:   %[[C:.*]] = lowbit.quantize %[[X]], %[[S]]
//   CHECK-NOT:   lowbit.quantize
//       CHECK:   lowbit.contract {{.*}} lhs(%[[C]] scales %[[S]] <#lowbit.int<8>, block = [1, 0]> {{.*}} rhs(%{{.*}} scales %{{.*}} <#lowbit.int<8>, block = [0, 1]> : tensor<8x6xi8>, tensor<1x6xf32>)
//       CHECK:   {lowbit.site = "query"}
//       CHECK:   lowbit.contract {{.*}} lhs(%[[C]] scales %[[S]]
//       CHECK:   {lowbit.site = "key"}
func.func @share(%x: tensor<4x8xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x6xf32>) -> tensor<4x6xf32>
  %query = arith.constant dense<1.0> : tensor<8x6xf32>
  %key = arith.constant dense<2.0> : tensor<8x6xf32>
  %0 = linalg.matmul ins(%x, %query : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<4x6xf32>) -> tensor<4x6xf32> loc("query")
  %1 = linalg.matmul ins(%x, %key : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<4x6xf32>) -> tensor<4x6xf32> loc("key")
  return %0, %1 : tensor<4x6xf32>, tensor<4x6xf32>
}
