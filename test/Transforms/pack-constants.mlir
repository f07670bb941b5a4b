// RUN: quant-opt %s --lowbit-pack-constants --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-pack-constants --split-input-file --remarks-filter=lowbit 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Two codes a byte, the first in the low bits: 16 is the codes 0 and 1. What reports read stays on the constant, the format is the reader's.
// CHECK-LABEL: func @nibbles
//       CHECK:   %[[P:.*]] = arith.constant {lowbit.sqnr_db = 2.000000e+01 : f32} dense<{{\[\[}}16, 50, 84, 118, -104], {{.*}}> : tensor<8x5xi8>
//       CHECK:   %[[C:.*]] = lowbit.unpack %[[P]] : tensor<8x5xi8> -> tensor<8x10xi4> of #lowbit.uint<4> as #lowbit.row_major
//       CHECK:   lowbit.contract {{.*}} rhs(%[[C]] <#lowbit.uint<4>>
func.func @nibbles(%a: tensor<3x8xi8>, %init: tensor<3x10xi32>) -> tensor<3x10xi32> {
  %w = arith.constant {lowbit.sqnr_db = 20.0 : f32} dense_resource<w> : tensor<8x10xi4>
  %r = lowbit.contract [#a, #b, #c] lhs(%a <#lowbit.int<8>> : tensor<3x8xi8>) rhs(%w <#lowbit.uint<4>> : tensor<8x10xi4>)
    outs(%init : tensor<3x10xi32>) -> tensor<3x10xi32>
  return %r : tensor<3x10xi32>
}
{-# dialect_resources: { builtin: { w: "0x040000000001020304050607080900010203040506070809000102030405060708090001020304050607080900010203040506070809000102030405060708090001020304050607080900010203040506070809" } } #-}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Rows of 33 codes do not fill bytes: they are padded, and cut to size where they are read. Text that holds all codes is packed like a resource.
// CHECK-LABEL: func @padded
//       CHECK:   %[[P:.*]] = arith.constant dense<{{\[\[}}52, 77, -45, {{.*}}> : tensor<2x9xi8>
//       CHECK:   %[[C:.*]] = lowbit.unpack %[[P]] : tensor<2x9xi8> -> tensor<2x36x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary as #lowbit.row_major
//       CHECK:   %[[S:.*]] = tensor.extract_slice %[[C]][0, 0] [2, 33] [1, 1]
//       CHECK:   lowbit.contract {{.*}} rhs(%[[S]] <#lowbit.ternary>
func.func @padded(%a: tensor<3x2xi8>, %init: tensor<3x33xi32>) -> tensor<3x33xi32> {
  %w = arith.constant dense<"0x000103000103000103000103000103000103000103000103000103000103000103000103000103000103000103000103000103000103000103000103000103000103"> : tensor<2x33x!lowbit.code<#lowbit.ternary>>
  %r = lowbit.contract [#a, #b, #c] lhs(%a <#lowbit.int<8>> : tensor<3x2xi8>) rhs(%w <#lowbit.ternary> : tensor<2x33x!lowbit.code<#lowbit.ternary>>)
    outs(%init : tensor<3x33xi32>) -> tensor<3x33xi32>
  return %r : tensor<3x33xi32>
}

// -----

// The format of a table's codes is what its rows are dequantized by. Codes of 3 bits take fields of 4.
// CHECK-LABEL: func @table
//       CHECK:   lowbit.unpack %{{.*}} : tensor<5x8xi8> -> tensor<5x16xi3> of #lowbit.int<3> as #lowbit.row_major
//       CHECK:   linalg.generic
//       CHECK:   tensor.extract
func.func @table(%ids: tensor<2xindex>, %s: tensor<f32>) -> tensor<2x16xf32> {
  %table = arith.constant dense<[[0, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1], [1, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1],
    [2, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1], [3, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1],
    [-4, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1]]> : tensor<5x16xi3>
  %empty = tensor.empty() : tensor<2x16xi3>
  %codes = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<2xindex>) outs(%empty : tensor<2x16xi3>) {
  ^bb0(%id: index, %out: i3):
    %column = linalg.index 1 : index
    %code = tensor.extract %table[%id, %column] : tensor<5x16xi3>
    linalg.yield %code : i3
  } -> tensor<2x16xi3>
  %y = lowbit.dequantize %codes, %s <#lowbit.int<3>> : (tensor<2x16xi3>, tensor<f32>) -> tensor<2x16xf32>
  return %y : tensor<2x16xf32>
}

// -----

// Left as they are: few codes, one code for all, bytes, and 5 bits, of which two do not fit into a byte.
// CHECK-LABEL: func @left
//   CHECK-NOT:   lowbit.unpack
//      REMARK:   byte-a-code{{.*}}Function=left{{.*}}two codes do not fit into a byte
func.func @left(%s: tensor<f32>) -> (tensor<2x4xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>) {
  %few = arith.constant dense<[[0, 1, 2, 3], [4, 5, 6, 7]]> : tensor<2x4xi4>
  %one = arith.constant dense<1> : tensor<8x16xi4>
  %bytes = arith.constant dense_resource<bytes> : tensor<8x16xi8>
  %five = arith.constant dense_resource<five> : tensor<8x16xi5>
  %0 = lowbit.dequantize %few, %s <#lowbit.int<4>> : (tensor<2x4xi4>, tensor<f32>) -> tensor<2x4xf32>
  %1 = lowbit.dequantize %one, %s <#lowbit.int<4>> : (tensor<8x16xi4>, tensor<f32>) -> tensor<8x16xf32>
  %2 = lowbit.dequantize %bytes, %s <#lowbit.int<8>> : (tensor<8x16xi8>, tensor<f32>) -> tensor<8x16xf32>
  %3 = lowbit.dequantize %five, %s <#lowbit.int<5>> : (tensor<8x16xi5>, tensor<f32>) -> tensor<8x16xf32>
  return %0, %1, %2, %3 : tensor<2x4xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>
}

// -----

// Integers that nobody calls codes are none.
// CHECK-LABEL: func @no_codes
//   CHECK-NOT:   lowbit.unpack
//      REMARK:   byte-a-code{{.*}}Function=no_codes{{.*}}nothing that reads the codes says what format they have
func.func @no_codes() -> tensor<8x16xi4> {
  %codes = arith.constant dense_resource<codes> : tensor<8x16xi4>
  return %codes : tensor<8x16xi4>
}
