// RUN: quant-opt %s --lowbit-split-matmuls=target=nvptx:sm_80 --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-split-matmuls='target=nvptx:sm_80 parts=2' --split-input-file | FileCheck %s --check-prefix=TWO

// Two tiles and a long reduction: parts are batches of the sides where they lie, and one op adds their sums and does the rest.
// CHECK-LABEL: func.func @few_tiles
//       CHECK:   %[[SUMS:.*]] = memref.alloc() : memref<16x20x40xi32>
//       CHECK:   memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [16, 20, 256], strides: [256, 4096, 1]
//       CHECK:   memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [16, 40, 256], strides: [256, 4096, 1]
//       CHECK:   lowbit.matmul {{.*}} outs(%[[SUMS]] : memref<16x20x40xi32>) {
//       CHECK:   ^bb0(%[[SUM:.*]]: i32):
//       CHECK:     lowbit.yield %[[SUM]]
//       CHECK:   } {rhs_unsigned}
//       CHECK:   linalg.generic
// CHECK-COUNT-15:   arith.addi
//   CHECK-NOT:     arith.addi
//       CHECK:     %[[REAL:.*]] = arith.sitofp
//       CHECK:     arith.mulf %[[REAL]]
//       CHECK:   memref.dealloc %[[SUMS]]
// TWO-LABEL: func.func @few_tiles
//       TWO:   memref<2x20x40xi32>
//       TWO:   %[[FIRST:.*]] = memref.reinterpret_cast %{{.*}} to offset: [0], sizes: [20, 40], strides: [40, 1]
//       TWO:   %[[SECOND:.*]] = memref.reinterpret_cast %{{.*}} to offset: [800], sizes: [20, 40], strides: [40, 1]
//       TWO:   linalg.generic {{.*}} ins(%[[FIRST]], %[[SECOND]], %{{.*}} :
func.func @few_tiles(%a: memref<20x4096xi8>, %b: memref<40x4096xi8>, %s: memref<1x40xf32>, %r: memref<20x40xf32>) {
  lowbit.matmul lhs(%a : memref<20x4096xi8>) rhs(%b : memref<40x4096xi8>) outs(%r : memref<20x40xf32>) operands(%s : memref<1x40xf32>) {
  ^bb0(%sum: i32, %scale: f32):
    %0 = arith.sitofp %sum : i32 to f32
    %1 = arith.mulf %0, %scale : f32
    lowbit.yield %1 : f32
  } {rhs_unsigned}
  return
}

// -----

// Tiles enough for all multiprocessors.
// CHECK-LABEL: func.func @many_tiles
//   CHECK-NOT:   memref.alloc
func.func @many_tiles(%a: memref<1024x4096xi8>, %b: memref<1024x4096xi8>, %r: memref<1024x1024xi32>) {
  lowbit.matmul lhs(%a : memref<1024x4096xi8>) rhs(%b : memref<1024x4096xi8>) outs(%r : memref<1024x1024xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}

// -----

// A second kernel would take longer than what it saves.
// CHECK-LABEL: func.func @short
//   CHECK-NOT:   memref.alloc
func.func @short(%a: memref<16x512xi8>, %b: memref<32x512xi8>, %r: memref<16x32xi32>) {
  lowbit.matmul lhs(%a : memref<16x512xi8>) rhs(%b : memref<32x512xi8>) outs(%r : memref<16x32xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}

// -----

// What is left would not end where 16 bytes are read at once; floats have an order; batches are parallel as they are.
// CHECK-LABEL: func.func @none
//   CHECK-NOT:   memref.alloc
// TWO-LABEL: func.func @none
//   TWO-NOT:   memref.alloc
func.func @none(%a: memref<16x4104xi8>, %b: memref<32x4104xi8>, %r: memref<16x32xi32>, %c: memref<16x4096xf32>, %d: memref<32x4096xf32>,
                %s: memref<16x32xf32>, %e: memref<2x16x4096xi8>, %f: memref<2x32x4096xi8>, %t: memref<2x16x32xi32>) {
  lowbit.matmul lhs(%a : memref<16x4104xi8>) rhs(%b : memref<32x4104xi8>) outs(%r : memref<16x32xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  lowbit.matmul lhs(%c : memref<16x4096xf32>) rhs(%d : memref<32x4096xf32>) outs(%s : memref<16x32xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  }
  lowbit.matmul lhs(%e : memref<2x16x4096xi8>) rhs(%f : memref<2x32x4096xi8>) outs(%t : memref<2x16x32xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}

// -----

// 16496 bytes are 1031 times 16, a prime number: what is left behind equal parts is a product of its own, whose sums are added, too.
// CHECK-LABEL: func.func @uneven
//       CHECK:   %[[SUMS:.*]] = memref.alloc() : memref<32x20x40xi32>
//       CHECK:   lowbit.matmul {{.*}} outs(%[[SUMS]] : memref<32x20x40xi32>)
//       CHECK:   %[[REST:.*]] = memref.alloc() : memref<20x40xi32>
//       CHECK:   memref.reinterpret_cast %{{.*}} to offset: [16384], sizes: [20, 112], strides: [16496, 1]
//       CHECK:   memref.reinterpret_cast %{{.*}} to offset: [16384], sizes: [40, 112], strides: [16496, 1]
//       CHECK:   lowbit.matmul {{.*}} outs(%[[REST]] : memref<20x40xi32>)
//       CHECK:   linalg.generic
// CHECK-COUNT-32:   arith.addi
//   CHECK-NOT:     arith.addi
// TWO-LABEL: func.func @uneven
//       TWO:   sizes: [2, 20, 8240], strides: [8240, 16496, 1]
//       TWO:   to offset: [16480], sizes: [20, 16], strides: [16496, 1]
func.func @uneven(%a: memref<20x16496xi8>, %b: memref<40x16496xi8>, %r: memref<20x40xi32>) {
  lowbit.matmul lhs(%a : memref<20x16496xi8>) rhs(%b : memref<40x16496xi8>) outs(%r : memref<20x40xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}
