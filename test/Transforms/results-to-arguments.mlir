// RUN: quant-opt %s --lowbit-results-to-arguments | FileCheck %s

// A result's name goes with it; inputs are never written.
// CHECK-LABEL: func @tensor_result
//  CHECK-SAME:   (%[[X:.*]]: tensor<4x3xf32> {bufferization.writable = false, lowbit.name = "x"}
//  CHECK-SAME:   %[[Y:.*]]: memref<4x3xf32> {lowbit.name = "y", lowbit.result}) attributes {llvm.emit_c_interface}
//       CHECK:   bufferization.materialize_in_destination %[[X]] in restrict writable %[[Y]]
//       CHECK:   return{{$}}
func.func @tensor_result(%x: tensor<4x3xf32> {lowbit.name = "x"}) -> (tensor<4x3xf32> {lowbit.name = "y"}) {
  return %x : tensor<4x3xf32>
}

// A scalar result is a buffer of rank 0; the order of results is kept.
// CHECK-LABEL: func @two_results
//  CHECK-SAME:   (%[[X:.*]]: tensor<?xf32> {{.*}}, %[[S:.*]]: i32, %[[Y:.*]]: memref<i32> {lowbit.result}, %[[Z:.*]]: memref<?xf32> {lowbit.result})
//       CHECK:   memref.store %[[S]], %[[Y]][]
//       CHECK:   materialize_in_destination %[[X]] in restrict writable %[[Z]]
func.func @two_results(%x: tensor<?xf32>, %s: i32) -> (i32, tensor<?xf32>) {
  return %s, %x : i32, tensor<?xf32>
}

// Private functions and declarations keep their form.
// CHECK: func private @helper(%{{.*}}: tensor<4xf32>) -> tensor<4xf32>
func.func private @helper(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// An update goes through the tensor of the old values: what reads them after the update, wherever it stands, gets a copy.
// CHECK-LABEL: func @update(
//  CHECK-SAME:   %[[P:.*]]: memref<4xf32> {lowbit.name = "p"}
//       CHECK:   %[[OLD:.*]] = bufferization.to_tensor %[[P]] restrict writable
//       CHECK:   %[[SUM:.*]] = arith.addf %[[OLD]], %[[OLD]]
//       CHECK:   %[[NEW:.*]] = bufferization.materialize_in_destination %[[SUM]] in %[[OLD]] : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
//       CHECK:   bufferization.materialize_in_destination %[[NEW]] in restrict writable %[[P]]
func.func @update(%p: tensor<4xf32> {lowbit.name = "p"}) -> (tensor<4xf32> {lowbit.name = "p", lowbit.updates = "p"}) {
  %0 = arith.addf %p, %p : tensor<4xf32>
  return %0 : tensor<4xf32>
}
