// RUN: quant-opt %s --split-input-file --lowbit-plan-workspace | FileCheck %s

// %a and %b are in use together, %c only after %a: two places. The dealloc says nothing about when a buffer is last used.
// CHECK-LABEL: func @reuse
//  CHECK-SAME:   %[[X:.*]]: memref<32xf32>, %[[WORKSPACE:.*]]: memref<256xi8> {lowbit.workspace}
//  CHECK-SAME:   lowbit.signature = {workspace = 256 : i64}
//   CHECK-NOT:   memref.alloc
//   CHECK-DAG:   %[[C0:.*]] = arith.constant 0 : index
//   CHECK-DAG:   %[[C128:.*]] = arith.constant 128 : index
//   CHECK-DAG:   %[[A:.*]] = memref.view %[[WORKSPACE]][%[[C0]]][] : memref<256xi8> to memref<32xf32>
//   CHECK-DAG:   %[[B:.*]] = memref.view %[[WORKSPACE]][%[[C128]]][] : memref<256xi8> to memref<32xf32>
//       CHECK:   memref.copy %[[X]], %[[A]]
//       CHECK:   memref.copy %[[A]], %[[B]]
//       CHECK:   memref.copy %[[B]], %[[A2:.*]] :
//       CHECK:   memref.copy %[[A2]], %[[X]]
//   CHECK-NOT:   memref.dealloc
func.func @reuse(%x: memref<32xf32>) {
  %a = memref.alloc() {alignment = 64 : i64} : memref<32xf32>
  %b = memref.alloc() : memref<32xf32>
  memref.copy %x, %a : memref<32xf32> to memref<32xf32>
  memref.copy %a, %b : memref<32xf32> to memref<32xf32>
  %c = memref.alloc() : memref<32xf32>
  memref.copy %b, %c : memref<32xf32> to memref<32xf32>
  memref.copy %c, %x : memref<32xf32> to memref<32xf32>
  memref.dealloc %a : memref<32xf32>
  memref.dealloc %b : memref<32xf32>
  memref.dealloc %c : memref<32xf32>
  return
}

// -----

// A view keeps its buffer alive; sizes are rounded up to whole cache lines, so that every buffer starts at one.
// CHECK-LABEL: func @through_views
//  CHECK-SAME:   memref<128xi8> {lowbit.workspace}
//       CHECK:   %[[C64:.*]] = arith.constant 64 : index
//       CHECK:   memref.view %{{.*}}[%[[C64]]][] : memref<128xi8> to memref<5xf32>
func.func @through_views(%x: memref<1x3xf32>, %y: memref<5xf32>) {
  %a = memref.alloc() : memref<3xf32>
  %view = memref.expand_shape %a [[0, 1]] output_shape [1, 3] : memref<3xf32> into memref<1x3xf32>
  memref.copy %x, %view : memref<1x3xf32> to memref<1x3xf32>
  %b = memref.alloc() : memref<5xf32>
  memref.copy %y, %b : memref<5xf32> to memref<5xf32>
  memref.copy %view, %x : memref<1x3xf32> to memref<1x3xf32>
  memref.copy %b, %y : memref<5xf32> to memref<5xf32>
  return
}

// -----

// What is read in a loop lives through all of it: %a is read again after %b was written. A buffer of one iteration has a place too.
// CHECK-LABEL: func @in_loop
//  CHECK-SAME:   memref<256xi8> {lowbit.workspace}
func.func @in_loop(%x: memref<32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %a = memref.alloc() : memref<32xf32>
  memref.copy %x, %a : memref<32xf32> to memref<32xf32>
  scf.for %i = %c0 to %c4 step %c1 {
    memref.copy %a, %x : memref<32xf32> to memref<32xf32>
    %b = memref.alloc() : memref<32xf32>
    memref.copy %x, %b : memref<32xf32> to memref<32xf32>
    memref.copy %b, %x : memref<32xf32> to memref<32xf32>
    memref.dealloc %b : memref<32xf32>
  }
  return
}

// -----

// Only one branch runs: they share.
// CHECK-LABEL: func @branches
//  CHECK-SAME:   memref<128xi8> {lowbit.workspace}
func.func @branches(%x: memref<32xf32>, %which: i1) {
  %r = scf.if %which -> memref<32xf32> {
    %a = memref.alloc() : memref<32xf32>
    memref.copy %x, %a : memref<32xf32> to memref<32xf32>
    memref.copy %a, %x : memref<32xf32> to memref<32xf32>
    scf.yield %x : memref<32xf32>
  } else {
    %b = memref.alloc() : memref<32xf32>
    memref.copy %x, %b : memref<32xf32> to memref<32xf32>
    memref.copy %b, %x : memref<32xf32> to memref<32xf32>
    scf.yield %x : memref<32xf32>
  }
  memref.copy %x, %r : memref<32xf32> to memref<32xf32>
  return
}

// -----

// A buffer that leaves its branch lives until it is read behind it: not the place of what the other branch makes.
// CHECK-LABEL: func @out_of_branch
//  CHECK-SAME:   memref<256xi8> {lowbit.workspace}
func.func @out_of_branch(%x: memref<32xf32>, %which: i1) {
  %r = scf.if %which -> memref<32xf32> {
    %a = memref.alloc() : memref<32xf32>
    memref.copy %x, %a : memref<32xf32> to memref<32xf32>
    scf.yield %a : memref<32xf32>
  } else {
    %b = memref.alloc() : memref<32xf32>
    memref.copy %x, %b : memref<32xf32> to memref<32xf32>
    scf.yield %b : memref<32xf32>
  }
  memref.copy %r, %x : memref<32xf32> to memref<32xf32>
  memref.dealloc %r : memref<32xf32>
  return
}

// -----

// Iterations that run at once have a place each, four of 128 bytes.
// CHECK-LABEL: affine_map<(d0) -> (d0 * 128)>
// CHECK-LABEL: func @threads
//  CHECK-SAME:   %{{.*}}: memref<4x32xf32>, %[[WORKSPACE:.*]]: memref<512xi8> {lowbit.workspace}
//       CHECK:   %[[AREA:.*]] = memref.view %[[WORKSPACE]]{{.*}} to memref<512xi8>
//       CHECK:   scf.parallel (%[[I:.*]]) =
//       CHECK:     %[[BASE:.*]] = affine.apply #[[PLACE:.*]](%[[I]])
//       CHECK:     %[[OFFSET:.*]] = arith.addi %[[BASE]]
//       CHECK:     memref.view %[[AREA]][%[[OFFSET]]][] : memref<512xi8> to memref<32xf32>
func.func @threads(%x: memref<4x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
    %row = memref.subview %x[%i, 0] [1, 32] [1, 1] : memref<4x32xf32> to memref<32xf32, strided<[1], offset: ?>>
    %a = memref.alloc() : memref<32xf32>
    memref.copy %row, %a : memref<32xf32, strided<[1], offset: ?>> to memref<32xf32>
    memref.copy %a, %row : memref<32xf32> to memref<32xf32, strided<[1], offset: ?>>
    memref.dealloc %a : memref<32xf32>
  }
  return
}

// -----

// Functions that only call others, or are called, keep their arguments.
// CHECK-LABEL: func private @not_an_entry_point
//       CHECK:   memref.alloc
// CHECK-LABEL: func @needs_none(%{{.*}}: memref<4xf32>) {
func.func private @not_an_entry_point(%x: memref<4xf32>) {
  %a = memref.alloc() : memref<4xf32>
  memref.copy %x, %a : memref<4xf32> to memref<4xf32>
  memref.dealloc %a : memref<4xf32>
  return
}
func.func @needs_none(%x: memref<4xf32>) {
  return
}
