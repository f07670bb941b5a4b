// RUN: quant-opt %s --split-input-file --verify-diagnostics

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @map_count(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C1) has 2 indexing maps; expected 3, for lhs, rhs, result and each epilogue operand}}
  %r = lowbit.contract [#mk, #kn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

func.func @no_maps(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C1) has 0 indexing maps; expected 3}}
  %r = lowbit.contract [] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n) -> (n, m)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @map_dimensions(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C1) indexing map 1 has 2 dimensions; expected 3}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k)[s] -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @map_symbols(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C1) indexing map 0 has 1 symbols; expected none}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @map_results(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C1) indexing map 0 has 1 results for an operand of rank 2}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n + k)>
func.func @result_map(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C1) indexing map 2 of the result is not a projected permutation}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @loop_sizes(%a: tensor<4x8xi8>, %b: tensor<7x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C1) operand 1 has size 7 along axis 0, but loop d2 has size 8}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<7x6xi8>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

// A loop that only appears in sums has no size.
#w = affine_map<(o, k) -> (o + k)>
#o = affine_map<(o, k) -> (o)>
func.func @loop_without_size(%a: tensor<8xi8>, %b: tensor<6xi8>, %init: tensor<6xi32>) {
  // expected-error @+1 {{(C1) loop d1 is not an axis of any operand, so that it has no size}}
  %r = lowbit.contract [#w, #o, #o] lhs(%a <#lowbit.int<8>> : tensor<8xi8>) rhs(%b <#lowbit.int<8>> : tensor<6xi8>)
    outs(%init : tensor<6xi32>) -> tensor<6xi32>
  return
}

// -----

// A window must stay within its operand.
#w = affine_map<(o, k) -> (o + k)>
#k = affine_map<(o, k) -> (k)>
#o = affine_map<(o, k) -> (o)>
func.func @window_outside(%a: tensor<8xi8>, %b: tensor<4xi8>, %init: tensor<6xi32>) {
  // expected-error @+1 {{(C1) operand 0 is read at index 8 along axis 0 of size 8}}
  %r = lowbit.contract [#w, #k, #o] lhs(%a <#lowbit.int<8>> : tensor<8xi8>) rhs(%b <#lowbit.int<8>> : tensor<4xi8>)
    outs(%init : tensor<6xi32>) -> tensor<6xi32>
  return
}

// -----

#w = affine_map<(o, k) -> (o - k)>
#k = affine_map<(o, k) -> (k)>
#o = affine_map<(o, k) -> (o)>
func.func @window_before(%a: tensor<8xi8>, %b: tensor<3xi8>, %init: tensor<6xi32>) {
  // expected-error @+1 {{(C1) operand 0 is read at index -2 along axis 0 of size 8}}
  %r = lowbit.contract [#w, #k, #o] lhs(%a <#lowbit.int<8>> : tensor<8xi8>) rhs(%b <#lowbit.int<8>> : tensor<3xi8>)
    outs(%init : tensor<6xi32>) -> tensor<6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#n = affine_map<(m, n, k) -> (k)>
func.func @epilogue_map(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>, %bias: tensor<8xi32>) {
  // expected-error @+1 {{(C1) indexing map 3 of the epilogue uses d2, which is a reduction}}
  %r = lowbit.contract [#mk, #kn, #mn, #n] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) epilogue(%bias : tensor<8xi32>) {
  ^bb0(%sum: i32, %x: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @result_type(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C1) result type 'tensor<4x6xi64>' differs from the destination's type 'tensor<4x6xi32>'}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi64>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @side_code_type(%a: tensor<4x8xi8>, %b: tensor<8x6xi4>, %init: tensor<4x6xi32>) {
  // expected-error @+2 {{(C2) rhs codes have element type 'i4', but format #lowbit.int<8> has codes of type 'i8'}}
  // expected-note @+1 {{expected a tensor of 'i8'}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi4>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @side_scale_shape(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<4xf32>, %init: tensor<4x6xf32>) {
  // expected-error @+2 {{(C2) lhs scale shape [4] does not cover shape [4, 8] in blocks of [1, 0]}}
  // expected-note @+1 {{expected lhs scale shape [4, 1]}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a scales %s <#lowbit.int<8>, block = [1, 0]> : tensor<4x8xi8>, tensor<4xf32>)
    rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @side_zeros_without_scheme_zero(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %z: tensor<i8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C2) zero points are given, but the scheme has none}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a zeros %z <#lowbit.int<8>> : tensor<4x8xi8>, tensor<i8>)
    rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>) outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @side_zero_type(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %z: tensor<i32>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C2) zero points have element type 'i32'; expected 'i8' as the scheme says}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a zeros %z <#lowbit.int<8>, zero = i8> : tensor<4x8xi8>, tensor<i32>)
    rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>) outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @side_missing_zeros(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C2) the scheme has zero points of type 'i8', but there is no operand for them}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>, zero = i8> : tensor<4x8xi8>)
    rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>) outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @scales_without_scheme(%a: tensor<4x8xf32>, %b: tensor<8x6xi8>, %s: tensor<f32>, %init: tensor<4x6xf32>) {
  // expected-error @+1 {{(C3) lhs has scales but no scheme; add `<format, …>` after them}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a scales %s : tensor<4x8xf32>, tensor<f32>)
    rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @integers_without_scheme(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C3) lhs has no scheme and element type 'i8'; expected a float, or a scheme}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @blocks_do_not_nest(%a: tensor<4x12xi8>, %sa: tensor<4x3xf32>, %b: tensor<12x6xi8>, %sb: tensor<2x6xf32>, %init: tensor<4x6xf32>) {
  // expected-error @+1 {{(C4) blocks of 4 and 6 along reduction d2 do not nest; expected one to divide the other}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a scales %sa <#lowbit.int<8>, block = [1, 4]> : tensor<4x12xi8>, tensor<4x3xf32>)
    rhs(%b scales %sb <#lowbit.int<8>, block = [6, 1]> : tensor<12x6xi8>, tensor<2x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @integer_sum(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xf32>) {
  // expected-error @+1 {{(C5) without scales the sum is an integer, but the result is 'f32'; expected i32 or i64, or give scales}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @float_sum(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<f32>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C5) the sum is f32, but the epilogue takes 'i32'}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) epilogue() {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @integer_result_of_float_sum(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<f32>, %init: tensor<4x6xi8>) {
  // expected-error @+1 {{(C6) the result has element type 'i8' without an epilogue that makes it; expected a float}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi8>) -> tensor<4x6xi8>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @epilogue_arguments(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C6) the epilogue takes 2 values; expected 1, the sum and one for each operand}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) epilogue() {
  ^bb0(%sum: i32, %x: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @epilogue_without_sum(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C6) the epilogue takes no values; expected the sum and one for each operand}}
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) epilogue() {
    %0 = arith.constant 0 : i32
    lowbit.yield %0 : i32
  } -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#n = affine_map<(m, n, k) -> (n)>
func.func @epilogue_argument_type(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>, %bias: tensor<6xi64>) {
  // expected-error @+1 {{(C6) epilogue argument 1 has type 'i32'; expected 'i64'}}
  %r = lowbit.contract [#mk, #kn, #mn, #n] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) epilogue(%bias : tensor<6xi64>) {
  ^bb0(%sum: i32, %x: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @epilogue_yields_nothing(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) epilogue() {
  ^bb0(%sum: i32):
    // expected-error @+1 {{(C6) yields nothing; expected the result's element type 'i32'}}
    lowbit.yield
  } -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @epilogue_yields_type(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6xi32>) {
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) epilogue() {
  ^bb0(%sum: i32):
    %0 = arith.extsi %sum : i32 to i64
    // expected-error @+1 {{(C6) yields 'i64'; expected the result's element type 'i32'}}
    lowbit.yield %0 : i64
  } -> tensor<4x6xi32>
  return
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @epilogue_yields_code(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %init: tensor<4x6x!lowbit.code<#lowbit.binary>>) {
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6x!lowbit.code<#lowbit.binary>>) epilogue() {
  ^bb0(%sum: i32):
    // expected-error @+1 {{(C6) yields 'i32'; expected 'i8', which stores the result's element type '!lowbit.code<#lowbit.binary>'}}
    lowbit.yield %sum : i32
  } -> tensor<4x6x!lowbit.code<#lowbit.binary>>
  return
}

// -----

func.func @yield_alone(%x: f32) {
  // expected-error @+1 {{'lowbit.yield' op expects parent op to be one of 'lowbit.contract, lowbit.grouped_matmul, lowbit.matmul'}}
  lowbit.yield %x : f32
}
