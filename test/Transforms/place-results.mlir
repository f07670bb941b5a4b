// RUN: quant-opt %s --lowbit-place-results | FileCheck %s
// RUN: quant-opt %s --lowbit-place-results --eliminate-empty-tensors --canonicalize | FileCheck %s --check-prefix=PLACED

// The tensor is written as it was computed, into a view of the buffer.
// CHECK-LABEL: func @collapsed
//  CHECK-SAME:   (%[[X:.*]]: tensor<6x4xf32>, %[[Y:.*]]: memref<24xf32>)
//       CHECK:   %[[VIEW:.*]] = memref.expand_shape %[[Y]] {{\[\[}}0, 1]] output_shape [6, 4] : memref<24xf32> into memref<6x4xf32>
//       CHECK:   materialize_in_destination %[[X]] in restrict writable %[[VIEW]] : (tensor<6x4xf32>, memref<6x4xf32>)
func.func @collapsed(%x: tensor<6x4xf32>, %y: memref<24xf32>) {
  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<6x4xf32> into tensor<24xf32>
  bufferization.materialize_in_destination %0 in restrict writable %y : (tensor<24xf32>, memref<24xf32>) -> ()
  return
}

// CHECK-LABEL: func @expanded
//       CHECK:   %[[VIEW:.*]] = memref.collapse_shape %{{.*}} {{\[\[}}0, 1]] : memref<6x4xf32> into memref<24xf32>
//       CHECK:   materialize_in_destination %{{.*}} in restrict writable %[[VIEW]] : (tensor<24xf32>, memref<24xf32>)
func.func @expanded(%x: tensor<24xf32>, %y: memref<6x4xf32>) {
  %0 = tensor.expand_shape %x [[0, 1]] output_shape [6, 4] : tensor<24xf32> into tensor<6x4xf32>
  bufferization.materialize_in_destination %0 in restrict writable %y : (tensor<6x4xf32>, memref<6x4xf32>) -> ()
  return
}

// A view of sizes that are known only at run time would have to be computed before they are.
// CHECK-LABEL: func @dynamic
//       CHECK:   tensor.collapse_shape
func.func @dynamic(%x: tensor<?x4xf32>, %y: memref<?xf32>) {
  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<?x4xf32> into tensor<?xf32>
  bufferization.materialize_in_destination %0 in restrict writable %y : (tensor<?xf32>, memref<?xf32>) -> ()
  return
}

// A buffer with a layout of its own stays as it is.
// CHECK-LABEL: func @strided
//       CHECK:   tensor.collapse_shape
func.func @strided(%x: tensor<6x4xf32>, %y: memref<24xf32, strided<[2]>>) {
  %0 = tensor.collapse_shape %x [[0, 1]] : tensor<6x4xf32> into tensor<24xf32>
  bufferization.materialize_in_destination %0 in restrict writable %y : (tensor<24xf32>, memref<24xf32, strided<[2]>>) -> ()
  return
}

// Tiles of a result are stored once, where the caller wants them.
// PLACED-LABEL: func @tiles
//   PLACED-NOT:   tensor.empty
//       PLACED:   return
func.func @tiles(%value: f32, %y: memref<24xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  %sums = tensor.empty() : tensor<6x4xf32>
  %result = tensor.empty() : tensor<24xf32>
  %view = tensor.expand_shape %result [[0, 1]] output_shape [6, 4] : tensor<24xf32> into tensor<6x4xf32>
  %0 = scf.for %i = %c0 to %c6 step %c1 iter_args(%rows = %view) -> (tensor<6x4xf32>) {
    %slice = tensor.extract_slice %sums[%i, 0] [1, 4] [1, 1] : tensor<6x4xf32> to tensor<1x4xf32>
    %tile = linalg.fill ins(%value : f32) outs(%slice : tensor<1x4xf32>) -> tensor<1x4xf32>
    %next = tensor.insert_slice %tile into %rows[%i, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<6x4xf32>
    scf.yield %next : tensor<6x4xf32>
  }
  %1 = tensor.collapse_shape %0 [[0, 1]] : tensor<6x4xf32> into tensor<24xf32>
  bufferization.materialize_in_destination %1 in restrict writable %y : (tensor<24xf32>, memref<24xf32>) -> ()
  return
}
