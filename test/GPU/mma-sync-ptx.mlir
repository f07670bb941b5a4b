// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_80 tile=mma_sync_128x128x64x4" --lowbit-lower-kernels="target=nvptx:sm_80" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g; s/\\22/"/g' | FileCheck %s

// 64 products a pass, of fragments that were loaded 32 bytes of the reduction before; the copies of the slot that is free now; one barrier.
//          CHECK: .visible .entry matmul_mma_sync_128x128x64x4(
//          CHECK: .maxntid 128, 1, 1
//      CHECK-NOT: .local
//          CHECK: $L__BB0_2:
//  CHECK-COUNT-8: ldmatrix.sync.aligned.m8n8.x4.shared.b16
//  CHECK-COUNT-8: cp.async.cg.shared.global
//          CHECK: cp.async.commit_group;
// CHECK-COUNT-32: mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32
//      CHECK-NOT: mma.sync
//          CHECK: cp.async.wait_group 2;
//     CHECK-NEXT: bar.sync
//  CHECK-COUNT-8: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// CHECK-COUNT-32: mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32
//      CHECK-NOT: {{mma.sync|ldmatrix|bar.sync|satfinite}}
//          CHECK: bra
func.func @bytes(%a: memref<512x512xi8>, %b: memref<512x512xi8>, %c: memref<512x512xi32>) {
  lowbit.matmul lhs(%a : memref<512x512xi8>) rhs(%b : memref<512x512xi8>) outs(%c : memref<512x512xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_unsigned}
  return
}
