// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-outline-loops)' | FileCheck %s

// Each loop is handed the arguments that it uses; constants and views are made again, what is computed in between is handed over.
// CHECK-LABEL: func.func private @two_loop_0
//  CHECK-SAME:     %[[X:.*]]: memref<16xf32>, %[[AREA:.*]]: memref<128xi8>) attributes {passthrough = ["noinline"]}
//   CHECK-DAG:   %[[C64:.*]] = arith.constant 64 : index
//       CHECK:   %[[VIEW:.*]] = memref.view %[[AREA]][%[[C64]]]
//       CHECK:   scf.for
//       CHECK:     memref.load %[[X]]
//       CHECK:     memref.store {{.*}}, %[[VIEW]]
// CHECK-LABEL: func.func private @two_loop_1
//  CHECK-SAME:     %{{.*}}: memref<128xi8>, %[[FACTOR:.*]]: f32
//       CHECK:   scf.for
//       CHECK:     arith.mulf %{{.*}}, %[[FACTOR]]
// CHECK-LABEL: func.func @two(
//   CHECK-NOT:   scf.for
//       CHECK:   call @two_loop_0
//       CHECK:   %[[FACTOR:.*]] = memref.load
//       CHECK:   call @two_loop_1(%{{.*}}, %[[FACTOR]])
func.func @two(%x: memref<16xf32>, %y: memref<f32>, %area: memref<128xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %a = memref.view %area[%c64][] : memref<128xi8> to memref<16xf32>
  scf.for %i = %c0 to %c16 step %c1 {
    %0 = memref.load %x[%i] : memref<16xf32>
    memref.store %0, %a[%i] : memref<16xf32>
  }
  %factor = memref.load %y[] : memref<f32>
  scf.for %i = %c0 to %c16 step %c1 {
    %0 = memref.load %a[%i] : memref<16xf32>
    %1 = arith.mulf %0, %factor : f32
    memref.store %1, %a[%i] : memref<16xf32>
  }
  return
}

// What a loop yields stays in registers.
// CHECK-LABEL: func.func @yields(
//       CHECK:   call @yields_loop_0
//       CHECK:   scf.for
//       CHECK:   call @yields_loop_1
func.func @yields(%x: memref<16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c16 step %c1 {
    memref.store %zero, %x[%i] : memref<16xf32>
  }
  %sum = scf.for %i = %c0 to %c16 step %c1 iter_args(%partial = %zero) -> f32 {
    %0 = memref.load %x[%i] : memref<16xf32>
    %1 = arith.addf %partial, %0 : f32
    scf.yield %1 : f32
  }
  scf.for %i = %c0 to %c16 step %c1 {
    memref.store %sum, %x[%i] : memref<16xf32>
  }
  return
}

// One loop has its registers for itself.
// CHECK-LABEL: func.func @one(
//       CHECK:   scf.for
func.func @one(%x: memref<16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c16 step %c1 {
    memref.store %zero, %x[%i] : memref<16xf32>
  }
  return
}
