// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_75 | FileCheck %s --check-prefix=BYTES
// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_80 | FileCheck %s --check-prefix=BITS

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Weights of few bits become bytes where their own kernel has no instructions.
// BYTES: lowbit.matmul lhs(%{{.*}} : tensor<4x128xi8>) rhs({{.*}} : tensor<16x128xi8>)
//  BITS: lowbit.grouped_matmul lhs(%{{.*}} : tensor<4x128xi8>) rhs({{.*}} : tensor<1x512xi8>)
func.func @few(%a: tensor<4x128xi8>, %init: tensor<4x16xi32>) -> tensor<4x16xi32> {
  %w = arith.constant dense<1> : tensor<16x128xi2>
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x128xi8>) rhs(%w <#lowbit.int<2>> : tensor<16x128xi2>)
    outs(%init : tensor<4x16xi32>) -> tensor<4x16xi32>
  return %r : tensor<4x16xi32>
}
