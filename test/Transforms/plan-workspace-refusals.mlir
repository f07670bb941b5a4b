// RUN: quant-opt %s --lowbit-plan-workspace --remarks-filter=lowbit 2>&1 | FileCheck %s

// What has no place stays an allocation, and a remark says why.
// CHECK-DAG: [Missed] workspace {{.*}}Function=dynamic{{.*}}its size, layout or alignment is not one that is known and plain
// CHECK-DAG: [Missed] workspace {{.*}}Function=handed_on{{.*}}one iteration hands it to the next
// CHECK-DAG: [Missed] workspace {{.*}}Function=freed_together{{.*}}it is freed where another buffer may be
// CHECK-DAG: [Missed] workspace {{.*}}Function=in_forall{{.*}}it is inside of `scf.forall`
// CHECK-DAG: [Missed] workspace {{.*}}Function=many_threads{{.*}}how many iterations run at once is not known
// CHECK-DAG: [Missed] workspace {{.*}}Function=as_address{{.*}}`memref.extract_aligned_pointer_as_index` hands it on

// CHECK-LABEL: func @dynamic
//       CHECK:   memref.alloc
//       CHECK:   memref.dealloc
func.func @dynamic(%x: memref<?xf32>, %n: index) {
  %a = memref.alloc(%n) : memref<?xf32>
  memref.copy %x, %a : memref<?xf32> to memref<?xf32>
  memref.dealloc %a : memref<?xf32>
  return
}

// CHECK-LABEL: func @handed_on
//       CHECK:   memref.alloc
func.func @handed_on(%x: memref<4xf32>, %last: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%before = %last) -> (memref<4xf32>) {
    %a = memref.alloc() : memref<4xf32>
    memref.copy %before, %a : memref<4xf32> to memref<4xf32>
    scf.yield %a : memref<4xf32>
  }
  memref.copy %r, %x : memref<4xf32> to memref<4xf32>
  return
}

// CHECK-LABEL: func @freed_together
//       CHECK:   memref.alloc(
//       CHECK:   memref.alloc(
//       CHECK:   memref.dealloc
func.func @freed_together(%x: memref<?xf32>, %n: index, %which: i1) {
  %a = memref.alloc(%n) : memref<?xf32>
  %b = memref.alloc() : memref<4xf32>
  %cast = memref.cast %b : memref<4xf32> to memref<?xf32>
  %c = arith.select %which, %a, %cast : memref<?xf32>
  memref.copy %c, %x : memref<?xf32> to memref<?xf32>
  memref.dealloc %c : memref<?xf32>
  return
}

// CHECK-LABEL: func @in_forall
//       CHECK:   memref.alloc
func.func @in_forall(%x: memref<4xf32>) {
  scf.forall (%i) in (4) {
    %a = memref.alloc() : memref<4xf32>
    memref.copy %x, %a : memref<4xf32> to memref<4xf32>
  }
  return
}

// CHECK-LABEL: func @many_threads
//       CHECK:   memref.alloc
func.func @many_threads(%x: memref<4xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    %a = memref.alloc() : memref<4xf32>
    memref.copy %x, %a : memref<4xf32> to memref<4xf32>
  }
  return
}

// CHECK-LABEL: func @as_address
//       CHECK:   memref.alloc
func.func @as_address(%x: memref<index>) {
  %a = memref.alloc() : memref<4xf32>
  %address = memref.extract_aligned_pointer_as_index %a : memref<4xf32> -> index
  memref.store %address, %x[] : memref<index>
  return
}
