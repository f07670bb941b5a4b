// RUN: quant-opt %s --lowbit-split-sums --split-input-file | FileCheck %s

#ij = affine_map<(i, j, k) -> (i, j, k)>
#none = affine_map<(i, j, k) -> ()>

// Of 16 x 12 x 2048, what leaves both steps short is kept: 192 sums of 2048.
// CHECK-LABEL: func @scale
//  CHECK-SAME:   %{{.*}}: tensor<16x12x2048xf32>, %[[INIT:.*]]: tensor<f32>
//       CHECK:   %[[Z:.*]] = linalg.fill {{.*}} -> tensor<16x12xf32>
//       CHECK:   %[[P:.*]] = linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "reduction"]} {{.*}} outs(%[[Z]] : tensor<16x12xf32>) attrs = {mark}
//       CHECK:     %[[S:.*]] = arith.mulf
//       CHECK:     arith.addf %{{.*}}, %[[S]] fastmath<reassoc>
//       CHECK:   %[[R:.*]] = linalg.generic {{.*}}iterator_types = ["reduction", "reduction"]} ins(%[[P]] : tensor<16x12xf32>) outs(%[[INIT]] : tensor<f32>)
//       CHECK:     arith.addf %{{.*}}, %{{.*}} fastmath<reassoc>
//       CHECK:   return %[[R]]
func.func @scale(%x: tensor<16x12x2048xf32>, %init: tensor<f32>) -> tensor<f32> {
  %0 = linalg.generic {indexing_maps = [#ij, #none], iterator_types = ["reduction", "reduction", "reduction"]}
      ins(%x : tensor<16x12x2048xf32>) outs(%init : tensor<f32>) attrs = {mark} {
  ^bb0(%a: f32, %s: f32):
    %1 = arith.mulf %a, %a : f32
    %2 = arith.addf %s, %1 fastmath<reassoc> : f32
    linalg.yield %2 : f32
  } -> tensor<f32>
  return %0 : tensor<f32>
}

// -----

// Columns stay next to one another; a maximum starts from what every number is at least.
// CHECK-LABEL: func @columns
//       CHECK:   %[[LOW:.*]] = arith.constant 0xFF800000 : f32
//       CHECK:   linalg.fill ins(%[[LOW]] : f32) {{.*}} -> tensor<16x8xf32>
//       CHECK:   iterator_types = ["parallel", "reduction", "parallel"]
//       CHECK:   iterator_types = ["reduction", "parallel"]
func.func @columns(%x: tensor<16x64x8xf32>, %init: tensor<8xf32>) -> tensor<8xf32> {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (k)>], iterator_types = ["reduction", "reduction", "parallel"]}
      ins(%x : tensor<16x64x8xf32>) outs(%init : tensor<8xf32>) {
  ^bb0(%a: f32, %s: f32):
    %1 = arith.maximumf %s, %a : f32
    linalg.yield %1 : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// One axis becomes two, if its size has a divisor that is worth it.
// CHECK-LABEL: func @axis
//       CHECK:   tensor.expand_shape %{{.*}} {{.*}} : tensor<4096xi32> into tensor<64x64xi32>
//       CHECK:   iterator_types = ["parallel", "reduction"]
//       CHECK:   iterator_types = ["reduction"]
//       CHECK:   iterator_types = ["reduction"]
//  CHECK-SAME:   tensor<4099xi32>
func.func @axis(%x: tensor<4096xi32>, %y: tensor<4099xi32>, %init: tensor<i32>) -> (tensor<i32>, tensor<i32>) {
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<4096xi32>) outs(%init : tensor<i32>) {
  ^bb0(%a: i32, %s: i32):
    %1 = arith.addi %s, %a : i32
    linalg.yield %1 : i32
  } -> tensor<i32>
  %2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%y : tensor<4099xi32>) outs(%init : tensor<i32>) {
  ^bb0(%a: i32, %s: i32):
    %3 = arith.addi %s, %a : i32
    linalg.yield %3 : i32
  } -> tensor<i32>
  return %0, %2 : tensor<i32>, tensor<i32>
}

// -----

// Not where order makes a difference, where there are results enough, or where little is reduced.
// CHECK-LABEL: func @stay
// CHECK-COUNT-3: linalg.generic
//   CHECK-NOT:   linalg.generic
func.func @stay(%x: tensor<64x64xf32>, %s: tensor<f32>, %y: tensor<2x1024x8192xf32>, %c: tensor<8192xf32>, %z: tensor<4x8xf32>) -> (tensor<f32>, tensor<8192xf32>, tensor<f32>) {
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%x : tensor<64x64xf32>) outs(%s : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %3 = arith.addf %o, %a : f32
    linalg.yield %3 : f32
  } -> tensor<f32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (k)>], iterator_types = ["reduction", "reduction", "parallel"]}
      ins(%y : tensor<2x1024x8192xf32>) outs(%c : tensor<8192xf32>) {
  ^bb0(%a: f32, %o: f32):
    %3 = arith.addf %o, %a fastmath<reassoc> : f32
    linalg.yield %3 : f32
  } -> tensor<8192xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%z : tensor<4x8xf32>) outs(%s : tensor<f32>) {
  ^bb0(%a: f32, %o: f32):
    %3 = arith.addf %o, %a fastmath<reassoc> : f32
    linalg.yield %3 : f32
  } -> tensor<f32>
  return %0, %1, %2 : tensor<f32>, tensor<8192xf32>, tensor<f32>
}
