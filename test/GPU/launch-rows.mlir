// RUN: quant-opt %s --lowbit-launch-rows=target=nvptx:sm_80 --canonicalize --cse --split-input-file --verify-diagnostics | FileCheck %s

// Four rows a block, one a warp: the sum goes through registers and shuffles.
// CHECK-LABEL: gpu.func @rows
//  CHECK-SAME:   known_block_size = array<i32: 128, 1, 1>
//       CHECK:   llvm.load {{.*}} -> vector<2xf32>
// CHECK-COUNT-5: nvvm.shfl.sync bfly
//   CHECK-NOT:   llvm.store
//       CHECK:   llvm.store {{.*}} : vector<2xf32>
// CHECK-LABEL: func.func @norm
//       CHECK:   gpu.launch_func @kernels::@rows blocks in (%[[EIGHT:.*]], %{{.*}}, %{{.*}}) threads in
//   CHECK-NOT:   scf.forall
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @norm(%x: memref<32x64xf32>, %y: memref<32x64xf32>) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) = (0) to (32) step (4) {
    %in = memref.subview %x[%i, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    %out = memref.subview %y[%i, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    %s = memref.alloc() : memref<4xf32>
    linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%s : memref<4xf32>) attrs = {lowbit.row = 0 : i64} {
    ^bb0(%o: f32):
      linalg.yield %zero : f32
    }
    linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
        ins(%in : memref<4x64xf32, strided<[64, 1], offset: ?>>) outs(%s : memref<4xf32>) attrs = {lowbit.row = 0 : i64} {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %o, %a fastmath<reassoc> : f32
      linalg.yield %0 : f32
    }
    linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
        ins(%in, %s : memref<4x64xf32, strided<[64, 1], offset: ?>>, memref<4xf32>) outs(%out : memref<4x64xf32, strided<[64, 1], offset: ?>>) attrs = {lowbit.row = 0 : i64} {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %0 = arith.subf %a, %b : f32
      linalg.yield %0 : f32
    }
    memref.dealloc %s : memref<4xf32>
  }
  return
}

// -----

func.func @foreign(%x: memref<32x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  scf.forall (%i) = (0) to (32) step (4) {
    // expected-error @below {{is in a loop over rows; expected ops that `lowbit-form-rows` put there}}
    memref.store %zero, %x[%i, %c0] : memref<32x64xf32>
  }
  return
}

// -----

// A sum that starts from a buffer of the loop that nothing has written.
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @blank(%x: memref<32x64xf32>) {
  // expected-error @below {{cannot be one kernel: it reads what nothing has written}}
  scf.forall (%i) = (0) to (32) step (4) {
    %in = memref.subview %x[%i, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    %s = memref.alloc() : memref<4xf32>
    linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
        ins(%in : memref<4x64xf32, strided<[64, 1], offset: ?>>) outs(%s : memref<4xf32>) attrs = {lowbit.row = 0 : i64} {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %o, %a fastmath<reassoc> : f32
      linalg.yield %0 : f32
    }
    memref.dealloc %s : memref<4xf32>
  }
  return
}

// -----

// Rows that other blocks write.
#all = affine_map<(i, j) -> (i, j)>
func.func @captured(%x: memref<32x64xf32>, %y: memref<32x64xf32>) {
  // expected-error @below {{cannot be one kernel: its region reads what other lanes compute}}
  scf.forall (%i) = (0) to (32) step (4) {
    %in = memref.subview %x[%i, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    %out = memref.subview %y[%i, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
        ins(%in : memref<4x64xf32, strided<[64, 1], offset: ?>>) outs(%out : memref<4x64xf32, strided<[64, 1], offset: ?>>) attrs = {lowbit.row = 0 : i64} {
    ^bb0(%a: f32, %o: f32):
      %j = linalg.index 1 : index
      %b = memref.load %y[%j, %j] : memref<32x64xf32>
      %0 = arith.addf %a, %b : f32
      linalg.yield %0 : f32
    }
  }
  return
}

// -----

func.func @divided(%x: memref<32x64xf32>, %n: index) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) = (0) to (32) step (4) {
    // expected-error @below {{divides by what is not known, or what may be negative; expected indices that a lane can compute}}
    %k = affine.apply affine_map<(d0)[s0] -> (d0 floordiv s0)>(%i)[%n]
    %in = memref.subview %x[%k, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
        outs(%in : memref<4x64xf32, strided<[64, 1], offset: ?>>) attrs = {lowbit.row = 0 : i64} {
    ^bb0(%o: f32):
      linalg.yield %zero : f32
    }
  }
  return
}

// -----

// A column is half a gibibyte from the next one: more than a constant of a getelementptr can be.
// CHECK-LABEL: gpu.func @rows
//       CHECK:   %[[FAR:.*]] = arith.constant 536870912 : i64
//       CHECK:   llvm.getelementptr inbounds %{{.*}}[%[[FAR]]]
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @far(%x: memref<32x64xf32, strided<[1, 134217728]>>, %y: memref<32x64xf32>) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) = (0) to (32) step (4) {
    %in = memref.subview %x[%i, 0] [4, 64] [1, 1] : memref<32x64xf32, strided<[1, 134217728]>> to memref<4x64xf32, strided<[1, 134217728], offset: ?>>
    %out = memref.subview %y[%i, 0] [4, 64] [1, 1] : memref<32x64xf32> to memref<4x64xf32, strided<[64, 1], offset: ?>>
    linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
        ins(%in : memref<4x64xf32, strided<[1, 134217728], offset: ?>>) outs(%out : memref<4x64xf32, strided<[64, 1], offset: ?>>) attrs = {lowbit.row = 0 : i64} {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
    }
  }
  return
}

// -----

// Elements of less than a byte have one each, in a vector as alone.
// CHECK-LABEL: gpu.func @rows
//       CHECK:   %[[LOADED:.*]] = llvm.load {{.*}} -> vector<4xi8>
//       CHECK:   arith.trunci %[[LOADED]] : vector<4xi8> to vector<4xi4>
//       CHECK:   %[[STORED:.*]] = arith.extui %{{.*}} : vector<4xi4> to vector<4xi8>
//       CHECK:   llvm.store %[[STORED]]
#all = affine_map<(i, j) -> (i, j)>
func.func @few_bits(%x: memref<32x128xi4>, %y: memref<32x128xi4>) {
  scf.forall (%i) = (0) to (32) step (4) {
    %in = memref.subview %x[%i, 0] [4, 128] [1, 1] : memref<32x128xi4> to memref<4x128xi4, strided<[128, 1], offset: ?>>
    %out = memref.subview %y[%i, 0] [4, 128] [1, 1] : memref<32x128xi4> to memref<4x128xi4, strided<[128, 1], offset: ?>>
    linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
        ins(%in : memref<4x128xi4, strided<[128, 1], offset: ?>>) outs(%out : memref<4x128xi4, strided<[128, 1], offset: ?>>) attrs = {lowbit.row = 0 : i64} {
    ^bb0(%a: i4, %o: i4):
      %0 = arith.muli %a, %a : i4
      linalg.yield %0 : i4
    }
  }
  return
}
