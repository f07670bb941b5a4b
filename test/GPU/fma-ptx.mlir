// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_90a tile=fma_128x128x64" --lowbit-lower-kernels="target=nvptx:sm_90a" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g; s/\\22/"/g' | FileCheck %s --check-prefix=TILE
// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_75 tile=fma_64x64x64" --lowbit-lower-kernels="target=nvptx:sm_75" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g; s/\\22/"/g' | FileCheck %s --check-prefix=OLD

// The next tile is read before the products and stored after them; one barrier a step. 16 loads of 16 bytes make 256 fused multiply-adds, four
// times a step; nothing is multiplied and added apart. What lies along rows is turned without an instruction: four loads and four stores of
// 16 bytes for 4 x 4 elements.
//            TILE: .visible .entry matmul_fma_128x128x64(
//        TILE-NOT: .local
//            TILE: bar.sync
//    TILE-COUNT-8: ld.global.v4.b32
//    TILE-COUNT-9: ld.shared.v4.b32
//   TILE-COUNT-32: fma.rn.f32
//            TILE: ld.shared.v4.b32
// TILE-COUNT-928: fma.rn.f32
//        TILE-NOT: {{mul.f32|add.f32|mul.rn.f32|add.rn.f32|ld.shared.b32|ld.shared.f32|ld.global}}
//    TILE-COUNT-8: st.shared.v4.b32
//             OLD: .visible .entry matmul_fma_64x64x64(
//         OLD-NOT: .local
//             OLD: bar.sync
//     OLD-COUNT-8: ld.global.v4.b32
//     OLD-COUNT-9: ld.shared.v4.b32
//    OLD-COUNT-32: fma.rn.f32
//             OLD: ld.shared.v4.b32
//   OLD-COUNT-448: fma.rn.f32
//         OLD-NOT: {{mul.f32|add.f32|mul.rn.f32|add.rn.f32|ld.shared.b32|ld.shared.f32|ld.global}}
//     OLD-COUNT-8: st.shared.v4.b32
func.func @turned(%a: memref<512x256xf32>, %b: memref<512x384xf32>, %r: memref<256x384xf32>) {
  lowbit.matmul lhs(%a : memref<512x256xf32>) rhs(%b : memref<512x384xf32>) outs(%r : memref<256x384xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } {lhs_transposed, rhs_transposed}
  return
}
