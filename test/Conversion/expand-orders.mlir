// RUN: quant-opt %s --lowbit-expand-orders --canonicalize --split-input-file | FileCheck %s

// 16 lanes with two neighbours each: 40 columns are one time all of them and four lanes more. Then half of the lanes take what the other half has.
// CHECK-LABEL: func @lanes
//  CHECK-SAME:   %[[X:.*]]: memref<3x40xf32>, %[[Y:.*]]: memref<3xf32>
//   CHECK-DAG:   %[[LANES:.*]] = memref.alloca() : memref<16xf32>
//   CHECK-DAG:   %[[NEUTRAL:.*]] = arith.constant -0.000000e+00 : f32
//       CHECK:   scf.for %[[ROW:.*]] = %{{.*}} to %c3
//       CHECK:     scf.for %[[LANE:.*]] = %{{.*}} to %c16
//       CHECK:       memref.store %[[NEUTRAL]], %[[LANES]][%[[LANE]]]
//       CHECK:       %[[FIRST:.*]] = arith.muli %[[LANE]], %c2
//       CHECK:       scf.for %[[PLACE:.*]] = %[[FIRST]] to %c40{{.*}} step %c32
//       CHECK:         scf.for %[[NEIGHBOUR:.*]] = %c0{{.*}} to %c2{{.*}} step %c1
//       CHECK:           %[[COLUMN:.*]] = arith.addi %[[PLACE]], %[[NEIGHBOUR]]
//       CHECK:           arith.cmpi slt, %[[COLUMN]], %c40
//       CHECK:           %[[BEFORE:.*]] = memref.load %[[LANES]][%[[LANE]]]
//       CHECK:           %[[E:.*]] = memref.load %[[X]][%[[ROW]], %[[COLUMN]]]
//       CHECK:           %[[AFTER:.*]] = math.fma %[[E]], %[[E]], %[[BEFORE]] : f32
//       CHECK:           memref.store %[[AFTER]], %[[LANES]][%[[LANE]]]
//       CHECK:     scf.for %[[LOW:.*]] = %{{.*}} to %c8
//       CHECK:       %[[HIGH:.*]] = arith.addi %[[LOW]], %c8
//       CHECK:       %[[L:.*]] = memref.load %[[LANES]][%[[LOW]]]
//       CHECK:       %[[H:.*]] = memref.load %[[LANES]][%[[HIGH]]]
//       CHECK:       arith.addf %[[L]], %[[H]] : f32
//       CHECK:     scf.for {{.*}} to %c4
//       CHECK:     scf.for {{.*}} to %c2
//       CHECK:     %[[ZERO:.*]] = memref.load %[[LANES]][%c0]
//       CHECK:     %[[ONE:.*]] = memref.load %[[LANES]][%c1]
//       CHECK:     arith.addf %[[ZERO]], %[[ONE]] : f32
//       CHECK:     %[[OLD:.*]] = memref.load %[[Y]][%[[ROW]]]
//       CHECK:     %[[ALL:.*]] = memref.load %[[LANES]][%c0]
//       CHECK:     arith.addf %[[OLD]], %[[ALL]] : f32
//   CHECK-NOT:   linalg
#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @lanes(%x: memref<3x40xf32>, %y: memref<3xf32>) {
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x40xf32>) outs(%y : memref<3xf32>)
      attrs = {lowbit.order = {lanes = 16 : i64, neighbours = 2 : i64}} {
  ^bb0(%a: f32, %o: f32):
    %0 = math.fma %a, %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Four parts of the first reduction, each with all of the second; then one part after the other.
// CHECK-LABEL: func @parts
//       CHECK:   %[[PARTS:.*]] = memref.alloca() : memref<4xf32>
//       CHECK:   scf.for %[[PART:.*]] = %{{.*}} to %c4
//       CHECK:     scf.for %[[K:.*]] = %[[PART]] to %c33{{.*}} step %c4
//       CHECK:       scf.for %[[J:.*]] = %{{.*}} to %c5
//       CHECK:         arith.maximumf
//       CHECK:   memref.load %[[PARTS]][%c0]
//       CHECK:   arith.maximumf
//       CHECK:   memref.load %[[PARTS]][%c1]
//       CHECK:   arith.maximumf
//       CHECK:   memref.load %[[PARTS]][%c2]
//       CHECK:   arith.maximumf
//       CHECK:   memref.load %[[PARTS]][%c3]
//       CHECK:   arith.maximumf
#in = affine_map<(k, j, i) -> (k, j, i)>
#out = affine_map<(k, j, i) -> (i)>
func.func @parts(%x: memref<33x5x3xf32>, %y: memref<3xf32>) {
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["reduction", "reduction", "parallel"]} ins(%x : memref<33x5x3xf32>) outs(%y : memref<3xf32>)
      attrs = {lowbit.order = {parts = 4 : i64}} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.maximumf %a, %o : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// A step of a tensor core: exponents, then terms cut to integers, then one number cut to f32.
// CHECK-LABEL: func @matrix
//       CHECK:   scf.for %[[START:.*]] = %{{.*}} to %c32{{.*}} step %c16
//       CHECK:     scf.for %{{.*}} = %c0{{.*}} to %c16{{.*}} iter_args(%{{.*}}) -> (i32)
//       CHECK:       arith.maxsi
//       CHECK:     scf.for %{{.*}} = %c0{{.*}} to %c16{{.*}} iter_args(%{{.*}}) -> (i64, f64)
//       CHECK:       arith.fptosi %{{.*}} : f64 to i64
//       CHECK:     arith.sitofp %{{.*}} : i64 to f64
//       CHECK:     arith.truncf %{{.*}} : f64 to f32
#lhs = affine_map<(i, j, k) -> (i, k)>
#rhs = affine_map<(i, j, k) -> (j, k)>
#out = affine_map<(i, j, k) -> (i, j)>
func.func @matrix(%x: memref<2x32xbf16>, %w: memref<3x32xbf16>, %y: memref<2x3xf32>) {
  linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<2x32xbf16>, memref<3x32xbf16>) outs(%y : memref<2x3xf32>) attrs = {lowbit.order = {matrix = 16 : i64}} {
  ^bb0(%a: bf16, %b: bf16, %o: f32):
    %0 = arith.extf %a : bf16 to f32
    %1 = arith.extf %b : bf16 to f32
    %2 = arith.mulf %0, %1 fastmath<reassoc> : f32
    %3 = arith.addf %o, %2 fastmath<reassoc> : f32
    linalg.yield %3 : f32
  }
  return
}

// -----

// What says no order keeps its loops, and loses the flags.
// CHECK-LABEL: func @plain
//       CHECK:   linalg.generic
//       CHECK:   arith.addf %{{.*}}, %{{.*}} : f32
#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @plain(%x: memref<3x40xf32>, %y: memref<3xf32>) {
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x40xf32>) outs(%y : memref<3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// Several reductions are counted as one, the last the fastest.
// CHECK-LABEL: func @two
//       CHECK:   scf.for %[[LANE:.*]] = %c0{{.*}} to %c32
//       CHECK:   %[[INSIDE:.*]] = arith.cmpi slt, %[[PLACE:.*]], %c60
//       CHECK:   scf.if %[[INSIDE]]
//       CHECK:     %[[J:.*]] = arith.remui %[[PLACE]], %c5
//       CHECK:     %[[K:.*]] = arith.divui %[[PLACE]], %c5
func.func @two(%x: memref<3x12x5xf32>, %y: memref<3xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i, k, j) -> (i, k, j)>, affine_map<(i, k, j) -> (i)>], iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%x : memref<3x12x5xf32>) outs(%y : memref<3xf32>) attrs = {lowbit.order = {lanes = 32 : i64, neighbours = 1 : i64}} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  }
  return
}
