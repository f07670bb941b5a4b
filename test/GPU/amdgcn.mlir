// RUN: quant-opt %s --lowbit-launch-matmuls="target=amdgcn:gfx942 tile=mfma_64x64x64" --lowbit-lower-kernels="target=amdgcn:gfx942" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g; s/\\22/"/g' | FileCheck %s
// RUN: quant-opt %s --lowbit-launch-matmuls="target=amdgcn:gfx90a tile=mfma_64x64x64" --lowbit-lower-kernels="target=amdgcn:gfx90a" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g; s/\\22/"/g' | FileCheck %s --check-prefix=CDNA2

// A wave multiplies 32 x 32: four fragments of each 64 bytes, twice 32 of them in an instruction. The left side is unsigned, so that its
// codes are offset and the sums of the right side, products with ones, are added in the end.
//         CHECK: .amdgcn_target
//         CHECK: matmul_mfma_64x64x64:
//         CHECK: .LBB0_2:
// CHECK-COUNT-2: global_load_dwordx4
//         CHECK: ds_read_b128
//         CHECK: v_xor_b32
// CHECK-COUNT-12: v_mfma_i32_16x16x32_i8
//     CHECK-NOT: v_mfma
//         CHECK: s_cbranch
//         CHECK: .amdhsa_group_segment_fixed_size 16384
//         CHECK: .amdhsa_private_segment_fixed_size 0
//         CHECK: .reqd_workgroup_size:
//         CHECK: .vgpr_spill_count: 0

//         CDNA2: .LBB0_2:
// CDNA2-COUNT-24: v_mfma_i32_16x16x16i8
//     CDNA2-NOT: v_mfma
//         CDNA2: s_cbranch
//         CDNA2: .vgpr_spill_count: 0
func.func @bytes(%a: memref<512x512xi8>, %b: memref<512x512xi8>, %c: memref<512x512xi32>) {
  lowbit.matmul lhs(%a : memref<512x512xi8>) rhs(%b : memref<512x512xi8>) outs(%c : memref<512x512xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_unsigned}
  return
}
