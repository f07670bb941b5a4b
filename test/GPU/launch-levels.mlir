// RUN: quant-opt %s --lowbit-launch-matmuls=target=nvptx:sm_90a --canonicalize --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-launch-matmuls=target=nvptx:sm_80 --canonicalize --split-input-file \
// RUN:   --lowbit-lower-kernels=target=nvptx:sm_80 --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false \
// RUN:   | sed 's/\\0A/\n/g; s/\\09/ /g' | FileCheck %s --check-prefix=PTX

// Bits of a word are moved to where f16 has them, four registers in six operations and five shifts; nothing is multiplied before the product, and
// dots are multiplied by 2^14. Scales become f32 on their way to shared memory.
// CHECK-LABEL: gpu.func @lanes_2x16_w4_g16
//   CHECK-DAG:   %[[UP:.*]] = arith.constant 1.638400e+04 : f32
//       CHECK:   nvvm.cp.async.wait.group
//       CHECK:   arith.andi %{{.*}}, %c-1912566272_i32
//       CHECK:   %[[SHIFTED:.*]] = arith.shli %{{.*}}, %c3_i32
//       CHECK:   arith.andi %[[SHIFTED]], %c-1912566272_i32
//   CHECK-NOT:   math.fma
//       CHECK:   nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
//       CHECK:   arith.mulf %{{.*}}, %[[UP]] : f32
//       CHECK:   arith.bitcast %{{.*}} : i32 to f32
//       CHECK:   gpu.barrier
//   PTX-LABEL: .visible .entry lanes_2x16_w4_g16
//   PTX-COUNT-4: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
func.func @halves(%a: memref<2x64xf16>, %w: memref<1x512xi8> {lowbit.constant}, %s: memref<4x16xf8E4M3FN> {lowbit.constant}, %r: memref<2x8xf32>) {
  lowbit.grouped_matmul lhs(%a : memref<2x64xf16>) rhs(%w : memref<1x512xi8>) scales(%s : memref<4x16xf8E4M3FN>) outs(%r : memref<2x8xf32>)
    width 4 levels [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0] group 16 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  }
  return
}

// -----

// bf16 has too few exponents below one: registers are multiplied by 2^126, which is exact.
// CHECK-LABEL: gpu.func @lanes_2x16_w4_g32
//       CHECK:   math.fma {{.*}} : vector<2xbf16>
//       CHECK:   nvvm.mma.sync
//   CHECK-NOT:   arith.mulf
//       CHECK:   gpu.barrier
//   PTX-LABEL: .visible .entry lanes_2x16_w4_g32
//  PTX-COUNT-16: fma.rn.bf16x2
//   PTX-COUNT-4: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
func.func @bfloats(%a: memref<2x64xbf16>, %w: memref<1x512xi8> {lowbit.constant}, %s: memref<2x16xf8E8M0FNU> {lowbit.constant}, %r: memref<2x8xf32>) {
  lowbit.grouped_matmul lhs(%a : memref<2x64xbf16>) rhs(%w : memref<1x512xi8>) scales(%s : memref<2x16xf8E8M0FNU>) outs(%r : memref<2x8xf32>)
    width 4 levels [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0] group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  }
  return
}

// -----

// Levels that one half holds, high bytes alone: three permutes for four of them, one for each register.
// CHECK-LABEL: gpu.func @lanes_2x16_w4_g64
// CHECK-COUNT-10: nvvm.prmt
//   CHECK-NOT:   nvvm.prmt
//       CHECK:   nvvm.mma.sync
//   PTX-LABEL: .visible .entry lanes_2x16_w4_g64
//  PTX-COUNT-40: prmt.b32
//     PTX-NOT: prmt.b32
func.func @table(%a: memref<2x64xf16>, %w: memref<1x512xi8> {lowbit.constant}, %s: memref<1x16xf16> {lowbit.constant}, %r: memref<2x8xf32>) {
  lowbit.grouped_matmul lhs(%a : memref<2x64xf16>) rhs(%w : memref<1x512xi8>) scales(%s : memref<1x16xf16>) outs(%r : memref<2x8xf32>)
    width 4 levels [-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0] group 64 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  }
  return
}

// -----

// NF4 has levels of 24 digits: three halves each, 42 permutes for a word, three products.
// CHECK-LABEL: gpu.func @lanes_2x16_w4_g64
// CHECK-COUNT-42: nvvm.prmt
//   CHECK-NOT:   nvvm.prmt
// CHECK-COUNT-3: nvvm.mma.sync
//       CHECK:   nvvm.prmt
//   PTX-LABEL: .visible .entry lanes_2x16_w4_g64
// PTX-COUNT-168: prmt.b32
func.func @nf4(%a: memref<2x64xf16>, %w: memref<1x512xi8> {lowbit.constant}, %s: memref<1x16xf16> {lowbit.constant}, %r: memref<2x8xf32>) {
  lowbit.grouped_matmul lhs(%a : memref<2x64xf16>) rhs(%w : memref<1x512xi8>) scales(%s : memref<1x16xf16>) outs(%r : memref<2x8xf32>)
    width 4 levels [-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
      -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224, 0.44070982933044434,
      0.5626170039176941, 0.7229568362236023, 1.0] group 64 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  }
  return
}
