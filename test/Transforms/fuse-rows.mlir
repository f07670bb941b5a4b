// RUN: quant-opt %s --lowbit-fuse-rows --canonicalize --split-input-file | FileCheck %s

// Attention: scores, their softmax (without its maximum, to be short) and the product with the values in one loop over heads and rows. Only
// the result of the last op is a whole tensor; the fills go along; 19 rows are one step of 16 and one of 3.
// CHECK-LABEL: func @attention
//  CHECK-SAME:   %[[Q:[^:]*]]: tensor<3x19x8xf32>, %[[K:[^:]*]]: tensor<3x8x24xf32>, %[[V:[^:]*]]: tensor<3x24x8xf32>
//       CHECK:   %[[WHOLE:.*]] = tensor.empty() : tensor<3x19x8xf32>
//       CHECK:   scf.for %[[H:.*]] = %{{.*}} iter_args(%[[HEADS:.*]] = %[[WHOLE]])
//       CHECK:     %[[QROWS:.*]] = tensor.extract_slice %[[Q]][%[[H]], 0, 0] [1, 16, 8]
//       CHECK:     %[[KHEAD:.*]] = tensor.extract_slice %[[K]][%[[H]], 0, 0] [1, 8, 24]
//       CHECK:     %[[SCORES:.*]] = linalg.generic {{.*}} ins(%[[QROWS]], %[[KHEAD]] : {{.*}} outs(%{{.*}} : tensor<1x16x24xf32>)
//       CHECK:     %[[EXP:.*]] = linalg.generic {{.*}} ins(%[[SCORES]] :
//       CHECK:     %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[EXP]] : {{.*}} outs(%{{.*}} : tensor<1x16xf32>)
//       CHECK:     %[[P:.*]] = linalg.generic {{.*}} ins(%[[EXP]], %[[SUM]] :
//       CHECK:     %[[OUT:.*]] = linalg.generic {{.*}} ins(%[[P]],
//       CHECK:     %[[FIRST:.*]] = tensor.insert_slice %[[OUT]] into %[[HEADS]][%[[H]], 0, 0] [1, 16, 8]
//       CHECK:     tensor.extract_slice %[[Q]][%[[H]], 16, 0] [1, 3, 8]
//       CHECK:     tensor.insert_slice %{{.*}} into %[[FIRST]][%[[H]], 16, 0] [1, 3, 8]
//   CHECK-NOT:   tensor<3x19x24xf32>
#row = affine_map<(h, i, j) -> (h, i)>
#all = affine_map<(h, i, j) -> (h, i, j)>
func.func @attention(%q: tensor<3x19x8xf32>, %k: tensor<3x8x24xf32>, %v: tensor<3x24x8xf32>) -> tensor<3x19x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<3x19x24xf32>
  %e0 = linalg.fill ins(%zero : f32) outs(%e : tensor<3x19x24xf32>) -> tensor<3x19x24xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(h, i, j, k) -> (h, i, k)>, affine_map<(h, i, j, k) -> (h, k, j)>, affine_map<(h, i, j, k) -> (h, i, j)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<3x19x8xf32>, tensor<3x8x24xf32>) outs(%e0 : tensor<3x19x24xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x19x24xf32>
  %x = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%s : tensor<3x19x24xf32>) outs(%e : tensor<3x19x24xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<3x19x24xf32>
  %r = tensor.empty() : tensor<3x19xf32>
  %r0 = linalg.fill ins(%zero : f32) outs(%r : tensor<3x19xf32>) -> tensor<3x19xf32>
  %sum = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<3x19x24xf32>) outs(%r0 : tensor<3x19xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<3x19xf32>
  %p = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%x, %sum : tensor<3x19x24xf32>, tensor<3x19xf32>) outs(%e : tensor<3x19x24xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<3x19x24xf32>
  %f = tensor.empty() : tensor<3x19x8xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%f : tensor<3x19x8xf32>) -> tensor<3x19x8xf32>
  %out = linalg.generic {indexing_maps = [affine_map<(h, i, j, k) -> (h, i, k)>, affine_map<(h, i, j, k) -> (h, k, j)>, affine_map<(h, i, j, k) -> (h, i, j)>],
                         iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<3x19x24xf32>, tensor<3x24x8xf32>) outs(%f0 : tensor<3x19x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<3x19x8xf32>
  return %out : tensor<3x19x8xf32>
}

// -----

// What somebody else reads too leaves the loop as a whole.
// CHECK-LABEL: func @read_outside
//       CHECK:   %[[LOOP:.*]]:2 = scf.for
//       CHECK:   return %[[LOOP]]#0, %[[LOOP]]#1 : tensor<8x24xf32>, tensor<8x24xi8>
#row = affine_map<(i, j) -> (i, j)>
func.func @read_outside(%x: tensor<8x24xf32>) -> (tensor<8x24xf32>, tensor<8x24xi8>) {
  %e = tensor.empty() : tensor<8x24xf32>
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x24xf32>) outs(%e : tensor<8x24xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<8x24xf32>
  %f = tensor.empty() : tensor<8x24xi8>
  %z = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<8x24xf32>) outs(%f : tensor<8x24xi8>) {
  ^bb0(%a: f32, %o: i8):
    %0 = arith.fptosi %a : f32 to i8
    linalg.yield %0 : i8
  } -> tensor<8x24xi8>
  return %y, %z : tensor<8x24xf32>, tensor<8x24xi8>
}

// -----

// %z needs the whole of %y through %w, so that it cannot be in a loop with it.
// CHECK-LABEL: func @detour
//   CHECK-NOT:   scf.for
//       CHECK:   return
#row = affine_map<(i, j) -> (i, j)>
func.func @detour(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %e = tensor.empty() : tensor<8x8xf32>
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  %w = tensor.insert_slice %x into %y[0, 0] [8, 8] [1, 1] : tensor<8x8xf32> into tensor<8x8xf32>
  %z = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%y, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  return %z : tensor<8x8xf32>
}

// -----

// A row of %z is a column of %y.
// CHECK-LABEL: func @other_rows
//   CHECK-NOT:   scf.for
//       CHECK:   return
#row = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j, i)>
func.func @other_rows(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %e = tensor.empty() : tensor<8x8xf32>
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  %z = linalg.generic {indexing_maps = [#row, #column, #row], iterator_types = ["parallel", "parallel"]}
      ins(%y, %y : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  return %z : tensor<8x8xf32>
}

// -----

// All rows read all of the weight, 1 MiB: it stays in the cache only while one op goes through it.
// CHECK-LABEL: func @large_weight
//   CHECK-NOT:   scf.for
//       CHECK:   return
#row = affine_map<(i, j) -> (i, j)>
func.func @large_weight(%x: tensor<32x512xf32>, %w: tensor<512x512xf32>, %zeros: tensor<32x512xf32>) -> tensor<32x512xf32> {
  %e = tensor.empty() : tensor<32x512xf32>
  %y = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<32x512xf32>) outs(%e : tensor<32x512xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<32x512xf32>
  %z = linalg.matmul ins(%y, %w : tensor<32x512xf32>, tensor<512x512xf32>) outs(%zeros : tensor<32x512xf32>) -> tensor<32x512xf32>
  return %z : tensor<32x512xf32>
}

// -----

// Rows that another op writes as columns are not its rows: a few of them at once would be written element by element.
// CHECK-LABEL: func @transposed_rows
//   CHECK-NOT:   scf.for
//       CHECK:   math.exp
//       CHECK:   linalg.generic {{.*}} outs(%{{.*}} : tensor<24x16xf32>)
func.func @transposed_rows(%x: tensor<16x24xf32>) -> (tensor<16x24xf32>, tensor<24x16xf32>) {
  %e = tensor.empty() : tensor<16x24xf32>
  %f = tensor.empty() : tensor<24x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<16x24xf32>) outs(%e : tensor<16x24xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<16x24xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<16x24xf32>) outs(%f : tensor<24x16xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<24x16xf32>
  return %y, %t : tensor<16x24xf32>, tensor<24x16xf32>
}

// -----

// What a sum starts from comes along, and its constant with it, though they stand behind the first reader of the rows.
// CHECK-LABEL: func @constant_behind_a_reader
//       CHECK:   %[[LOW:.*]] = arith.constant 0xFF800000 : f32
//       CHECK:   scf.for
//       CHECK:     linalg.fill ins(%[[LOW]] : f32)
func.func @constant_behind_a_reader(%x: tensor<64x128xf32>, %columns: tensor<128xf32>) -> (tensor<128xf32>, tensor<64xf32>) {
  %e = tensor.empty() : tensor<64x128xf32>
  %a = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x128xf32>) outs(%e : tensor<64x128xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = math.exp %v : f32
    linalg.yield %0 : f32
  } -> tensor<64x128xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>], iterator_types = ["reduction", "parallel"]}
      ins(%a : tensor<64x128xf32>) outs(%columns : tensor<128xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = arith.addf %o, %v fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<128xf32>
  %low = arith.constant 0xFF800000 : f32
  %f = tensor.empty() : tensor<64xf32>
  %z = linalg.fill ins(%low : f32) outs(%f : tensor<64xf32>) -> tensor<64xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%a : tensor<64x128xf32>) outs(%z : tensor<64xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = arith.maximumf %v, %o : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  return %t, %s : tensor<128xf32>, tensor<64xf32>
}

// The shape of a window comes along, too: it is an empty tensor that a member reads.
// CHECK-LABEL: func @window_behind_a_reader
//       CHECK:   %[[WINDOW:.*]] = tensor.empty() : tensor<3xi64>
//       CHECK:   scf.for
//       CHECK:     linalg.generic {{.*}} ins(%{{.*}}, %[[WINDOW]] :
func.func @window_behind_a_reader(%x: tensor<64x128xf32>, %columns: tensor<128xf32>, %ends: tensor<64xf32>) -> (tensor<128xf32>, tensor<64xf32>) {
  %e = tensor.empty() : tensor<64x128xf32>
  %a = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<64x128xf32>) outs(%e : tensor<64x128xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = math.exp %v : f32
    linalg.yield %0 : f32
  } -> tensor<64x128xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>], iterator_types = ["reduction", "parallel"]}
      ins(%a : tensor<64x128xf32>) outs(%columns : tensor<128xf32>) {
  ^bb0(%v: f32, %o: f32):
    %0 = arith.addf %o, %v fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<128xf32>
  %window = tensor.empty() : tensor<3xi64>
  %s = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j)>, affine_map<(i, j, k) -> (k)>, affine_map<(i, j, k) -> (i)>],
                       iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%a, %window : tensor<64x128xf32>, tensor<3xi64>) outs(%ends : tensor<64xf32>) {
  ^bb0(%v: f32, %w: i64, %o: f32):
    %0 = arith.maximumf %v, %o : f32
    linalg.yield %0 : f32
  } -> tensor<64xf32>
  return %t, %s : tensor<128xf32>, tensor<64xf32>
}
