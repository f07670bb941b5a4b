// RUN: quant-opt %s --pass-pipeline='builtin.module(convert-lowbit-to-vector{target=x86-64-avx512vnni},canonicalize,cse)' | FileCheck %s

// A tile of 2 x 32: four registers of sums go round the loop as values, two reads of weights serve both rows, and nothing of the
// sums is read or written inside. Each register then goes through its epilogue to the end before the next.
// CHECK-LABEL: func @tile
//  CHECK-SAME:   %[[LHS:.*]]: tensor<1x2x6x4xi8>, %[[RHS:.*]]: tensor<1x6x32x4xi8>
//       CHECK:   %[[SUMS:.*]]:4 = scf.for {{.*}} -> (vector<16xi32>, vector<16xi32>, vector<16xi32>, vector<16xi32>)
//  CHECK-COUNT-2:   vector.transfer_read %{{.*}} : tensor<1x2x1x4xi8>, vector<4xi8>
//  CHECK-COUNT-2:   vector.transfer_read %{{.*}} : tensor<1x1x32x4xi8>, vector<16x4xi8>
//   CHECK-NOT:     vector.transfer_write
//  CHECK-COUNT-4:   vector.contract
//   CHECK-NOT:     vector.transfer_write
//       CHECK:     scf.yield
//       CHECK:   %[[FIRST:.*]] = arith.sitofp %[[SUMS]]#0 : vector<16xi32> to vector<16xf32>
//  CHECK-NEXT:   %[[OUT:.*]] = vector.transfer_write %[[FIRST]], %{{.*}} : vector<16xf32>, tensor<1x2x1x32xf32>
//  CHECK-NEXT:   %[[SECOND:.*]] = arith.sitofp %[[SUMS]]#1
//  CHECK-NEXT:   vector.transfer_write %[[SECOND]], %[[OUT]]
func.func @tile(%a: tensor<1x2x6x4xi8>, %b: tensor<1x6x32x4xi8>, %out: tensor<1x2x1x32xf32>) -> tensor<1x2x1x32xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c6 = arith.constant 6 : index
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x2x1x32xi32>
  %start = linalg.fill {lowbit.vectorize} ins(%zero : i32) outs(%empty : tensor<1x2x1x32xi32>) -> tensor<1x2x1x32xi32>
  %sums = scf.for %k = %c0 to %c6 step %c1 iter_args(%acc = %start) -> (tensor<1x2x1x32xi32>) {
    %ak = tensor.extract_slice %a[0, 0, %k, 0] [1, 2, 1, 4] [1, 1, 1, 1] : tensor<1x2x6x4xi8> to tensor<1x2x1x4xi8>
    %bk = tensor.extract_slice %b[0, %k, 0, 0] [1, 1, 32, 4] [1, 1, 1, 1] : tensor<1x6x32x4xi8> to tensor<1x1x32x4xi8>
    %sum = linalg.generic {indexing_maps = [affine_map<(mo, mi, no, ni, ko, ki) -> (mo, mi, ko, ki)>,
                                            affine_map<(mo, mi, no, ni, ko, ki) -> (no, ko, ni, ki)>,
                                            affine_map<(mo, mi, no, ni, ko, ki) -> (mo, mi, no, ni)>],
                           iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
        ins(%ak, %bk : tensor<1x2x1x4xi8>, tensor<1x1x32x4xi8>) outs(%acc : tensor<1x2x1x32xi32>) attrs = {lowbit.vectorize} {
    ^bb0(%x: i8, %y: i8, %s: i32):
      %0 = arith.extui %x : i8 to i32
      %1 = arith.extsi %y : i8 to i32
      %2 = arith.muli %0, %1 : i32
      %3 = arith.addi %s, %2 : i32
      linalg.yield %3 : i32
    } -> tensor<1x2x1x32xi32>
    scf.yield %sum : tensor<1x2x1x32xi32>
  }
  %r = linalg.generic {indexing_maps = [affine_map<(mo, mi, no, ni) -> (mo, mi, no, ni)>, affine_map<(mo, mi, no, ni) -> (mo, mi, no, ni)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%sums : tensor<1x2x1x32xi32>) outs(%out : tensor<1x2x1x32xf32>) attrs = {lowbit.vectorize} {
  ^bb0(%x: i32, %o: f32):
    %0 = arith.sitofp %x : i32 to f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x32xf32>
  return %r : tensor<1x2x1x32xf32>
}

// What the tiler did not mark is left to others.
// CHECK-LABEL: func @unmarked
//       CHECK:   linalg.add
func.func @unmarked(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %r = linalg.add ins(%a, %a : tensor<4xf32>, tensor<4xf32>) outs(%b : tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}
