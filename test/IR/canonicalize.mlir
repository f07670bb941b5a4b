// RUN: quant-opt %s --canonicalize | FileCheck %s

// Unpacking what was packed alike is the codes themselves.
// CHECK-LABEL: func @unpack_of_pack
//  CHECK-SAME:   %[[C:.*]]: tensor<8x32xi4>
//       CHECK:   return %[[C]]
func.func @unpack_of_pack(%c: tensor<8x32xi4>) -> tensor<8x32xi4> {
  %p = lowbit.pack %c : tensor<8x32xi4> -> tensor<8x16xi8> of #lowbit.int<4> as #lowbit.row_major
  %d = lowbit.unpack %p : tensor<8x16xi8> -> tensor<8x32xi4> of #lowbit.int<4> as #lowbit.row_major
  return %d : tensor<8x32xi4>
}

// Another packing is another order of bytes: nothing folds.
// Packing made a 3 a 2, so that unpacking does not give it back.
// CHECK-LABEL: func @unpack_of_fewer_codes
//       CHECK:   lowbit.pack
//       CHECK:   lowbit.unpack
func.func @unpack_of_fewer_codes(%c: tensor<20x16xi2>) -> tensor<20x16xi2> {
  %p = lowbit.pack %c : tensor<20x16xi2> -> tensor<1x1x16x4xi8> of #lowbit.uint<2> as #lowbit.panel<columns = 16, depth = 4, base = 3>
  %d = lowbit.unpack %p : tensor<1x1x16x4xi8> -> tensor<20x16xi2> of #lowbit.uint<2> as #lowbit.panel<columns = 16, depth = 4, base = 3>
  return %d : tensor<20x16xi2>
}

// CHECK-LABEL: func @unpack_of_another_pack
//       CHECK:   lowbit.pack
//       CHECK:   lowbit.unpack
func.func @unpack_of_another_pack(%c: tensor<8x16xi8>) -> tensor<8x16xi8> {
  %p = lowbit.pack %c : tensor<8x16xi8> -> tensor<1x2x16x4xi8> of #lowbit.int<8> as #lowbit.panel<columns = 16, depth = 4>
  %d = lowbit.unpack %p : tensor<1x2x16x4xi8> -> tensor<8x16xi8> of #lowbit.int<8> as #lowbit.panel<columns = 16, depth = 4>
  %q = lowbit.pack %d : tensor<8x16xi8> -> tensor<8x16xi8> of #lowbit.int<8> as #lowbit.row_major
  %e = lowbit.unpack %q : tensor<8x16xi8> -> tensor<8x16xi8> of #lowbit.uint<8> as #lowbit.row_major
  return %e : tensor<8x16xi8>
}

// CHECK-LABEL: func @bits_of_codes
//  CHECK-SAME:   %[[C:.*]]: tensor<4x20x!lowbit.code<#lowbit.ternary>>
//       CHECK:   return %[[C]]
func.func @bits_of_codes(%c: tensor<4x20x!lowbit.code<#lowbit.ternary>>) -> tensor<4x20x!lowbit.code<#lowbit.ternary>> {
  %p = lowbit.to_bits %c : tensor<4x20x!lowbit.code<#lowbit.ternary>> -> tensor<2x4x1xi32> of #lowbit.ternary
  %d = lowbit.from_bits %p : tensor<2x4x1xi32> -> tensor<4x20x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary
  return %d : tensor<4x20x!lowbit.code<#lowbit.ternary>>
}

// Planes come back where codes fill their words; else bits past the last code would have to become zero.
// CHECK-LABEL: func @codes_of_planes
//  CHECK-SAME:   %[[P:[^ ]*]]: tensor<2x4x1xi32>, %[[Q:[^ ]*]]: tensor<2x4x1xi32>
//       CHECK:   %[[PADDED:.*]] = lowbit.to_bits
//       CHECK:   return %[[P]], %[[PADDED]]
func.func @codes_of_planes(%p: tensor<2x4x1xi32>, %q: tensor<2x4x1xi32>) -> (tensor<2x4x1xi32>, tensor<2x4x1xi32>) {
  %c = lowbit.from_bits %p : tensor<2x4x1xi32> -> tensor<4x32x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary
  %r = lowbit.to_bits %c : tensor<4x32x!lowbit.code<#lowbit.ternary>> -> tensor<2x4x1xi32> of #lowbit.ternary
  %d = lowbit.from_bits %q : tensor<2x4x1xi32> -> tensor<4x20x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary
  %s = lowbit.to_bits %d : tensor<4x20x!lowbit.code<#lowbit.ternary>> -> tensor<2x4x1xi32> of #lowbit.ternary
  return %r, %s : tensor<2x4x1xi32>, tensor<2x4x1xi32>
}

// An operand that the epilogue does not read is dropped with its map.
// CHECK-LABEL: func @unread_epilogue_operand
//  CHECK-SAME:   %[[BIAS:[^ ]*]]: tensor<6xi32>, %[[UNREAD:[^ ]*]]: tensor<6xf32>
//       CHECK:   epilogue(%[[BIAS]] : tensor<6xi32>)
#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
#n = affine_map<(m, n, k) -> (n)>
func.func @unread_epilogue_operand(%bias: tensor<6xi32>, %unread: tensor<6xf32>, %a: tensor<4x8xi8>, %b: tensor<8x6xi8>,
                                   %init: tensor<4x6xi32>) -> tensor<4x6xi32> {
  %r = lowbit.contract [#mk, #kn, #mn, #n, #n] lhs(%a <#lowbit.int<8>> : tensor<4x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<8x6xi8>)
    outs(%init : tensor<4x6xi32>) epilogue(%unread, %bias : tensor<6xf32>, tensor<6xi32>) {
  ^bb0(%sum: i32, %x: f32, %y: i32):
    %0 = arith.addi %sum, %y : i32
    lowbit.yield %0 : i32
  } -> tensor<4x6xi32>
  return %r : tensor<4x6xi32>
}
