// RUN: quant-opt %s --lowbit-launch-loops --canonicalize --cse --split-input-file | FileCheck %s

// One thread an element.
// CHECK-LABEL: gpu.func @loops
//       CHECK:   %[[BLOCK:.*]] = gpu.block_id x
//       CHECK:   scf.if
//       CHECK:     llvm.load {{.*}} -> f32
//       CHECK:     arith.mulf
//       CHECK:     llvm.store
// CHECK-LABEL: func.func @elementwise
//       CHECK:   gpu.launch_func @kernels::@loops blocks in (%[[FIVE:.*]], %{{.*}}, %{{.*}}) threads in
#id = affine_map<(i, j) -> (i, j)>
func.func @elementwise(%x: memref<40x31xf32>, %y: memref<40x31xf32>) {
  %two = arith.constant 2.0 : f32
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<40x31xf32>) outs(%y : memref<40x31xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = arith.mulf %e, %two : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A sum of integers is shared by a warp.
// CHECK-LABEL: gpu.func @loops
//       CHECK:   scf.for {{.*}} iter_args
// CHECK-COUNT-5: nvvm.shfl.sync bfly
#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @shared(%x: memref<40x64xi8>, %y: memref<40xi32>) {
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : memref<40x64xi8>) outs(%y : memref<40xi32>) {
  ^bb0(%e: i8, %o: i32):
    %0 = arith.extsi %e : i8 to i32
    %1 = arith.addi %o, %0 : i32
    linalg.yield %1 : i32
  }
  return
}

// -----

// The order of a sum of floats is the model's own.
// CHECK-LABEL: gpu.func @loops
//       CHECK:   scf.for
//   CHECK-NOT:   nvvm.shfl.sync
#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @ordered(%x: memref<40x64xf32>, %y: memref<40xf32>) {
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : memref<40x64xf32>) outs(%y : memref<40xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = arith.addf %o, %e : f32
    linalg.yield %0 : f32
  }
  return
}
