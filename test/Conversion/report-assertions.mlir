// RUN: quant-opt %s --lowbit-report-assertions --split-input-file | FileCheck %s

// What is asserted ends the function; the caller of the entry point learns the number, and the signature has its words.
// CHECK-LABEL: func @entry
//  CHECK-SAME:   %[[STATUS:[a-z0-9]+]]: !llvm.ptr {lowbit.status}) attributes {lowbit.signature = {assertions = ["`cf.assert` at {{.*}}report-assertions.mlir:[[#]]:3: an assertion does not hold: it is one of five"
//       CHECK:   cf.cond_br %{{.*}}, ^[[REST:.*]], ^[[OUT:.*]]
//       CHECK: ^[[REST]]:
//  CHECK-NEXT:   memref.load
//       CHECK: ^[[OUT]]:
//  CHECK-NEXT:   %[[NUMBER:.*]] = llvm.mlir.constant(1 : i32)
//  CHECK-NEXT:   llvm.store %[[NUMBER]], %[[STATUS]] atomic monotonic
//  CHECK-NEXT:   return
func.func @entry(%x: memref<5xf32>, %at: index, %y: memref<f32>) attributes {lowbit.signature = {inputs = [], outputs = []}} {
  %five = arith.constant 5 : index
  %holds = arith.cmpi ult, %at, %five : index
  cf.assert %holds, "it is one of five"
  %0 = memref.load %x[%at] : memref<5xf32>
  memref.store %0, %y[] : memref<f32>
  return
}

// -----

// A caller hands its own status on and looks at it before it goes on; results of a call that failed are read by nobody.
// CHECK-LABEL: func private @inner
//  CHECK-SAME:   !llvm.ptr {lowbit.status}) -> index
//       CHECK:   llvm.store
//  CHECK-NEXT:   ub.poison
func.func private @inner(%at: index) -> index {
  %five = arith.constant 5 : index
  %holds = arith.cmpi ult, %at, %five : index
  cf.assert %holds, "it is one of five"
  return %at : index
}
// CHECK-LABEL: func @outer
//  CHECK-SAME:   %[[STATUS:[a-z0-9]+]]: !llvm.ptr
//       CHECK:   %[[AT:.*]] = call @inner(%{{.*}}, %[[STATUS]])
//  CHECK-NEXT:   %[[NUMBER:.*]] = llvm.load %[[STATUS]] atomic monotonic
//       CHECK:   llvm.icmp "eq" %[[NUMBER]]
//       CHECK:   cf.cond_br %{{.*}}, ^[[REST:.*]], ^[[OUT:.*]]
//       CHECK: ^[[REST]]:
//       CHECK:   memref.load %{{.*}}[%[[AT]]]
//       CHECK: ^[[OUT]]:
//  CHECK-NEXT:   return
func.func @outer(%x: memref<5xf32>, %i: index, %y: memref<f32>) {
  %at = call @inner(%i) : (index) -> index
  %0 = memref.load %x[%at] : memref<5xf32>
  memref.store %0, %y[] : memref<f32>
  return
}
// Without assertions a function stays as it is.
// CHECK-LABEL: func @other(%{{.*}}: index) {
func.func @other(%i: index) {
  return
}

// -----

// An iteration of a loop on threads ends; what follows the loop runs only if all went well.
// CHECK-LABEL: func @threads
//       CHECK:   omp.loop_nest
//       CHECK:     cf.cond_br %{{.*}}, ^[[REST:.*]], ^[[OUT:.*]]
//       CHECK:   ^[[OUT]]:
//       CHECK:     llvm.store
//  CHECK-NEXT:     omp.yield
//       CHECK:   omp.terminator
//       CHECK:   llvm.load %{{.*}} atomic monotonic
//       CHECK:   cf.cond_br
func.func @threads(%x: memref<8xi1>, %y: memref<8xi1>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  omp.parallel {
    omp.wsloop {
      omp.loop_nest (%i) : index = (%c0) to (%c8) step (%c1) {
        %holds = memref.load %x[%i] : memref<8xi1>
        cf.assert %holds, "it holds"
        memref.store %holds, %y[%i] : memref<8xi1>
        omp.yield
      }
    }
    omp.terminator
  }
  memref.copy %y, %x : memref<8xi1> to memref<8xi1>
  return
}
