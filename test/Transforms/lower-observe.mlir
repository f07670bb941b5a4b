// RUN: quant-opt %s --lowbit-lower-observe | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-compile{target=reference})' | FileCheck %s --check-prefix=LLVM

// Sites are numbered in the order of the module, and values reach the run time in one form for every shape.
// CHECK: func.func private @lowbit_observe(i64, memref<*xf32>) attributes {llvm.emit_c_interface}
// CHECK-LABEL: func @two_sites
//  CHECK-SAME:   %[[X:.*]]: tensor<4x8xf32>, %[[Y:.*]]: tensor<?xf32>
//   CHECK-DAG:   %[[FIRST:.*]] = arith.constant 0 : i64
//       CHECK:   %[[BUFFER:.*]] = bufferization.to_buffer %[[X]] read_only : tensor<4x8xf32> to memref<4x8xf32>
//       CHECK:   %[[VALUES:.*]] = memref.cast %[[BUFFER]] : memref<4x8xf32> to memref<*xf32>
//       CHECK:   call @lowbit_observe(%[[FIRST]], %[[VALUES]])
//       CHECK:   %[[SECOND:.*]] = arith.constant 1 : i64
//       CHECK:   %[[DYNAMIC:.*]] = bufferization.to_buffer %[[Y]] read_only : tensor<?xf32> to memref<?xf32>
//       CHECK:   call @lowbit_observe(%[[SECOND]]

// Compiled code calls the C interface of the run time.
// LLVM: llvm.call @_mlir_ciface_lowbit_observe
func.func @two_sites(%x: tensor<4x8xf32>, %y: tensor<?xf32>) -> tensor<4x8xf32> {
  lowbit.observe "a" %x : tensor<4x8xf32> with #lowbit.minmax per [1]
  lowbit.observe "b" %y : tensor<?xf32> with #lowbit.entropy
  return %x : tensor<4x8xf32>
}
