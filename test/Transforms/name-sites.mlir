// RUN: quant-opt %s --lowbit-name-sites --split-input-file | FileCheck %s

// A site is called what its location is called; a name that is taken gets a number.
// CHECK-LABEL: func @location_names
//       CHECK:   linalg.matmul {lowbit.site = "query"}
//       CHECK:   linalg.matmul {lowbit.site = "query#2"}
func.func @location_names(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32> loc("query")
  %1 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32> loc(fused["a.py":1:2, "query"])
  return %0, %1 : tensor<4x6xf32>, tensor<4x6xf32>
}

// -----

// Without a name in the location the kind is counted. A constant operand makes a linear layer.
// CHECK-LABEL: func @counted
//       CHECK:   linalg.matmul {lowbit.site = "linear.0"}
//       CHECK:   linalg.matmul {lowbit.site = "attention.0"}
//       CHECK:   linalg.matmul {lowbit.site = "linear.1"}
func.func @counted(%x: tensor<4x4xf32>, %z: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = linalg.matmul ins(%0, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  %2 = linalg.matmul ins(%1, %w : tensor<4x4xf32>, tensor<4x4xf32>) outs(%z : tensor<4x4xf32>) -> tensor<4x4xf32>
  return %2 : tensor<4x4xf32>
}

// -----

// Integer contractions and elementwise ops are no sites: nobody would quantize them.
// CHECK-LABEL: func @no_site
//   CHECK-NOT:   lowbit.site
func.func @no_site(%x: tensor<4x8xi32>, %w: tensor<8x6xi32>, %z: tensor<4x6xi32>) -> tensor<4x6xi32> {
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xi32>, tensor<8x6xi32>) outs(%z : tensor<4x6xi32>) -> tensor<4x6xi32>
  %1 = linalg.add ins(%0, %z : tensor<4x6xi32>, tensor<4x6xi32>) outs(%z : tensor<4x6xi32>) -> tensor<4x6xi32>
  return %1 : tensor<4x6xi32>
}

// -----

// A lookup in a constant table is a site too, in a generic with a body.
// CHECK-LABEL: func @table
//       CHECK:   linalg.generic {{.*}} attrs = {lowbit.site = "embedding.0"}
func.func @table(%ids: tensor<3xindex>) -> tensor<3x8xf32> {
  %table = arith.constant dense<1.0> : tensor<5x8xf32>
  %init = tensor.empty() : tensor<3x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xindex>) outs(%init : tensor<3x8xf32>) {
  ^bb0(%id: index, %out: f32):
    %j = linalg.index 1 : index
    %element = tensor.extract %table[%id, %j] : tensor<5x8xf32>
    linalg.yield %element : f32
  } -> tensor<3x8xf32>
  return %0 : tensor<3x8xf32>
}
