// RUN: quant-opt %s --lowbit-lower-reference --split-input-file --verify-diagnostics

// An i32 sum that may overflow is refused, not widened: the result's type is the user's.
func.func @sum_may_overflow(%a: tensor<4x?xi8>, %b: tensor<?x6xi8>, %init: tensor<4x6xi32>) -> tensor<4x6xi32> {
  // expected-error @+1 {{has no reference lowering: the sum is not proved to fit in 32 bits; use i64}}
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a <#lowbit.int<8>> : tensor<4x?xi8>) rhs(%b <#lowbit.int<8>> : tensor<?x6xi8>) outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return %r : tensor<4x6xi32>
}

// -----

func.func @dots_may_overflow(%a: tensor<4x?xi16>, %b: tensor<?x6xi16>, %s: tensor<f32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{has no reference lowering: dots are not proved to fit in 64 bits}}
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %s <#lowbit.int<16>> : tensor<4x?xi16>, tensor<f32>) rhs(%b <#lowbit.int<16>> : tensor<?x6xi16>)
    outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}
