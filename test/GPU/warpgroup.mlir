// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_90a schedule=wgmma tile=wgmma_128x128x128x6" --cse | FileCheck %s
// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_90a schedule=wgmma tile=wgmma_16x32x128x16" --cse | FileCheck %s --check-prefix=LOW

// The producer runs ahead of the consumers by the ring's buffers; a buffer is given back when the next group of products is under way.
// CHECK-LABEL: gpu.func @matmul_wgmma_128x128x128x6(
//  CHECK-SAME:   %[[LHS:arg[0-9]+]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<16 x i64>},
//  CHECK-SAME:   %[[RHS:arg[0-9]+]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<16 x i64>})
//  CHECK-SAME:   kernel attributes {known_block_size = array<i32: 384, 1, 1>, nvvm.minctasm = 1 : i32}
//       CHECK:   %[[ONE:.*]] = arith.constant 1 : i32
//       CHECK:   %[[WARPS:.*]] = arith.constant 8 : i32
//       CHECK:   nvvm.mbarrier.init %{{.*}}, %[[ONE]]
//  CHECK-NEXT:   llvm.getelementptr
//  CHECK-NEXT:   nvvm.mbarrier.init %{{.*}}, %[[WARPS]]
//       CHECK:   nvvm.fence.mbarrier.init
//       CHECK:   gpu.barrier
//       CHECK:   nvvm.setmaxregister decrease 40
//       CHECK:   scf.for
//       CHECK:     scf.for
//       CHECK:       nvvm.mbarrier.try_wait.parity
//       CHECK:       %[[BYTES:.*]] = arith.constant 32768 : i32
//       CHECK:       nvvm.mbarrier.arrive.expect_tx %[[FULL:.*]], %[[BYTES]]
//       CHECK:       nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[LHS]], %[[FULL]], box[%[[DEPTH:.*]], %{{.*}}]
//       CHECK:       nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[RHS]], %[[FULL]], box[%[[DEPTH]], %{{.*}}]
//       CHECK:   nvvm.setmaxregister increase 232
//       CHECK:   scf.for
//       CHECK:     nvvm.mbarrier.try_wait.parity
//       CHECK:     nvvm.wgmma.fence.aligned
//       CHECK:     nvvm.wgmma.mma_async {{.*}}, <m = 64, n = 128, k = 32>, D[<s32>, <zero>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>]
//       CHECK:     nvvm.wgmma.commit.group.sync.aligned
//       CHECK:     scf.for
//       CHECK:       nvvm.mbarrier.try_wait.parity
//       CHECK:       nvvm.wgmma.fence.aligned
// CHECK-COUNT-4:     nvvm.wgmma.mma_async {{.*}}, D[<s32>, <one>, <wrapped>]
//       CHECK:       nvvm.wgmma.commit.group.sync.aligned
//  CHECK-NEXT:       nvvm.wgmma.wait.group.sync.aligned 1
//       CHECK:       nvvm.mbarrier.arrive
//       CHECK:     nvvm.wgmma.wait.group.sync.aligned 0
//       CHECK:     nvvm.mbarrier.arrive
// Results of a warp are put together in shared memory, and leave it in pieces of 16 bytes.
//       CHECK:     nvvm.bar.warp.sync
//       CHECK:     llvm.store %{{.*}} {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<3>
//       CHECK:     nvvm.bar.warp.sync
//       CHECK:     %[[PIECE:.*]] = llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
//       CHECK:     llvm.store %[[PIECE]], %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-LABEL: func.func @bytes
//       CHECK:   call @lowbit_gpu_tensor_map
//       CHECK:   call @lowbit_gpu_tensor_map
//       CHECK:   gpu.launch_func @kernels::@matmul_wgmma_128x128x128x6

// 16 rows are copied, of 64 that are multiplied.
//  LOW-LABEL: gpu.func @matmul_wgmma_16x32x128x16
//        LOW:   %[[BYTES:.*]] = arith.constant 6144 : i32
//        LOW:   nvvm.mbarrier.arrive.expect_tx %{{.*}}, %[[BYTES]]
//        LOW:   nvvm.wgmma.mma_async {{.*}}, <m = 64, n = 32, k = 32>
func.func @bytes(%a: memref<200x1040xi8>, %b: memref<264x1040xi8>, %c: memref<200x264xi32>) {
  lowbit.matmul lhs(%a : memref<200x1040xi8>) rhs(%b : memref<264x1040xi8>) outs(%c : memref<200x264xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}

// Columns of no multiple of 16 bytes: the epilogue stores what each lane has.
// CHECK-LABEL: func.func @odd_columns
func.func @odd_columns(%a: memref<200x1040xi8>, %b: memref<263x1040xi8>, %c: memref<200x263xi32>) {
  lowbit.matmul lhs(%a : memref<200x1040xi8>) rhs(%b : memref<263x1040xi8>) outs(%c : memref<200x263xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}
