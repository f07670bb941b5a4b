// RUN: quant-opt %s --lowbit-form-rows=target=nvptx:sm_80 --split-input-file | FileCheck %s
// RUN: not quant-opt %s --lowbit-form-rows=target=host --split-input-file 2>&1 | FileCheck %s --check-prefix=HOST
// RUN: quant-opt %s --lowbit-form-rows=target=nvptx:sm_80 --canonicalize --split-input-file | FileCheck %s --check-prefix=FOLDED
// RUN: quant-opt %s --lowbit-form-rows="target=nvptx:sm_80 loops=0" --split-input-file | FileCheck %s --check-prefix=FLAT
// RUN: quant-opt %s --lowbit-form-rows=target=spirv:opencl --split-input-file | FileCheck %s --check-prefix=APART
// HOST: error: `{{.*}}` is no GPU; expected one that kernels are made for

// A sum along rows and what divides by it: few rows, so that each is a block.
// CHECK-LABEL: @rows
//       CHECK:   scf.forall (%[[I:.*]]) in (32)
//       CHECK:     %[[S:.*]] = linalg.generic {{.*}}lowbit.order = {lanes = 32 : i64, neighbours = 2 : i64}, lowbit.row = 0 : i64
//       CHECK:     linalg.generic {{.*}}%[[S]]{{.*}}lowbit.row = 0 : i64
//       CHECK:     scf.forall.in_parallel
//       CHECK:       tensor.parallel_insert_slice {{.*}}[%[[I]], 0] [1, 64] [1, 1]

// Without loops the ops stay where they are, and say in which order the kernel adds up.
// FLAT-LABEL: @rows
//   FLAT-NOT:   scf.forall
//       FLAT:   linalg.generic {{.*}}lowbit.order = {lanes = 32 : i64, neighbours = 2 : i64}, lowbit.row = 0 : i64
//       FLAT:   linalg.generic {{.*}}lowbit.row = 0 : i64
//       FLAT:   arith.divf %{{.*}}, %{{.*}} : f32

// Lanes that cannot read each other's registers cannot share a row.
// APART-LABEL: @rows
//   APART-NOT:   scf.forall
//       APART:   return
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @rows(%x: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %s_e = tensor.empty() : tensor<32xf32>
  %s_0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%s_e : tensor<32xf32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  } -> tensor<32xf32>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<32x64xf32>) outs(%s_0 : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<32xf32>
  %r = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<32x64xf32>, tensor<32xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// The order of this sum is the model's own: no lane may have a part of it.
// CHECK-LABEL: @ordered
//   CHECK-NOT:   scf.forall
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @ordered(%x: tensor<32x64xf32>, %s_0: tensor<32xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<32x64xf32>) outs(%s_0 : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<32xf32>
  %r = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<32x64xf32>, tensor<32xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// What reads the rows behind a reshape joins them.
// CHECK-LABEL: @reshaped
//       CHECK:   %[[R:.*]] = scf.forall
// CHECK-COUNT-2: linalg.generic
//       CHECK:   tensor.collapse_shape %[[R]]
//   CHECK-NOT:   linalg.generic
#three = affine_map<(i, j, k) -> (i, j, k)>
#all = affine_map<(i, j) -> (i, j)>
func.func @reshaped(%x: tensor<4x8x64xf32>) -> tensor<32x64xi8> {
  %e = tensor.empty() : tensor<4x8x64xf32>
  %a = linalg.generic {indexing_maps = [#three, #three], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<4x8x64xf32>) outs(%e : tensor<4x8x64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %0 = math.sqrt %p : f32
    linalg.yield %0 : f32
  } -> tensor<4x8x64xf32>
  %c = tensor.collapse_shape %a [[0, 1], [2]] : tensor<4x8x64xf32> into tensor<32x64xf32>
  %f = tensor.empty() : tensor<32x64xi8>
  %b = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%c : tensor<32x64xf32>) outs(%f : tensor<32x64xi8>) {
  ^bb0(%p: f32, %o: i8):
    %0 = arith.fptosi %p : f32 to i8
    linalg.yield %0 : i8
  } -> tensor<32x64xi8>
  return %b : tensor<32x64xi8>
}

// -----

// A region may read what was there before, at places that a lane can compute.
// CHECK-LABEL: @gathered
//       CHECK:   scf.forall
#all = affine_map<(i, j) -> (i, j)>
func.func @gathered(%x: tensor<32x64xf32>, %t: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %s = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.sqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = affine.apply affine_map<(d0) -> (31 - d0 floordiv 2)>(%i)
    %other = tensor.extract %t[%k, %j] : tensor<32x64xf32>
    %0 = arith.divf %a, %other : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// What the region reads belongs to another row, which another lane computes.
// CHECK-LABEL: @captured
//   CHECK-NOT:   scf.forall
#all = affine_map<(i, j) -> (i, j)>
func.func @captured(%x: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %s = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.sqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = affine.apply affine_map<(d0) -> (31 - d0)>(%i)
    %other = tensor.extract %s[%k, %j] : tensor<32x64xf32>
    %0 = arith.divf %a, %other : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// No lane divides by what is not known.
// CHECK-LABEL: @divided
//   CHECK-NOT:   scf.forall
#all = affine_map<(i, j) -> (i, j)>
func.func @divided(%x: tensor<32x64xf32>, %t: tensor<32x64xf32>, %n: index) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %s = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.sqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = affine.apply affine_map<(d0)[s0] -> (d0 floordiv s0)>(%i)[%n]
    %other = tensor.extract %t[%k, %j] : tensor<32x64xf32>
    %0 = arith.divf %a, %other : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// Nor what may be negative.
// CHECK-LABEL: @negative
//   CHECK-NOT:   scf.forall
#all = affine_map<(i, j) -> (i, j)>
func.func @negative(%x: tensor<32x64xf32>, %t: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %s = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.sqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = affine.apply affine_map<(d0) -> ((d0 - 3) mod 5)>(%i)
    %other = tensor.extract %t[%k, %j] : tensor<32x64xf32>
    %0 = arith.divf %a, %other : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// Rows whose length is not known begin at no known places.
// CHECK-LABEL: @dynamic
//   CHECK-NOT:   scf.forall
#all = affine_map<(i, j) -> (i, j)>
func.func @dynamic(%x: tensor<32x64xf32>, %t: tensor<32x?xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %s = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.sqrt %a : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %other = tensor.extract %t[%i, %j] : tensor<32x?xf32>
    %0 = arith.divf %a, %other : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// Elements are ints or floats.
// CHECK-LABEL: @indices
//   CHECK-NOT:   scf.forall
#all = affine_map<(i, j) -> (i, j)>
func.func @indices(%x: tensor<32x64xindex>) -> tensor<32x64xindex> {
  %e = tensor.empty() : tensor<32x64xindex>
  %s = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<32x64xindex>) outs(%e : tensor<32x64xindex>) {
  ^bb0(%a: index, %o: index):
    %0 = arith.addi %a, %a : index
    linalg.yield %0 : index
  } -> tensor<32x64xindex>
  %r = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<32x64xindex>) outs(%e : tensor<32x64xindex>) {
  ^bb0(%a: index, %o: index):
    %0 = arith.muli %a, %a : index
    linalg.yield %0 : index
  } -> tensor<32x64xindex>
  return %r : tensor<32x64xindex>
}

// -----

// A sum that starts from nothing.
// CHECK-LABEL: @blank
//   CHECK-NOT:   scf.forall
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @blank(%x: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %e = tensor.empty() : tensor<32x64xf32>
  %s_e = tensor.empty() : tensor<32xf32>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<32x64xf32>) outs(%s_e : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<32xf32>
  %r = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<32x64xf32>, tensor<32xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// The reciprocal of what divides a whole row is computed once, where it may be; not of what differs from column to column.
// CHECK-LABEL: @reciprocal
//       CHECK:   ^bb0(%[[X:.*]]: f32, %[[SUM:.*]]: f32, %[[Y:.*]]: f32, %{{.*}}: f32):
//       CHECK:   %[[INVERSE:.*]] = arith.divf %{{.*}}, %[[SUM]] : f32
//       CHECK:   %[[SHARE:.*]] = arith.mulf %[[X]], %[[INVERSE]] fastmath<arcp> : f32
//       CHECK:   arith.divf %[[SHARE]], %[[Y]] fastmath<arcp> : f32
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
func.func @reciprocal(%x: tensor<32x64xf32>, %y: tensor<64xf32>) -> tensor<32x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %s_e = tensor.empty() : tensor<32xf32>
  %s_0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%s_e : tensor<32xf32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  } -> tensor<32xf32>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<32x64xf32>) outs(%s_0 : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<32xf32>
  %r = linalg.generic {indexing_maps = [#all, #row, #column, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x, %s, %y : tensor<32x64xf32>, tensor<32xf32>, tensor<64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %0 = arith.divf %a, %b fastmath<arcp> : f32
    %1 = arith.divf %0, %c fastmath<arcp> : f32
    linalg.yield %1 : f32
  } -> tensor<32x64xf32>
  return %r : tensor<32x64xf32>
}

// -----

// 530 rows are 132 blocks of four and one block of two, which is a block, too, after folders have seen it.
// FOLDED-LABEL: @rest
//       FOLDED:   scf.forall {{.*}} (0) to (528) step (4)
//       FOLDED:   } {mapping = [#gpu.block<linear_dim_0>]}
//       FOLDED:   scf.forall {{.*}} (528) to (530) step (2)
//       FOLDED:   } {mapping = [#gpu.block<linear_dim_0>]}
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @rest(%x: tensor<530x64xf32>) -> tensor<530x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<530x64xf32>
  %s_e = tensor.empty() : tensor<530xf32>
  %s_0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%s_e : tensor<530xf32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  } -> tensor<530xf32>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<530x64xf32>) outs(%s_0 : tensor<530xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<530xf32>
  %r = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<530x64xf32>, tensor<530xf32>) outs(%e : tensor<530x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.subf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<530x64xf32>
  return %r : tensor<530x64xf32>
}

// -----

// Without rows: a sum over tokens and its length become one row, and one block, whose eight warps share the tokens.
// CHECK-LABEL: @lone
//  CHECK-SAME:   %[[X:.*]]: tensor<128x384xf32>
//       CHECK:   scf.forall (%{{.*}}) in (1)
//       CHECK:     linalg.generic {{.*}}iterator_types = ["parallel", "reduction", "parallel"]{{.*}}lowbit.order = {parts = 8 : i64}
//       CHECK:     linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]{{.*}}lowbit.order = {lanes = 32 : i64, neighbours = 4 : i64}
//       CHECK:     linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]
//       CHECK:       arith.divf
//   CHECK-NOT:   linalg.generic
//       CHECK:   return
// FOLDED-LABEL: @lone
//       FOLDED:   %[[R:.*]] = scf.forall (%{{.*}}) in (1)
//       FOLDED:   return %[[R]] : tensor<1x384xf32>
func.func @lone(%x: tensor<128x384xf32>) -> tensor<1x384xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<384xf32>
  %n_e = tensor.empty() : tensor<f32>
  %s_0 = linalg.generic {indexing_maps = [affine_map<(j) -> (j)>], iterator_types = ["parallel"]} outs(%e : tensor<384xf32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  } -> tensor<384xf32>
  %n_0 = linalg.generic {indexing_maps = [affine_map<() -> ()>], iterator_types = []} outs(%n_e : tensor<f32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  } -> tensor<f32>
  %s = linalg.generic {indexing_maps = [affine_map<(t, j) -> (t, j)>, affine_map<(t, j) -> (j)>], iterator_types = ["reduction", "parallel"]}
      ins(%x : tensor<128x384xf32>) outs(%s_0 : tensor<384xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<384xf32>
  %n = linalg.generic {indexing_maps = [affine_map<(j) -> (j)>, affine_map<(j) -> ()>], iterator_types = ["reduction"]}
      ins(%s : tensor<384xf32>) outs(%n_0 : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    %1 = arith.addf %0, %o fastmath<reassoc> : f32
    linalg.yield %1 : f32
  } -> tensor<f32>
  %r = linalg.generic {indexing_maps = [affine_map<(j) -> (j)>, affine_map<(j) -> ()>, affine_map<(j) -> (j)>], iterator_types = ["parallel"]}
      ins(%s, %n : tensor<384xf32>, tensor<f32>) outs(%e : tensor<384xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<384xf32>
  %y = tensor.expand_shape %r [[0, 1]] output_shape [1, 384] : tensor<384xf32> into tensor<1x384xf32>
  return %y : tensor<1x384xf32>
}

// -----

// What is returned as it is has its place with the caller: it gets no axis, and the other op alone is no row.
// CHECK-LABEL: @returned
//   CHECK-NOT:   scf.forall
//   CHECK-NOT:   expand_shape
//       CHECK:   return
func.func @returned(%x: tensor<384xf32>, %y: tensor<384xf32>) -> tensor<384xf32> {
  %e = tensor.empty() : tensor<384xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(j) -> (j)>, affine_map<(j) -> (j)>], iterator_types = ["parallel"]}
      ins(%x : tensor<384xf32>) outs(%e : tensor<384xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<384xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(j) -> (j)>, affine_map<(j) -> (j)>], iterator_types = ["parallel"]}
      ins(%d : tensor<384xf32>) outs(%y : tensor<384xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  } -> tensor<384xf32>
  return %r : tensor<384xf32>
}

// -----

// A sum over what has more axes by then takes the rows of what made it, and joins it.
// CHECK-LABEL: @expanded
//       CHECK:   %[[R:.*]]:2 = scf.forall {{.*}}tensor<64x128xf32>{{.*}}tensor<64xf32>
//       CHECK:   tensor.expand_shape %[[R]]#0 {{.*}} into tensor<4x16x128xf32>
//       CHECK:   tensor.expand_shape %[[R]]#1 {{.*}} into tensor<4x16xf32>
#all = affine_map<(i, j) -> (i, j)>
func.func @expanded(%x: tensor<64x128xf32>) -> (tensor<4x16x128xf32>, tensor<4x16xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x128xf32>
  %s_e = tensor.empty() : tensor<4x16xf32>
  %y = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<64x128xf32>) outs(%e : tensor<64x128xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<64x128xf32>
  %wide = tensor.expand_shape %y [[0, 1], [2]] output_shape [4, 16, 128] : tensor<64x128xf32> into tensor<4x16x128xf32>
  %s_0 = linalg.fill ins(%zero : f32) outs(%s_e : tensor<4x16xf32>) -> tensor<4x16xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, i, j) -> (b, i, j)>, affine_map<(b, i, j) -> (b, i)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%wide : tensor<4x16x128xf32>) outs(%s_0 : tensor<4x16xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<4x16xf32>
  return %wide, %s : tensor<4x16x128xf32>, tensor<4x16xf32>
}
