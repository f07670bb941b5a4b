// RUN: quant-opt %s --lowbit-expand-copies | FileCheck %s

// A strided source needs a loop: no run time has to be there for it.
// CHECK-LABEL: func @strided
//   CHECK-NOT:   memref.copy
//       CHECK:   linalg.generic
func.func @strided(%source: memref<4x3xf32, strided<[8, 1], offset: ?>>, %target: memref<4x3xf32>) {
  memref.copy %source, %target : memref<4x3xf32, strided<[8, 1], offset: ?>> to memref<4x3xf32>
  return
}

// Rows next to one another are one block of memory, wherever it begins.
// CHECK-LABEL: func @contiguous
//   CHECK-NOT:   linalg.generic
//       CHECK:   memref.copy
func.func @contiguous(%source: memref<4x3xf32, strided<[3, 1], offset: 12>>, %target: memref<4x3xf32>) {
  memref.copy %source, %target : memref<4x3xf32, strided<[3, 1], offset: 12>> to memref<4x3xf32>
  return
}
