// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_75 every-plan" | FileCheck %s
// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_75 every-plan schedule=dp4a" | FileCheck %s --check-prefix=LANES --implicit-check-not=m8n8k16
// RUN: not quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_75 every-plan tile=dp4a_1x1x1" 2>&1 | FileCheck %s --check-prefix=NONE

// Each plan of each schedule is a kernel and a launch of its own, in the order of the tables: tests need no names of tiles.
// CHECK: gpu.func @matmul_mma_m8n8k16_128x128x64(
// CHECK: gpu.func @matmul_mma_m8n8k16_32x64x64(
// CHECK: gpu.func @matmul_dp4a_128x128x64(
// CHECK: gpu.func @matmul_dp4a_8x32x128(
// CHECK-LABEL: func.func @bytes
// CHECK-COUNT-9: gpu.launch_func @kernels::@matmul_
// CHECK-NOT: gpu.launch_func
// LANES-LABEL: func.func @bytes
// LANES-COUNT-5: gpu.launch_func @kernels::@matmul_dp4a_

// A name that no tile has is answered with those there are.
// NONE: mma.sync.m8n8k16: no tile fits the name `dp4a_1x1x1`; expected one of `mma_m8n8k16_128x128x64`, {{.*}}; dp4a: no tile fits the name `dp4a_1x1x1`; expected one of `dp4a_128x128x64`,
func.func @bytes(%a: memref<4x16xi8>, %b: memref<6x16xi8>, %r: memref<4x6xi32>) {
  lowbit.matmul lhs(%a : memref<4x16xi8>) rhs(%b : memref<6x16xi8>) outs(%r : memref<4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}
