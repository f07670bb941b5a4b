// RUN: quant-opt %s --split-input-file --verify-diagnostics --lowbit-launch-matmuls="target=nvptx:sm_90a schedule=wgmma"
// RUN: not quant-opt %s --split-input-file --lowbit-launch-matmuls="target=nvptx:sm_80 schedule=wgmma" 2>&1 | FileCheck %s

// CHECK: 'lowbit.matmul' op has no schedule on sm_80: wgmma: sm_80 has no wgmma

// Rows of 24 bytes: a tensor map needs multiples of 16.
func.func @odd_rows(%a: memref<64x24xi8>, %b: memref<64x24xi8>, %c: memref<64x64xi32>) {
  // expected-error @below {{has no schedule on sm_90a: wgmma: rows do not begin at multiples of 16 bytes}}
  lowbit.matmul lhs(%a : memref<64x24xi8>) rhs(%b : memref<64x24xi8>) outs(%c : memref<64x64xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}
