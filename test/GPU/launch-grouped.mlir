// RUN: quant-opt %s --lowbit-launch-matmuls=target=nvptx:sm_90a --canonicalize --split-input-file | FileCheck %s

// Constant weights are copied before the kernel waits for what was launched before it; activations are read after that.
// CHECK-LABEL: gpu.func @lanes_2x16_w4_g32
//   CHECK-NOT:   nvvm.griddepcontrol
// CHECK-COUNT-2: nvvm.cp.async.commit.group
//       CHECK:   nvvm.prefetch level = L2
//       CHECK:   nvvm.griddepcontrol wait
//  CHECK-NEXT:   nvvm.griddepcontrol launch_dependents
//       CHECK:   nvvm.cp.async.wait.group 1
//       CHECK:   nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
//       CHECK:   gpu.barrier
//       CHECK:   math.fma
//   CHECK-NOT:   gpu.barrier
//       CHECK:   llvm.store
// CHECK-LABEL: func.func @constant
//       CHECK:   gpu.launch_func @kernels::@lanes_2x16_w4_g32
func.func @constant(%a: memref<2x64xf16>, %w: memref<1x512xi8> {lowbit.constant}, %s: memref<2x16xf32> {lowbit.constant}, %r: memref<2x8xf32>) {
  lowbit.grouped_matmul lhs(%a : memref<2x64xf16>) rhs(%w : memref<1x512xi8>) scales(%s : memref<2x16xf32>) outs(%r : memref<2x8xf32>)
    width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  }
  return
}

// -----

// Others may still be written: it waits first. One dot of bytes has no scales, and is added in parts.
// CHECK-LABEL: gpu.func @lanes_16x16_w2_g0
//   CHECK-NOT:   nvvm.cp.async
//       CHECK:   nvvm.griddepcontrol wait
//       CHECK:   nvvm.cp.async.commit.group
//       CHECK:   nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<u8>, multiplicandBPtxType = #nvvm.mma_type<s8>
//       CHECK:   gpu.barrier
//   CHECK-NOT:   gpu.barrier
//       CHECK:   gpu.return
func.func @written(%a: memref<20x64xi8>, %w: memref<3x512xi8>, %r: memref<20x40xi32>) {
  lowbit.grouped_matmul lhs(%a : memref<20x64xi8>) rhs(%w : memref<3x512xi8>) outs(%r : memref<20x40xi32>) width 2 unsigned {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}
