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

// What an importer marks as defined to the bit is not touched: 1/s would round twice.
// CHECK-LABEL: func @exact_quotient
//       CHECK:   arith.divf %{{[a-z0-9_]*}}, %{{[a-z0-9_]*}} : f32
func.func @exact_quotient(%x: tensor<4x8xf32>, %s: tensor<f32>, %init: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> ()>, affine_map<(m, n) -> (m, n)>],
                       iterator_types = ["parallel", "parallel"]}
    ins(%x, %s : tensor<4x8xf32>, tensor<f32>) outs(%init : tensor<4x8xf32>) attrs = {lowbit.exact} {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// A conversion rounds once, whatever is around it.
// CHECK-LABEL: func @conversion
//       CHECK:   arith.mulf {{.*}} fastmath<reassoc,nsz,arcp,contract>
//       CHECK:   arith.truncf %{{[a-z0-9_]*}} : f32 to f16
func.func @conversion(%x: tensor<8xf32>, %init: tensor<8xf16>) -> tensor<8xf16> {
  %y = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]}
    ins(%x : tensor<8xf32>) outs(%init : tensor<8xf16>) {
  ^bb0(%a: f32, %o: f16):
    %0 = arith.mulf %a, %a : f32
    %1 = arith.truncf %0 : f32 to f16
    linalg.yield %1 : f16
  } -> tensor<8xf16>
  return %y : tensor<8xf16>
}
