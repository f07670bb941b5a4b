// RUN: quant-opt %s --lowbit-expose-sites | FileCheck %s
// RUN: not quant-opt %S/Inputs/expose-blocks.mlir --lowbit-expose-sites 2>&1 | FileCheck %s --check-prefix=BLOCKS

// The float op's result follows those that the function had.
// CHECK-LABEL: func @float
//  CHECK-SAME:   -> (tensor<4x6xf32> {lowbit.name = "y"}, tensor<4x6xf32> {lowbit.name = "site:fc"})
//       CHECK:   %[[SUM:.*]] = linalg.matmul
//       CHECK:   %[[OUT:.*]] = math.exp %[[SUM]]
//       CHECK:   return %[[OUT]], %[[SUM]]
func.func @float(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> (tensor<4x6xf32> {lowbit.name = "y"}) {
  %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %e = math.exp %r : tensor<4x6xf32>
  return %e : tensor<4x6xf32>
}

// Of codes, the sum before the epilogue: a contraction without it, of f32, whatever the epilogue yields.
// CHECK-LABEL: func @codes
//  CHECK-SAME:   -> (tensor<4x6xi8>, tensor<4x6xf32> {lowbit.name = "site:fc"})
//       CHECK:   %[[OUT:.*]] = lowbit.contract
//       CHECK:   epilogue
//       CHECK:   %[[INIT:.*]] = tensor.empty() : tensor<4x6xf32>
//       CHECK:   %[[SUM:.*]] = lowbit.contract
//  CHECK-SAME:     outs(%[[INIT]]
//   CHECK-NOT:     epilogue
//       CHECK:   return %[[OUT]], %[[SUM]]
func.func @codes(%a: tensor<4x8xi8>, %sa: tensor<4x1xf32>, %b: tensor<8x6xi8>, %sb: tensor<1x6xf32>, %init: tensor<4x6xi8>) -> tensor<4x6xi8> {
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<4x8xi8>, tensor<4x1xf32>)
    rhs(%b scales %sb <#lowbit.int<8>, block = [0, 1]> : tensor<8x6xi8>, tensor<1x6xf32>)
    outs(%init : tensor<4x6xi8>)
    epilogue() {
  ^bb0(%sum: f32):
    %0 = arith.fptosi %sum : f32 to i8
    lowbit.yield %0 : i8
  } {lowbit.site = "fc"} -> tensor<4x6xi8>
  return %r : tensor<4x6xi8>
}

// What sums up no products is no layer, and functions that nobody calls from outside keep their results.
// CHECK-LABEL: func @table
//  CHECK-SAME:   -> tensor<4x8xf32> {
func.func @table(%c: tensor<4x8xi8>, %s: tensor<f32>) -> tensor<4x8xf32> {
  %d = lowbit.dequantize %c, %s <#lowbit.int<8>> {lowbit.site = "table"} : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  return %d : tensor<4x8xf32>
}
// CHECK-LABEL: func private @inner
//  CHECK-SAME:   -> tensor<4x6xf32> {
func.func private @inner(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}
// BLOCKS: error: 'func.func' op has several blocks; expose sites before control flow is lowered
