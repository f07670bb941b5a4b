// RUN: quant-opt %s --lowbit-launch-matmuls='target=nvptx:sm_80 tile=mma_sync_64x64x64x5' --canonicalize --cse --split-input-file | FileCheck %s

// Sizes are arguments: products that differ in nothing else share a kernel. Reads beyond the border are clamped, stores are masked.
// CHECK-LABEL: gpu.module @kernels
//       CHECK:   gpu.func @matmul_mma_sync_64x64x64x5(
//  CHECK-SAME:     kernel attributes {known_block_size = array<i32: 128, 1, 1>}
// CHECK-COUNT-4: nvvm.cp.async.shared.global {{.*}} 16, cache = cg
//       CHECK:     nvvm.cp.async.commit.group
//       CHECK:     nvvm.cp.async.wait.group 3
//       CHECK:     gpu.barrier
// CHECK-COUNT-4: nvvm.ldmatrix {{.*}} num = 4
//       CHECK:     scf.for
//       CHECK:       nvvm.mma.sync {{.*}}intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>
//  CHECK-SAME:         multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<u8>
//       CHECK:     scf.if
//       CHECK:       scf.if
//       CHECK:         llvm.store
//   CHECK-NOT:   gpu.func
// CHECK-LABEL: func.func @both
//       CHECK:   gpu.launch_func @kernels::@matmul_mma_sync_64x64x64x5
//       CHECK:   gpu.launch_func @kernels::@matmul_mma_sync_64x64x64x5
func.func @both(%a: memref<100x48xi8>, %b: memref<30x48xi8>, %r: memref<100x30xi32>, %c: memref<7x32xi8>, %d: memref<90x32xi8>,
                %s: memref<7x90xi32>) {
  lowbit.matmul lhs(%a : memref<100x48xi8>) rhs(%b : memref<30x48xi8>) outs(%r : memref<100x30xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {rhs_unsigned}
  lowbit.matmul lhs(%c : memref<7x32xi8>) rhs(%d : memref<90x32xi8>) outs(%s : memref<7x90xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {rhs_unsigned}
  return
}

// -----

// Constants are part of a kernel.
// CHECK-COUNT-2: gpu.func
func.func @constants(%a: memref<64x64xi8>, %b: memref<64x64xi8>, %r: memref<64x64xi32>) {
  %one = arith.constant 1 : i32
  %two = arith.constant 2 : i32
  lowbit.matmul lhs(%a : memref<64x64xi8>) rhs(%b : memref<64x64xi8>) outs(%r : memref<64x64xi32>) {
  ^bb0(%sum: i32):
    %0 = arith.addi %sum, %one : i32
    lowbit.yield %0 : i32
  }
  lowbit.matmul lhs(%a : memref<64x64xi8>) rhs(%b : memref<64x64xi8>) outs(%r : memref<64x64xi32>) {
  ^bb0(%sum: i32):
    %0 = arith.addi %sum, %two : i32
    lowbit.yield %0 : i32
  }
  return
}

// -----

// Bits take the same way with another instruction.
// CHECK: nvvm.mma.sync {{.*}}b1Op = #nvvm.mma_b1op<and_popc>{{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 256>
func.func @bits(%a: memref<64x64xi8>, %b: memref<64x64xi8>, %r: memref<64x64xi32>) {
  lowbit.matmul lhs(%a : memref<64x64xi8>) rhs(%b : memref<64x64xi8>) outs(%r : memref<64x64xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {bits}
  return
}
