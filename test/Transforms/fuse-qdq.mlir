// RUN: quant-opt %s --lowbit-fuse-qdq --split-input-file | FileCheck %s

#matmul = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]

// Bias and activation function are the only readers, so they become the epilogue.
// CHECK-LABEL: func @matmul_bias_relu
//  CHECK-SAME:   %[[A:.*]]: tensor<4x8xi8>, %[[SA:.*]]: tensor<4x1xf32>, %[[B:.*]]: tensor<8x6xi8>, %[[SB:.*]]: tensor<1x6xf32>, %[[BIAS:.*]]: tensor<6xf32>
//       CHECK:   %[[ZERO:.*]] = arith.constant 0.000000e+00
//       CHECK:   lowbit.contract {{.*}} lhs(%[[A]] scales %[[SA]] <#lowbit.int<8>, block = [1, 0]>
//  CHECK-SAME:     rhs(%[[B]] scales %[[SB]] <#lowbit.int<8>, block = [0, 1]>
//  CHECK-SAME:     epilogue(%[[BIAS]] : tensor<6xf32>)
//       CHECK:   ^bb0(%[[SUM:.*]]: f32, %[[B0:.*]]: f32):
//       CHECK:     %[[ADDED:.*]] = arith.addf %[[SUM]], %[[B0]]
//       CHECK:     %[[POSITIVE:.*]] = arith.maximumf %[[ADDED]], %[[ZERO]]
//       CHECK:     lowbit.yield %[[POSITIVE]]
//       CHECK:   {lowbit.site = "query"}
//   CHECK-NOT:   linalg
func.func @matmul_bias_relu(%a: tensor<4x8xi8>, %sa: tensor<4x1xf32>, %b: tensor<8x6xi8>, %sb: tensor<1x6xf32>, %bias: tensor<6xf32>) -> tensor<4x6xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x6xf32>) -> tensor<4x6xf32>
  %x = lowbit.dequantize %a, %sa <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xi8>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %w = lowbit.dequantize %b, %sb <#lowbit.int<8>, block = [0, 1]> : (tensor<8x6xi8>, tensor<1x6xf32>) -> tensor<8x6xf32>
  %0 = linalg.matmul {lowbit.site = "query"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>],
                       iterator_types = ["parallel", "parallel"]} ins(%0, %bias : tensor<4x6xf32>, tensor<6xf32>) outs(%empty : tensor<4x6xf32>) {
  ^bb0(%sum: f32, %b0: f32, %out: f32):
    %added = arith.addf %sum, %b0 : f32
    linalg.yield %added : f32
  } -> tensor<4x6xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%1 : tensor<4x6xf32>) outs(%empty : tensor<4x6xf32>) {
  ^bb0(%element: f32, %out: f32):
    %positive = arith.maximumf %element, %zero : f32
    linalg.yield %positive : f32
  } -> tensor<4x6xf32>
  return %2 : tensor<4x6xf32>
}

// -----

// An accumulator that holds something is added after the sum.
// CHECK-LABEL: func @accumulate
//  CHECK-SAME:   %[[INIT:[a-z0-9]*]]: tensor<4x6xf32>) ->
//       CHECK:   lowbit.contract {{.*}} epilogue(%[[INIT]] : tensor<4x6xf32>)
//       CHECK:     arith.addf
func.func @accumulate(%a: tensor<4x8xi8>, %s: tensor<f32>, %w: tensor<8x6xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %x = lowbit.dequantize %a, %s <#lowbit.int<8>> : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

// A transposing reader is fused through its permutation: the result's map follows it.
// CHECK-LABEL: func @transposed_reader
//       CHECK:   lowbit.contract [#{{.*}}, #{{.*}}, #[[RESULT:.*]], #[[ADDED:.*]]] {{.*}} epilogue(%{{.*}} : tensor<6x4xf32>)
//       CHECK:   -> tensor<6x4xf32>
func.func @transposed_reader(%a: tensor<4x8xi8>, %s: tensor<f32>, %w: tensor<8x6xf32>, %added: tensor<6x4xf32>) -> tensor<6x4xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x6xf32>) -> tensor<4x6xf32>
  %x = lowbit.dequantize %a, %s <#lowbit.int<8>> : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<4x6xf32>) -> tensor<4x6xf32>
  %out = tensor.empty() : tensor<6x4xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(n, m) -> (m, n)>, affine_map<(n, m) -> (n, m)>, affine_map<(n, m) -> (n, m)>],
                       iterator_types = ["parallel", "parallel"]} ins(%0, %added : tensor<4x6xf32>, tensor<6x4xf32>) outs(%out : tensor<6x4xf32>) {
  ^bb0(%sum: f32, %b0: f32, %o: f32):
    %2 = arith.addf %sum, %b0 : f32
    linalg.yield %2 : f32
  } -> tensor<6x4xf32>
  return %1 : tensor<6x4xf32>
}

// -----

// With a second reader the result must exist, so nothing is fused.
// CHECK-LABEL: func @two_readers
//       CHECK:   %[[R:.*]] = lowbit.contract
//   CHECK-NOT:   epilogue
//       CHECK:   %[[N:.*]] = linalg.generic
//       CHECK:   return %[[R]], %[[N]]
func.func @two_readers(%a: tensor<4x8xi8>, %s: tensor<f32>, %w: tensor<8x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x6xf32>) -> tensor<4x6xf32>
  %x = lowbit.dequantize %a, %s <#lowbit.int<8>> : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<4x6xf32>) outs(%empty : tensor<4x6xf32>) {
  ^bb0(%element: f32, %out: f32):
    %2 = arith.negf %element : f32
    linalg.yield %2 : f32
  } -> tensor<4x6xf32>
  return %0, %1 : tensor<4x6xf32>, tensor<4x6xf32>
}

// -----

// Codes and scales of a row are looked up, and only those rows are dequantized.
// CHECK-LABEL: func @table
//  CHECK-SAME:   %[[IDS:.*]]: tensor<3xindex>, %[[SCALES:.*]]: tensor<5x1xf32>
//       CHECK:   %[[ROWS:.*]] = linalg.generic {{.*}} ins(%[[IDS]] : tensor<3xindex>) outs(%{{.*}} : tensor<3x8xi8>)
//       CHECK:     tensor.extract %{{.*}} : tensor<5x8xi8>
//       CHECK:   %[[ROWSCALES:.*]] = linalg.generic {{.*}} ins(%[[IDS]] : tensor<3xindex>) outs(%{{.*}} : tensor<3x1xf32>)
//       CHECK:     tensor.extract %[[SCALES]]
//       CHECK:   lowbit.dequantize %[[ROWS]], %[[ROWSCALES]] <#lowbit.int<8>, block = [1, 0]>
func.func @table(%ids: tensor<3xindex>, %scales: tensor<5x1xf32>) -> tensor<3x8xf32> {
  %constant = arith.constant dense_resource<codes> : tensor<5x8xi8>
  %table = lowbit.dequantize %constant, %scales <#lowbit.int<8>, block = [1, 0]> : (tensor<5x8xi8>, tensor<5x1xf32>) -> tensor<5x8xf32>
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

// -----

// A bias that fills the accumulator is read as it is, one element a column, not as the matrix it was broadcast to.
// CHECK-LABEL: func @broadcast_bias
//  CHECK-SAME:   %[[BIAS:[a-z0-9]*]]: tensor<6xf32>
//       CHECK:   lowbit.contract {{.*}} epilogue(%[[BIAS]] : tensor<6xf32>)
func.func @broadcast_bias(%a: tensor<4x8xi8>, %s: tensor<f32>, %w: tensor<8x6xf32>, %bias: tensor<6xf32>) -> tensor<4x6xf32> {
  %empty = tensor.empty() : tensor<4x6xf32>
  %init = linalg.broadcast ins(%bias : tensor<6xf32>) outs(%empty : tensor<4x6xf32>) dimensions = [0]
  %x = lowbit.dequantize %a, %s <#lowbit.int<8>> : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

// Blocks along a row come along: as many columns of scales as the table has.
// CHECK-LABEL: func @table_blocks
//       CHECK:   %[[CODES:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<3x8xi8>)
//       CHECK:   %[[SCALES:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<3x2xf32>)
//       CHECK:     tensor.extract %{{.*}} : tensor<5x2xf32>
//       CHECK:   lowbit.dequantize %[[CODES]], %[[SCALES]] <#lowbit.int<8>, block = [1, 4]> : (tensor<3x8xi8>, tensor<3x2xf32>) -> tensor<3x8xf32>
func.func @table_blocks(%ids: tensor<3xindex>, %scales: tensor<5x2xf32>) -> tensor<3x8xf32> {
  %constant = arith.constant dense<1> : tensor<5x8xi8>
  %table = lowbit.dequantize %constant, %scales <#lowbit.int<8>, block = [1, 4]> : (tensor<5x8xi8>, tensor<5x2xf32>) -> tensor<5x8xf32>
  %empty = tensor.empty() : tensor<3x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xindex>) outs(%empty : tensor<3x8xf32>) {
  ^bb0(%id: index, %out: f32):
    %j = linalg.index 1 : index
    %element = tensor.extract %table[%id, %j] : tensor<5x8xf32>
    linalg.yield %element : f32
  } -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}
