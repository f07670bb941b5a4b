// RUN: quant-opt %s --lowbit-launch-loops --canonicalize --cse --split-input-file | FileCheck %s

// Four neighbours are one load, and one store; what belongs to their row is read once.
// CHECK-LABEL: gpu.func @loops
//       CHECK:   llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
//       CHECK:   llvm.load {{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> f32
//   CHECK-NOT:   llvm.load
// CHECK-COUNT-4: arith.mulf
//       CHECK:   llvm.store {{.*}} {alignment = 4 : i64} : vector<4xi8>, !llvm.ptr<1>
// CHECK-LABEL: func.func @rows
//       CHECK:   gpu.launch_func @kernels::@loops blocks in (%[[ONE:.*]], %{{.*}}, %{{.*}}) threads in
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @rows(%x: memref<64x16xf32>, %s: memref<64xf32>, %y: memref<64x16xi8>) {
  linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : memref<64x16xf32>, memref<64xf32>) outs(%y : memref<64x16xi8>) {
  ^bb0(%e: f32, %scale: f32, %o: i8):
    %0 = arith.mulf %e, %scale : f32
    %1 = arith.fptosi %0 : f32 to i8
    linalg.yield %1 : i8
  }
  return
}

// -----

// The results are next to one another along the first loop: threads are numbered along it, and read what lies 256 bytes apart.
// CHECK-LABEL: gpu.func @loops
//       CHECK:   %[[FIRST:.*]] = llvm.getelementptr inbounds %arg0
//       CHECK:   llvm.getelementptr inbounds %[[FIRST]][256]
//       CHECK:   llvm.getelementptr inbounds %[[FIRST]][512]
//       CHECK:   llvm.getelementptr inbounds %[[FIRST]][768]
// CHECK-COUNT-4: llvm.load {{.*}} -> f32
//       CHECK:   llvm.store {{.*}} : vector<4xf32>, !llvm.ptr<1>
#in = affine_map<(i, j) -> (i, j)>
#out = affine_map<(i, j) -> (j, i)>
func.func @transpose(%x: memref<64x64xf32>, %y: memref<64x64xf32>) {
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel"]} ins(%x : memref<64x64xf32>) outs(%y : memref<64x64xf32>) {
  ^bb0(%e: f32, %o: f32):
    linalg.yield %e : f32
  }
  return
}

// -----

// Each channel of a depthwise convolution is summed by itself; a step reads four of the image and four of the window.
// CHECK-LABEL: gpu.func @loops
//       CHECK:   scf.for {{.*}} -> (i32, i32, i32, i32)
//       CHECK:     scf.for {{.*}} -> (i32, i32, i32, i32)
//       CHECK:       llvm.load {{.*}} : !llvm.ptr<1> -> vector<4xi8>
//       CHECK:       llvm.load {{.*}} : !llvm.ptr<1> -> vector<4xi8>
//   CHECK-NOT:       llvm.load
// CHECK-COUNT-4:     arith.muli {{.*}} : i32
//       CHECK:   llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<1>
func.func @depthwise(%x: memref<1x18x18x64xi8>, %w: memref<3x3x64xi8>, %y: memref<1x16x16x64xi32>) {
  linalg.depthwise_conv_2d_nhwc_hwc {strides = dense<1> : vector<2xi64>, dilations = dense<1> : vector<2xi64>}
      ins(%x, %w : memref<1x18x18x64xi8>, memref<3x3x64xi8>) outs(%y : memref<1x16x16x64xi32>)
  return
}

// -----

// Rows of a table are read 16 codes at a time; which row it is, is computed once.
// CHECK-LABEL: gpu.func @loops
//       CHECK:   llvm.load {{.*}} : !llvm.ptr<1> -> i32
//       CHECK:   llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<16xi8>
//       CHECK:   llvm.store {{.*}} : vector<16xi8>, !llvm.ptr<1>
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @gather(%table: memref<100x64xi8>, %ids: memref<64xi32>, %y: memref<64x64xi8>) {
  linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]} ins(%ids : memref<64xi32>) outs(%y : memref<64x64xi8>) {
  ^bb0(%id: i32, %o: i8):
    %i = arith.index_cast %id : i32 to index
    %j = linalg.index 1 : index
    %v = memref.load %table[%i, %j] : memref<100x64xi8>
    linalg.yield %v : i8
  }
  return
}

// -----

// Each neighbour has its own index and its own assertion.
// CHECK-LABEL: gpu.func @loops
// CHECK-COUNT-4: cf.assert
//       CHECK:   llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<1>
#id = affine_map<(i, j) -> (i, j)>
func.func @assertions(%x: memref<64x64xi32>, %y: memref<64x64xi32>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<64x64xi32>) outs(%y : memref<64x64xi32>) {
  ^bb0(%e: i32, %o: i32):
    %j = linalg.index 1 : index
    %limit = arith.index_cast %j : index to i32
    %below = arith.cmpi slt, %e, %limit : i32
    cf.assert %below, "expected less than its place"
    %0 = arith.addi %e, %limit : i32
    linalg.yield %0 : i32
  }
  return
}

// -----

// Rows of 10 begin at no multiple of 4 elements, nor does a part from the second element on: elements are read one by one.
// CHECK-LABEL: gpu.func @loops
//       CHECK:   llvm.load {{.*}} {alignment = 8 : i64} : !llvm.ptr<1> -> vector<2xf32>
// CHECK-COUNT-2: llvm.load {{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> f32
//       CHECK:   llvm.store {{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr<1>
#id = affine_map<(i, j) -> (i, j)>
func.func @unaligned(%x: memref<64x10xf32>, %part: memref<64x10xf32, strided<[12, 1], offset: 1>>, %y: memref<64x10xf32>) {
  linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%x, %part : memref<64x10xf32>, memref<64x10xf32, strided<[12, 1], offset: 1>>) outs(%y : memref<64x10xf32>) {
  ^bb0(%e: f32, %p: f32, %o: f32):
    %0 = arith.addf %e, %p : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// 108 multiprocessors want 27,648 threads: so many elements have a thread each, twice as many a thread for two.
// CHECK-LABEL: gpu.func @loops
//       CHECK:   llvm.load {{.*}} : !llvm.ptr<1> -> f32
// CHECK-LABEL: gpu.func @loops_1
//       CHECK:   llvm.load {{.*}} : !llvm.ptr<1> -> vector<2xf32>
#id = affine_map<(i, j) -> (i, j)>
module attributes {lowbit.target = #lowbit.nvptx_sm_80} {
  func.func @few(%x: memref<216x128xf32>, %y: memref<216x128xf32>, %z: memref<432x128xf32>) {
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<216x128xf32>) outs(%y : memref<216x128xf32>) {
    ^bb0(%e: f32, %o: f32):
      %0 = arith.negf %e : f32
      linalg.yield %0 : f32
    }
    linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%z : memref<432x128xf32>) outs(%z : memref<432x128xf32>) {
    ^bb0(%e: f32, %o: f32):
      %0 = arith.negf %e : f32
      linalg.yield %0 : f32
    }
    return
  }
}
