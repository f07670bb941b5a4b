// RUN: quant-opt %s --lowbit-split-matmuls=target=nvptx:sm_90a --lowbit-launch-matmuls=target=nvptx:sm_90a | FileCheck %s

// A product takes the plan that it asks for, whole, however few its tiles are and however long the reduction is.
// CHECK-LABEL: func.func @asked
//       CHECK:   gpu.launch_func @kernels::@matmul_mma_sync_128x128x64x4
//   CHECK-NOT:   gpu.launch_func
//       CHECK:   return
func.func @asked(%a: memref<4x4096xi8>, %b: memref<6x4096xi8>, %r: memref<4x6xi32>) {
  lowbit.matmul lhs(%a : memref<4x4096xi8>) rhs(%b : memref<6x4096xi8>) outs(%r : memref<4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lowbit.plan = "mma_sync_128x128x64x4"}
  return
}
