// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_75 tile=dp4a_64x64x64" --lowbit-lower-kernels="target=nvptx:sm_75" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g; s/\\22/"/g' | FileCheck %s --check-prefix=DP4A
// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_75 tile=mma_m8n8k16_64x64x64" --lowbit-lower-kernels="target=nvptx:sm_75" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g; s/\\22/"/g' | FileCheck %s --check-prefix=MMA

// The next tile is read before the products and stored after them; one barrier a step. Four rows and four columns of a lane make 64 dot
// products of each 16 bytes.
//          DP4A: .visible .entry matmul_dp4a_64x64x64(
//      DP4A-NOT: .local
//          DP4A: $L__BB0_2:
//  DP4A-COUNT-2: ld.global.v4.b32
//  DP4A-COUNT-8: ld.shared.v4.b32
//          DP4A: dp4a.u32.s32
//          DP4A: st.shared.v4.b32
//     DP4A-NEXT: st.shared.v4.b32
//     DP4A-NEXT: bar.sync
//      DP4A-NOT: {{bar.sync|ld.shared}}
//          DP4A: bra

//          MMA: .visible .entry matmul_mma_m8n8k16_64x64x64(
//      MMA-NOT: .local
//          MMA: $L__BB0_2:
//  MMA-COUNT-4: ld.global.v4.b32
//  MMA-COUNT-2: ldmatrix.sync.aligned.m8n8.x4.shared.b16
//  MMA-COUNT-16: mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32
//  MMA-COUNT-2: ldmatrix.sync.aligned.m8n8.x4.shared.b16
//  MMA-COUNT-16: mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32
//  MMA-COUNT-2: ldmatrix.sync.aligned.m8n8.x4.shared.b16
//  MMA-COUNT-16: mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32
//  MMA-COUNT-2: ldmatrix.sync.aligned.m8n8.x4.shared.b16
//  MMA-COUNT-16: mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32
//  MMA-COUNT-4: st.shared.v4.b32
//     MMA-NEXT: bar.sync
//      MMA-NOT: {{mma.sync|ldmatrix|bar.sync}}
//          MMA: bra
func.func @bytes(%a: memref<512x512xi8>, %b: memref<512x512xi8>, %c: memref<512x512xi32>) {
  lowbit.matmul lhs(%a : memref<512x512xi8>) rhs(%b : memref<512x512xi8>) outs(%c : memref<512x512xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_unsigned}
  return
}
