// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-parallelize-loops{minimum-work=1})' | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-parallelize-loops)' | FileCheck %s --check-prefix=LITTLE

// Too little work wakes no thread.
// LITTLE-NOT: scf.parallel

// Blocks of eight rows, each written by one iteration alone: two threads take one each.
// CHECK-LABEL: func @own_rows
//   CHECK-DAG:   %[[TWO:.*]] = arith.constant 2 : index
//       CHECK:   scf.parallel (%[[THREAD:.*]]) = (%{{.*}}) to (%[[TWO]])
//       CHECK:     %[[BEGIN:.*]] = affine.apply #{{.*}}()[%[[THREAD]]]
//       CHECK:     %[[END:.*]] = affine.apply #{{.*}}()[%[[THREAD]]]
//       CHECK:     scf.for %{{.*}} = %[[BEGIN]] to %[[END]] step %c8
func.func @own_rows(%x: memref<16x4xf32>, %y: memref<16x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c8 {
    scf.for %j = %c0 to %c8 step %c1 {
      %row = arith.addi %i, %j : index
      %0 = vector.load %x[%row, %c0] : memref<16x4xf32>, vector<4xf32>
      vector.store %0, %y[%row, %c0] : memref<16x4xf32>, vector<4xf32>
    }
  }
  return
}

// Asking memory for what comes next touches nothing.
// CHECK-LABEL: func @prefetch
//       CHECK:   scf.parallel
func.func @prefetch(%x: memref<16x4xf32>, %y: memref<16x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  scf.for %i = %c0 to %c16 step %c1 {
    memref.prefetch %x[%i, %c64], read, locality<3>, data : memref<16x4xf32>
    %0 = vector.load %x[%i, %c0] : memref<16x4xf32>, vector<4xf32>
    vector.store %0, %y[%i, %c0] : memref<16x4xf32>, vector<4xf32>
  }
  return
}

// Every iteration adds to the same row: only the loop over its columns is parallel.
// CHECK-LABEL: func @shared_row
//       CHECK:   scf.for
//       CHECK:     scf.parallel
func.func @shared_row(%x: memref<16x4xf32>, %y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c1 {
    scf.for %j = %c0 to %c4 step %c1 {
      %0 = memref.load %x[%i, %j] : memref<16x4xf32>
      %1 = memref.load %y[%j] : memref<4xf32>
      %2 = arith.addf %0, %1 : f32
      memref.store %2, %y[%j] : memref<4xf32>
    }
  }
  return
}

// A row reads what its neighbour writes.
// CHECK-LABEL: func @neighbour
//   CHECK-NOT:   scf.parallel
func.func @neighbour(%y: memref<17xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c1 {
    %next = arith.addi %i, %c1 : index
    %0 = memref.load %y[%next] : memref<17xf32>
    memref.store %0, %y[%i] : memref<17xf32>
  }
  return
}

// Vectors longer than the step overlap.
// CHECK-LABEL: func @overlap
//   CHECK-NOT:   scf.parallel
func.func @overlap(%y: memref<32xf32>, %v: vector<16xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c8 {
    vector.store %v, %y[%i] : memref<32xf32>, vector<16xf32>
  }
  return
}

// What a call does to memory is unknown.
// CHECK-LABEL: func @call
//   CHECK-NOT:   scf.parallel
func.func private @external()
func.func @call() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c1 {
    func.call @external() : () -> ()
  }
  return
}

// Two loops that have nothing to do with one another are one region: threads wait for each other once.
// CHECK-LABEL: func @together
//       CHECK:   scf.parallel
//       CHECK:     scf.for
//       CHECK:     scf.for
//   CHECK-NOT:   scf.parallel
//       CHECK:   return
func.func @together(%x: memref<16xf32>, %y: memref<16xf32>, %z: memref<16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c1 {
    %0 = memref.load %x[%i] : memref<16xf32>
    memref.store %0, %y[%i] : memref<16xf32>
  }
  scf.for %i = %c0 to %c16 step %c1 {
    %0 = memref.load %x[%i] : memref<16xf32>
    memref.store %0, %z[%i] : memref<16xf32>
  }
  return
}

// The second reads what other threads write in the first.
// CHECK-LABEL: func @one_after_the_other
// CHECK-COUNT-2: scf.parallel
func.func @one_after_the_other(%x: memref<16xf32>, %y: memref<16xf32>, %z: memref<16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c15 = arith.constant 15 : index
  %c16 = arith.constant 16 : index
  scf.for %i = %c0 to %c16 step %c1 {
    %0 = memref.load %x[%i] : memref<16xf32>
    memref.store %0, %y[%i] : memref<16xf32>
  }
  scf.for %i = %c0 to %c16 step %c1 {
    %other = arith.subi %c15, %i : index
    %0 = memref.load %y[%other] : memref<16xf32>
    memref.store %0, %z[%i] : memref<16xf32>
  }
  return
}
