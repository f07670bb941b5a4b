// RUN: quant-opt %s --lowbit-relax-float | FileCheck %s

// The model's own arithmetic may be rearranged; a named contraction gets a body to say so.
// CHECK-LABEL: func @matmul
//       CHECK:   linalg.generic
//       CHECK:     arith.mulf {{.*}} fastmath<reassoc,nsz,arcp,contract>
//       CHECK:     arith.addf {{.*}} fastmath<reassoc,nsz,arcp,contract>
func.func @matmul(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %y = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// An epilogue that is exact stays exact.
// CHECK-LABEL: func @exact_epilogue
//       CHECK:   arith.addf %{{[a-z0-9_]*}}, %{{[a-z0-9_]*}} : f32
func.func @exact_epilogue(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<f32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %one = arith.constant 1.0 : f32
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>)
    outs(%init : tensor<4x6xf32>)
    epilogue() {
  ^bb0(%sum: f32):
    %0 = arith.addf %sum, %one : f32
    lowbit.yield %0 : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}
