// RUN: quant-opt %s --lowbit-launch-matmuls='target=nvptx:sm_80 tile=mma_sync_16x32x128x8' --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,MMA
// RUN: quant-opt %s --lowbit-launch-matmuls='target=nvptx:sm_90a tile=wgmma_16x32x128x16' --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,WGMMA

// A block is of one batch: 2 x 1 tiles of each of three. What batches share is not moved. By wgmma, maps of three dimensions say where the next
// batch is, so that zeros are what lies behind each.
// CHECK-LABEL: gpu.module @kernels
//         MMA:   arith.muli %{{.*}}, %c32_i32
//    MMA-NEXT:   %[[BATCH:.*]] = arith.divui %{{.*}}, %{{.*}} : i32
//    MMA-NEXT:   arith.extui %[[BATCH]] : i32 to i64
//       WGMMA:   nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[%{{[^,]*}}, %{{[^,]*}}]
//       WGMMA:   nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}} box[%{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}]
// CHECK-LABEL: func.func @batches
//       WGMMA:   call @lowbit_gpu_tensor_map({{.*}}, %c0_i64, %c0_i64)
//       WGMMA:   call @lowbit_gpu_tensor_map({{.*}}, %c3_i64, %c960_i64)
//         MMA:   gpu.launch_func @kernels::@matmul_mma_sync_16x32x128x8 blocks in (%c6,
func.func @batches(%a: memref<1x20x48xi8>, %b: memref<3x20x48xi8>, %s: memref<3x1x20xf32>, %r: memref<3x20x20xf32>) {
  lowbit.matmul lhs(%a : memref<1x20x48xi8>) rhs(%b : memref<3x20x48xi8>) outs(%r : memref<3x20x20xf32>) operands(%s : memref<3x1x20xf32>) {
  ^bb0(%sum: i32, %scale: f32):
    %0 = arith.sitofp %sum : i32 to f32
    %1 = arith.mulf %0, %scale : f32
    lowbit.yield %1 : f32
  }
  return
}
