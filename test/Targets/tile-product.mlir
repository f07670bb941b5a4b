// RUN: quant-opt %s --lowbit-lower-dot-products=target=x86-64-amx-int8 --split-input-file | FileCheck %s
// Products of tiles on buffers; what a tile cannot do stays for loops, which compute the same.

#lhs = affine_map<(m, n, k, d) -> (m, k, d)>
#rhs = affine_map<(m, n, k, d) -> (k, n, d)>
#sum = affine_map<(m, n, k, d) -> (m, n)>

// Long reductions load and store sums once for every 1024 codes.
// CHECK-LABEL: func @in_chunks
//  CHECK-SAME:   %[[LHS:.*]]: memref<16x528x4xi8>, %[[RHS:.*]]: memref<528x16x4xi8>, %[[SUM:.*]]: memref<16x16xi32>
//       CHECK:   scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step
//       CHECK:     amx.tile_load %[[SUM]]
//       CHECK:     amx.tile_load %[[RHS]][%[[K]]
//       CHECK:     amx.tile_load %[[LHS]][%{{.*}}, %[[K]]
// CHECK-COUNT-16: amx.tile_muli {{%.*}}, {{%.*}} zext
//       CHECK:     amx.tile_store %[[SUM]]
//       CHECK:   }
// CHECK-COUNT-1: amx.tile_muli
//   CHECK-NOT:   amx.tile_muli
//       CHECK:   amx.tile_store %[[SUM]]
func.func @in_chunks(%lhs: memref<16x528x4xi8>, %rhs: memref<528x16x4xi8>, %sum: memref<16x16xi32>) {
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%lhs, %rhs : memref<16x528x4xi8>, memref<528x16x4xi8>) outs(%sum : memref<16x16xi32>) attrs = {lowbit.tile_product} {
  ^bb0(%a: i8, %b: i8, %s: i32):
    %x = arith.extsi %a : i8 to i32
    %y = arith.extui %b : i8 to i32
    %p = arith.muli %x, %y : i32
    %t = arith.addi %s, %p : i32
    linalg.yield %t : i32
  }
  return
}

// -----

#lhs = affine_map<(m, n, k, d) -> (m, k, d)>
#rhs = affine_map<(m, n, k, d) -> (k, n, d)>
#sum = affine_map<(m, n, k, d) -> (m, n)>

// Rows that are no whole tile.
// CHECK-LABEL: func @rows
//   CHECK-NOT:   amx
//       CHECK:   linalg.generic
func.func @rows(%lhs: memref<15x16x4xi8>, %rhs: memref<16x16x4xi8>, %sum: memref<15x16xi32>) {
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%lhs, %rhs : memref<15x16x4xi8>, memref<16x16x4xi8>) outs(%sum : memref<15x16xi32>) attrs = {lowbit.tile_product} {
  ^bb0(%a: i8, %b: i8, %s: i32):
    %x = arith.extsi %a : i8 to i32
    %y = arith.extsi %b : i8 to i32
    %p = arith.muli %x, %y : i32
    %t = arith.addi %s, %p : i32
    linalg.yield %t : i32
  }
  return
}

// -----

#lhs = affine_map<(m, n, k, d) -> (m, k, d)>
#rhs = affine_map<(m, n, k, d) -> (k, n, d)>
#sum = affine_map<(m, n, k, d) -> (m, n)>

// Codes that do not lie next to one another.
// CHECK-LABEL: func @strided
//   CHECK-NOT:   amx
//       CHECK:   linalg.generic
func.func @strided(%lhs: memref<16x16x4xi8, strided<[256, 16, 2]>>, %rhs: memref<16x16x4xi8>, %sum: memref<16x16xi32>) {
  linalg.generic {indexing_maps = [#lhs, #rhs, #sum], iterator_types = ["parallel", "parallel", "reduction", "reduction"]}
    ins(%lhs, %rhs : memref<16x16x4xi8, strided<[256, 16, 2]>>, memref<16x16x4xi8>) outs(%sum : memref<16x16xi32>) attrs = {lowbit.tile_product} {
  ^bb0(%a: i8, %b: i8, %s: i32):
    %x = arith.extsi %a : i8 to i32
    %y = arith.extsi %b : i8 to i32
    %p = arith.muli %x, %y : i32
    %t = arith.addi %s, %p : i32
    linalg.yield %t : i32
  }
  return
}
