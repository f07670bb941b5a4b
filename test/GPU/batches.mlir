// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_80 --split-input-file | FileCheck %s

#queries = affine_map<(b, h, m, n, k) -> (b, h, m, k)>
#keys = affine_map<(b, h, m, n, k) -> (b, n, k)>
#scores = affine_map<(b, h, m, n, k) -> (b, h, m, n)>

// Heads that share their keys are rows: what is left are batches of both sides. Scales of batches are operands that vary along them.
// CHECK-LABEL: func @shared_keys
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<3x8x32xi8>) rhs(%{{.*}} : tensor<3x6x32xi8>) outs(%{{.*}} : tensor<3x8x6xf32>)
//  CHECK-SAME:     operands(%{{.*}}, %{{.*}} : tensor<1x1x1xf32>, tensor<3x1x6xf32>)
//       CHECK:   tensor.expand_shape {{.*}} : tensor<3x8x6xf32> into tensor<3x2x4x6xf32>
func.func @shared_keys(%q: tensor<3x2x4x32xi8>, %sq: tensor<1x1x1x1xf32>, %k: tensor<3x6x32xi8>, %sk: tensor<3x6x1xf32>,
                       %init: tensor<3x2x4x6xf32>) -> tensor<3x2x4x6xf32> {
  %r = lowbit.contract [#queries, #keys, #scores]
    lhs(%q scales %sq <#lowbit.int<8>, block = [0, 0, 0, 0]> : tensor<3x2x4x32xi8>, tensor<1x1x1x1xf32>)
    rhs(%k scales %sk <#lowbit.int<8>, block = [1, 1, 0]> : tensor<3x6x32xi8>, tensor<3x6x1xf32>)
    outs(%init : tensor<3x2x4x6xf32>) -> tensor<3x2x4x6xf32>
  return %r : tensor<3x2x4x6xf32>
}

// -----

#left = affine_map<(b, m, n, k) -> (m, k)>
#right = affine_map<(b, m, n, k) -> (b, n, k)>
#both = affine_map<(b, m, n, k) -> (b, m, n)>

// A left side that all batches share is there once.
// CHECK-LABEL: func @shared_rows
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<1x4x32xi8>) rhs(%{{.*}} : tensor<3x6x32xi8>) outs(%{{.*}} : tensor<3x4x6xi32>)
func.func @shared_rows(%a: tensor<4x32xi8>, %b: tensor<3x6x32xi8>, %init: tensor<3x4x6xi32>) -> tensor<3x4x6xi32> {
  %r = lowbit.contract [#left, #right, #both] lhs(%a <#lowbit.int<8>> : tensor<4x32xi8>) rhs(%b <#lowbit.int<8>> : tensor<3x6x32xi8>)
    outs(%init : tensor<3x4x6xi32>) -> tensor<3x4x6xi32>
  return %r : tensor<3x4x6xi32>
}

// -----

#left = affine_map<(b, m, n, k) -> (m, b, k)>
#right = affine_map<(b, m, n, k) -> (k, b, n)>
#both = affine_map<(b, m, n, k) -> (b, m, n)>

// Values of heads come as tokens do; the product reads them along the tokens, filled up to 16.
// CHECK-LABEL: func @values
//       CHECK:   linalg.transpose {{.*}} permutation = [1, 0, 2]
//       CHECK:   tensor.insert_slice
//       CHECK:   linalg.transpose {{.*}} permutation = [1, 2, 0]
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<3x4x16xi8>) rhs(%{{.*}} : tensor<3x6x16xi8>) {{.*}} {
//       CHECK:   } {lhs_unsigned} -> tensor<3x4x6xi32>
func.func @values(%p: tensor<4x3x10xi8>, %v: tensor<10x3x6xi8>, %init: tensor<3x4x6xi32>) -> tensor<3x4x6xi32> {
  %r = lowbit.contract [#left, #right, #both] lhs(%p <#lowbit.uint<8>> : tensor<4x3x10xi8>) rhs(%v <#lowbit.int<8>> : tensor<10x3x6xi8>)
    outs(%init : tensor<3x4x6xi32>) -> tensor<3x4x6xi32>
  return %r : tensor<3x4x6xi32>
}

// -----

#left = affine_map<(b, h, m, n, k) -> (b, m, k)>
#right = affine_map<(b, h, m, n, k) -> (b, h, n, k)>
#both = affine_map<(b, h, m, n, k) -> (b, h, m, n)>

// Batches of both sides and others of the right side alone are no product of a kernel.
// CHECK-LABEL: func @some_shared
//       CHECK:   lowbit.contract
func.func @some_shared(%a: tensor<2x4x32xi8>, %b: tensor<2x3x6x32xi8>, %init: tensor<2x3x4x6xi32>) -> tensor<2x3x4x6xi32> {
  %r = lowbit.contract [#left, #right, #both] lhs(%a <#lowbit.int<8>> : tensor<2x4x32xi8>)
    rhs(%b <#lowbit.int<8>> : tensor<2x3x6x32xi8>) outs(%init : tensor<2x3x4x6xi32>) -> tensor<2x3x4x6xi32>
  return %r : tensor<2x3x4x6xi32>
}
