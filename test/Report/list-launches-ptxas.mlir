// REQUIRES: ptxas
// RUN: quant-opt %s --lowbit-list-launches=target=nvptx:sm_80 -o %t | FileCheck %s

// A product and the copy behind it: each has the numbers of its own kernel, as ptxas says them.
// CHECK: "kernel": "matmul_mma_sync_{{.*}}",
// CHECK: "registers": {{[1-9][0-9]*}},
// CHECK-NEXT: "shared_bytes": {{[1-9][0-9]*}},
// CHECK-NEXT: "site": "fc",
// CHECK-NEXT: "spill_bytes": 0,
// CHECK-NEXT: "stack_bytes": 0,
// CHECK: "kernel": "loops",
// CHECK: "registers": {{[1-9][0-9]*}},
// CHECK-NEXT: "shared_bytes": 0,
// CHECK-NEXT: "spill_bytes": 0,
// CHECK-NEXT: "stack_bytes": 0,
func.func @main(%a: tensor<16x64xi8>, %b: tensor<32x64xi8>, %scale: tensor<32x1xf32>) -> (tensor<16x32xf32>, tensor<32x16xf32>) {
  %init = tensor.empty() : tensor<16x32xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a <#lowbit.int<8>> : tensor<16x64xi8>)
    rhs(%b scales %scale <#lowbit.int<8>, block = [1, 0]> : tensor<32x64xi8>, tensor<32x1xf32>)
    outs(%init : tensor<16x32xf32>) {lowbit.site = "fc"} -> tensor<16x32xf32>
  %e = tensor.empty() : tensor<32x16xf32>
  %turned = linalg.transpose ins(%r : tensor<16x32xf32>) outs(%e : tensor<32x16xf32>) permutation = [1, 0]
  return %r, %turned : tensor<16x32xf32>, tensor<32x16xf32>
}
