// RUN: quant-opt %s --lowbit-sum-scattered-rows | FileCheck %s

// Each element of the table goes through all rows and adds its own.
// CHECK-LABEL: @scatter
//  CHECK-SAME:   %[[IDS:.*]]: tensor<16xi32>, %[[GIVEN:.*]]: tensor<16x32xf32>, %[[ZEROS:.*]]: tensor<20x32xf32>
//   CHECK-NOT:   scf.for
//       CHECK:   linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[GIVEN]] : tensor<16x32xf32>) outs(%[[ZEROS]] : tensor<20x32xf32>)
//       CHECK:   ^bb0(%[[G:.*]]: f32, %[[SUM:.*]]: f32):
//       CHECK:     %[[PLACE:.*]] = linalg.index 2
//       CHECK:     %[[ID:.*]] = tensor.extract %[[IDS]][%[[PLACE]]]
//       CHECK:     %[[ROW:.*]] = arith.index_cast %[[ID]]
//       CHECK:     %[[OWN:.*]] = linalg.index 0
//       CHECK:     %[[IS:.*]] = arith.cmpi eq, %[[ROW]], %[[OWN]]
//       CHECK:     %[[ADDED:.*]] = arith.addf %[[SUM]], %[[G]]
//       CHECK:     %[[NEXT:.*]] = arith.select %[[IS]], %[[ADDED]], %[[SUM]]
//       CHECK:     linalg.yield %[[NEXT]]
func.func @scatter(%ids: tensor<16xi32>, %given: tensor<16x32xf32>, %zeros: tensor<20x32xf32>) -> tensor<20x32xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %r = scf.for %i = %c0 to %c16 step %c1 iter_args(%sum = %zeros) -> (tensor<20x32xf32>) {
    %id = tensor.extract %ids[%i] : tensor<16xi32>
    %row = arith.index_cast %id : i32 to index
    %new = tensor.extract_slice %given[%i, 0] [1, 32] [1, 1] : tensor<16x32xf32> to tensor<32xf32>
    %old = tensor.extract_slice %sum[%row, 0] [1, 32] [1, 1] : tensor<20x32xf32> to tensor<32xf32>
    %empty = tensor.empty() : tensor<32xf32>
    %added = linalg.add ins(%old, %new : tensor<32xf32>, tensor<32xf32>) outs(%empty : tensor<32xf32>) -> tensor<32xf32>
    %next = tensor.insert_slice %added into %sum[%row, 0] [1, 32] [1, 1] : tensor<32xf32> into tensor<20x32xf32>
    scf.yield %next : tensor<20x32xf32>
  }
  return %r : tensor<20x32xf32>
}

// A part of a row, and a row that is read before it is added to: loops that stay.
// CHECK-LABEL: @others
// CHECK-COUNT-2: scf.for
func.func @others(%ids: tensor<16xi32>, %given: tensor<16x32xf32>, %zeros: tensor<20x64xf32>, %table: tensor<20x32xf32>)
    -> (tensor<20x64xf32>, tensor<20x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %r = scf.for %i = %c0 to %c16 step %c1 iter_args(%sum = %zeros) -> (tensor<20x64xf32>) {
    %id = tensor.extract %ids[%i] : tensor<16xi32>
    %row = arith.index_cast %id : i32 to index
    %new = tensor.extract_slice %given[%i, 0] [1, 32] [1, 1] : tensor<16x32xf32> to tensor<32xf32>
    %old = tensor.extract_slice %sum[%row, 0] [1, 32] [1, 1] : tensor<20x64xf32> to tensor<32xf32>
    %empty = tensor.empty() : tensor<32xf32>
    %added = linalg.add ins(%old, %new : tensor<32xf32>, tensor<32xf32>) outs(%empty : tensor<32xf32>) -> tensor<32xf32>
    %next = tensor.insert_slice %added into %sum[%row, 0] [1, 32] [1, 1] : tensor<32xf32> into tensor<20x64xf32>
    scf.yield %next : tensor<20x64xf32>
  }
  %s = scf.for %i = %c0 to %c16 step %c1 iter_args(%sum = %table) -> (tensor<20x32xf32>) {
    %new = tensor.extract_slice %sum[%i, 0] [1, 32] [1, 1] : tensor<20x32xf32> to tensor<32xf32>
    %old = tensor.extract_slice %sum[%c0, 0] [1, 32] [1, 1] : tensor<20x32xf32> to tensor<32xf32>
    %empty = tensor.empty() : tensor<32xf32>
    %added = linalg.add ins(%old, %new : tensor<32xf32>, tensor<32xf32>) outs(%empty : tensor<32xf32>) -> tensor<32xf32>
    %next = tensor.insert_slice %added into %sum[%c0, 0] [1, 32] [1, 1] : tensor<32xf32> into tensor<20x32xf32>
    scf.yield %next : tensor<20x32xf32>
  }
  return %r, %s : tensor<20x64xf32>, tensor<20x32xf32>
}
