// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_90a schedule=wgmma tile=wgmma_128x256x128x4" --lowbit-lower-kernels="target=nvptx:sm_90a" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g' | FileCheck %s

// Tensor maps are read where they lie, and shared memory begins where their swizzle does.
//      CHECK: .target sm_90a
//      CHECK: .extern .shared .align 1024 .b8 {{.*}}[];
//      CHECK: .visible .entry matmul_wgmma_128x256x128x4(
//      CHECK:   .param .align 64 .b8 matmul_wgmma_128x256x128x4_param_{{[0-9]+}}[128],
//      CHECK:   .param .align 64 .b8 matmul_wgmma_128x256x128x4_param_{{[0-9]+}}[128]
//      CHECK: .maxntid 384, 1, 1
//      CHECK: .minnctapersm 1
//  CHECK-NOT: .local
//      CHECK: setmaxnreg.dec.sync.aligned.u32
//      CHECK: mbarrier.arrive.expect_tx.shared
//      CHECK: cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes
//      CHECK: setmaxnreg.inc.sync.aligned.u32
// u8 and s8 keep their signs; sums wrap.
// CHECK-COUNT-8: wgmma.mma_async.sync.aligned.m64n256k32.s32.u8.s8 {
//  CHECK-NOT: satfinite
//      CHECK: st.global.v4
func.func @bytes(%a: memref<4096x4096xi8>, %b: memref<4096x4096xi8>, %c: memref<4096x4096xi32>) {
  lowbit.matmul lhs(%a : memref<4096x4096xi8>) rhs(%b : memref<4096x4096xi8>) outs(%c : memref<4096x4096xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_unsigned}
  return
}

// Bits: the same rows of 128 bytes, eight times as many products.
//      CHECK: .visible .entry matmul_wgmma_128x256x128x4_1(
// CHECK-COUNT-8: wgmma.mma_async.sync.aligned.m64n256k256.s32.b1.b1.and.popc {
func.func @bits(%a: memref<4096x512xi8>, %b: memref<4096x512xi8>, %c: memref<4096x4096xi32>) {
  lowbit.matmul lhs(%a : memref<4096x512xi8>) rhs(%b : memref<4096x512xi8>) outs(%c : memref<4096x4096xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {bits}
  return
}
