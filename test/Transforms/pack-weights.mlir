// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-pack-weights{target=x86-64-avx2})' | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-pack-weights{target=x86-64-avx512vnni})' | FileCheck %s --check-prefix=VNNI
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-pack-weights{target=reference})' | FileCheck %s --check-prefix=REFERENCE

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#t = affine_map<(m, n, k) -> (n, k)>

// Two neighbours along the reduction lie next to one another, as vpmaddwd takes them.
// CHECK-LABEL: func @interleave
//       CHECK:   %[[PACKED:.*]] = arith.constant dense_resource<packed{{.*}}> : tensor<1x1x8x2xi8>
//       CHECK:   %[[CODES:.*]] = lowbit.unpack %[[PACKED]] : tensor<1x1x8x2xi8> -> tensor<2x8xi8> of #lowbit.int<8> as #lowbit.panel<columns = 8, depth = 2>
//       CHECK:   lowbit.contract {{.*}} rhs(%[[CODES]] <
// REFERENCE-LABEL: func @interleave
//   REFERENCE-NOT:   lowbit.unpack
func.func @interleave(%a: tensor<3x2xi8>, %init: tensor<3x8xi32>) -> tensor<3x8xi32> {
  %b = arith.constant dense<[[1, 2, 3, 4, 5, 6, 7, 8], [17, 18, 19, 20, 21, 22, 23, 24]]> : tensor<2x8xi8>
  %r = lowbit.contract [#a, #b, #c] lhs(%a <#lowbit.int<8>> : tensor<3x2xi8>) rhs(%b <#lowbit.int<8>> : tensor<2x8xi8>)
    outs(%init : tensor<3x8xi32>) -> tensor<3x8xi32>
  return %r : tensor<3x8xi32>
}

// What the panel does not divide is padded with zeros; the contraction reads the slice that was there.
// CHECK-LABEL: func @pad
//       CHECK:   %[[PACKED:.*]] = arith.constant dense_resource<packed{{.*}}> : tensor<1x2x8x2xi8>
//       CHECK:   %[[PADDED:.*]] = lowbit.unpack %[[PACKED]] : tensor<1x2x8x2xi8> -> tensor<4x8xi8>
//       CHECK:   %[[CODES:.*]] = tensor.extract_slice %[[PADDED]][0, 0] [3, 5] [1, 1] : tensor<4x8xi8> to tensor<3x5xi8>
//       CHECK:   lowbit.contract {{.*}} rhs(%[[CODES]] <
func.func @pad(%a: tensor<2x3xi8>, %init: tensor<2x5xi32>) -> tensor<2x5xi32> {
  %b = arith.constant dense<[[1, 2, 3, 4, 5], [17, 18, 19, 20, 21], [33, 34, 35, 36, 37]]> : tensor<3x5xi8>
  %r = lowbit.contract [#a, #b, #c] lhs(%a <#lowbit.int<8>> : tensor<2x3xi8>) rhs(%b <#lowbit.int<8>> : tensor<3x5xi8>)
    outs(%init : tensor<2x5xi32>) -> tensor<2x5xi32>
  return %r : tensor<2x5xi32>
}

// Weights with the reduction last are packed as they lie.
// CHECK-LABEL: func @transposed
//       CHECK:   lowbit.unpack %{{.*}} : tensor<1x1x8x2xi8> -> tensor<8x2xi8> of #lowbit.uint<8> as #lowbit.panel<columns = 8, depth = 2, transposed = true>
func.func @transposed(%a: tensor<3x2xi8>, %init: tensor<3x8xi32>) -> tensor<3x8xi32> {
  %b = arith.constant dense<5> : tensor<8x2xi8>
  %r = lowbit.contract [#a, #t, #c] lhs(%a <#lowbit.int<8>> : tensor<3x2xi8>) rhs(%b <#lowbit.uint<8>> : tensor<8x2xi8>)
    outs(%init : tensor<3x8xi32>) -> tensor<3x8xi32>
  return %r : tensor<3x8xi32>
}

// Weights that two contractions share are packed once.
// CHECK-LABEL: func @shared
//       CHECK:   %[[CODES:.*]] = lowbit.unpack
//   CHECK-NOT:   lowbit.unpack
//       CHECK:   lowbit.contract {{.*}} rhs(%[[CODES]] <
//       CHECK:   lowbit.contract {{.*}} rhs(%[[CODES]] <
func.func @shared(%a: tensor<3x2xi8>, %b: tensor<3x2xi8>, %init: tensor<3x8xi32>) -> (tensor<3x8xi32>, tensor<3x8xi32>) {
  %w = arith.constant dense<5> : tensor<2x8xi8>
  %r = lowbit.contract [#a, #b, #c] lhs(%a <#lowbit.int<8>> : tensor<3x2xi8>) rhs(%w <#lowbit.int<8>> : tensor<2x8xi8>)
    outs(%init : tensor<3x8xi32>) -> tensor<3x8xi32>
  %s = lowbit.contract [#a, #b, #c] lhs(%b <#lowbit.int<8>> : tensor<3x2xi8>) rhs(%w <#lowbit.int<8>> : tensor<2x8xi8>)
    outs(%init : tensor<3x8xi32>) -> tensor<3x8xi32>
  return %r, %s : tensor<3x8xi32>, tensor<3x8xi32>
}

// Codes that were packed for one target are packed for another: five to a byte stay so where the target has a way to read them, and become
// fields of bits elsewhere.
// CHECK-LABEL: func @digits
//       CHECK:   %[[ALL:.*]] = lowbit.unpack %{{.*}} : tensor<1x3x8x2xi8> -> tensor<24x8xi2> of #lowbit.uint<2> as #lowbit.panel<columns = 8, depth = 2>
//       CHECK:   tensor.extract_slice %[[ALL]][0, 0] [19, 8] [1, 1]
// VNNI-LABEL: func @digits
//       VNNI:   %[[ALL:.*]] = lowbit.unpack %{{.*}} : tensor<1x1x16x4xi8> -> tensor<20x16xi2> of #lowbit.uint<2> as #lowbit.panel<columns = 16, depth = 4, base = 3>
//       VNNI:   tensor.extract_slice %[[ALL]][0, 0] [19, 8] [1, 1]
// REFERENCE-LABEL: func @digits
//       REFERENCE:   lowbit.unpack {{.*}} as #lowbit.panel<columns = 8, depth = 4, base = 3>
func.func @digits(%a: tensor<1x19xi8>, %init: tensor<1x8xi32>) -> tensor<1x8xi32> {
  %p = arith.constant dense<"0x00070E151C232A31383F464D545B626970777E858C939AA1A8AFB6BDC4CBD2D9"> : tensor<1x1x8x4xi8>
  %w = lowbit.unpack %p : tensor<1x1x8x4xi8> -> tensor<20x8xi2> of #lowbit.uint<2> as #lowbit.panel<columns = 8, depth = 4, base = 3>
  %b = tensor.extract_slice %w[0, 0] [19, 8] [1, 1] : tensor<20x8xi2> to tensor<19x8xi2>
  %r = lowbit.contract [#a, #b, #c] lhs(%a <#lowbit.int<8>> : tensor<1x19xi8>) rhs(%b <#lowbit.uint<2>> : tensor<19x8xi2>)
    outs(%init : tensor<1x8xi32>) -> tensor<1x8xi32>
  return %r : tensor<1x8xi32>
}

// Codes that are known only at run time stay.
// CHECK-LABEL: func @dynamic_weights
//   CHECK-NOT:   lowbit.unpack
//       CHECK:   return
func.func @dynamic_weights(%a: tensor<3x2xi8>, %b: tensor<2x8xi8>, %init: tensor<3x8xi32>) -> tensor<3x8xi32> {
  %r = lowbit.contract [#a, #b, #c] lhs(%a <#lowbit.int<8>> : tensor<3x2xi8>) rhs(%b <#lowbit.int<8>> : tensor<2x8xi8>)
    outs(%init : tensor<3x8xi32>) -> tensor<3x8xi32>
  return %r : tensor<3x8xi32>
}

// The second half of the resources: bytes of @interleave, in pairs.
// CHECK: packed: "0x4000000001110212031304140515061607170818"
