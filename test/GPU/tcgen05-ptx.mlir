// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_100a" --lowbit-verify-gpu=target=nvptx:sm_100a --lowbit-lower-kernels="target=nvptx:sm_100a" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g' | FileCheck %s
// RUN: not quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_100 schedule=tcgen05" 2>&1 | FileCheck %s --check-prefix=OBSTACLE
// RUN: not quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_100a schedule=tcgen05" --lowbit-verify-gpu=target=nvptx:sm_90a 2>&1 | FileCheck %s --check-prefix=OTHER

// OBSTACLE: has no schedule on sm_100: tcgen05: sm_100 has no tcgen05 of bytes
// OTHER: needs tcgen05, which sm_90a does not have

// It is what the estimate chooses. Warps have roles; those of one thread are told by elect.sync, so that operands need no loop over lanes.
//      CHECK: .target sm_100a
//      CHECK: .visible .entry matmul_tcgen05_128x256x128x4(
//      CHECK: .maxntid 192, 1, 1
//  CHECK-NOT: .local
// Two places for sums of 256 columns.
//      CHECK: mov.b32 %[[COLUMNS:r[0-9]+]], 512;
//      CHECK: tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [{{.*}}], %[[COLUMNS]];
// CHECK-NEXT: tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;
//      CHECK: elect.sync
//      CHECK: cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes
//      CHECK: elect.sync
//      CHECK: tcgen05.fence::after_thread_sync;
// CHECK-COUNT-4: tcgen05.mma.cta_group::1.kind::i8.collector::a::discard
// CHECK-NEXT: tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64
// Nothing uses registers between the load and the wait for it.
//      CHECK: tcgen05.fence::after_thread_sync;
//      CHECK: tcgen05.ld.sync.aligned.16x256b.x16.b32
// CHECK-NEXT: tcgen05.wait::ld.sync.aligned;
//      CHECK: tcgen05.fence::before_thread_sync;
// CHECK-NEXT: bar.warp.sync -1;
//      CHECK: mbarrier.arrive
//      CHECK: st.global.v2.b64
//      CHECK: tcgen05.fence::after_thread_sync;
//      CHECK: tcgen05.dealloc.cta_group::1.sync.aligned.b32
func.func @bytes(%a: memref<8192x8192xi8>, %b: memref<8192x8192xi8>, %c: memref<8192x8192xi32>) {
  lowbit.matmul lhs(%a : memref<8192x8192xi8>) rhs(%b : memref<8192x8192xi8>) outs(%c : memref<8192x8192xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_unsigned}
  return
}
