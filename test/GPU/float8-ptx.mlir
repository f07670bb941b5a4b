// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_89 tile=mma_sync_64x64x64x5" --lowbit-verify-gpu=target=nvptx:sm_89 \
// RUN:   --lowbit-lower-kernels="target=nvptx:sm_89" --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g' \
// RUN:   | FileCheck %s --check-prefix=WARP
// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_90a" --lowbit-verify-gpu=target=nvptx:sm_90a --lowbit-lower-kernels="target=nvptx:sm_90a" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g' | FileCheck %s --check-prefix=GROUP
// RUN: not quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_89" --lowbit-verify-gpu=target=nvptx:sm_80 2>&1 | FileCheck %s --check-prefix=ERROR

// Each 32 products are a sum that begins at zero, and are added to the others by an instruction that rounds.
//  WARP-LABEL: .visible .entry matmul_mma_sync_64x64x64x5(
//        WARP: mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e5m2.f32
//        WARP: add.rn.f32

// wgmma adds up 128 of the reduction: four instructions, of which the first one begins at zero. They are waited for and added to the others,
// which the compiler puts first in the loop's text.
//    GROUP-LABEL: .visible .entry matmul_wgmma_128x128x128x6(
// GROUP-COUNT-64: add.rn.f32
//      GROUP-NOT: add.rn.f32
//          GROUP: wgmma.fence.sync.aligned;
//  GROUP-COUNT-4: wgmma.mma_async.sync.aligned.m64n128k32.f32.e4m3.e5m2 {
//      GROUP-NOT: wgmma.mma_async
//          GROUP: wgmma.wait_group.sync.aligned 0;

// ERROR: is a product of 8-bit floats, which sm_80 does not have
func.func @product(%a: memref<4096x4096xf8E4M3FN>, %b: memref<4096x4096xf8E5M2>, %c: memref<4096x4096xf32>) {
  lowbit.matmul lhs(%a : memref<4096x4096xf8E4M3FN>) rhs(%b : memref<4096x4096xf8E5M2>) outs(%c : memref<4096x4096xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  }
  return
}
