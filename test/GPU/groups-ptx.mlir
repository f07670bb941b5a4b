// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_80 tile=mma_sync_16x32x128x8" --lowbit-verify-gpu=target=nvptx:sm_80 \
// RUN:   --lowbit-lower-kernels="target=nvptx:sm_80" --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g' \
// RUN:   | FileCheck %s --check-prefix=WARP
// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_90a tile=wgmma_64x32x128x16" --lowbit-verify-gpu=target=nvptx:sm_90a \
// RUN:   --lowbit-lower-kernels="target=nvptx:sm_90a" --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false \
// RUN:   | sed 's/\\0A/\n/g; s/\\09/ /g' | FileCheck %s --check-prefix=GROUP
// RUN: not quant-opt %s --lowbit-launch-matmuls=target=nvptx:sm_75 2>&1 | FileCheck %s --check-prefix=ERROR

// A lane has two rows and four columns: its scales of a group are two loads of a number and two of a pair, under way while the dots of 128, which
// begin at zero, are four steps of two products. Then these join eight reals.
//    WARP-LABEL: .visible .entry matmul_mma_sync_16x32x128x8(
// WARP-COUNT-2: ld.global.b32
// WARP-COUNT-2: ld.global.v2.b32
// WARP-COUNT-8: mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32
//     WARP-NOT: mma.sync
//         WARP: cvt.rn.f32.s32 [[REAL:%r[0-9]+]],
//         WARP: mul.rn.f32 [[TERM:%r[0-9]+]], %{{r[0-9]+}}, [[REAL]]
// WARP-COUNT-8: fma.rn.f32
//     WARP-NOT: fma.rn.f32
//         WARP: .visible .entry

// wgmma multiplies a group by four instructions, while its scales come.
//   GROUP-LABEL: .visible .entry matmul_wgmma_64x32x128x16(
// GROUP-COUNT-4: wgmma.mma_async.sync.aligned.m64n32k32.s32.s8.s8
//     GROUP-NOT: wgmma.mma_async
//         GROUP: wgmma.wait_group.sync.aligned 0;

// ERROR: mma.sync.m8n8k16: scales change along the reduction
func.func @product(%a: memref<4096x4096xi8>, %b: memref<4096x4096xi8>, %sa: memref<4096x32xf32>, %sb: memref<32x4096xf32>, %c: memref<4096x4096xf32>) {
  lowbit.matmul lhs(%a : memref<4096x4096xi8>) rhs(%b : memref<4096x4096xi8>) lhs_scales(%sa : memref<4096x32xf32>) rhs_scales(%sb : memref<32x4096xf32>)
    outs(%c : memref<4096x4096xf32>) group 128 {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  }
  return
}
