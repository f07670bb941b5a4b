// RUN: quant-opt %s --lowbit-lower-reference --canonicalize --split-input-file | FileCheck %s

// A scale that a row shares is read through a projected permutation; the axis of size one is gone.
// CHECK-DAG: #[[ELEMENT:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @quantize_rows
//  CHECK-SAME:   %[[X:.*]]: tensor<4x8xf32>, %[[S:.*]]: tensor<4x1xf32>
//       CHECK:   %[[ROWS:.*]] = tensor.collapse_shape %[[S]] {{\[\[}}0, 1]]
//       CHECK:   linalg.generic {indexing_maps = [#[[ELEMENT]], #[[ROW]], #[[ELEMENT]]], iterator_types = ["parallel", "parallel"]}
//  CHECK-SAME:     ins(%[[X]], %[[ROWS]]
//       CHECK:     arith.divf
//       CHECK:     math.roundeven
//       CHECK:     arith.cmpf ogt
//       CHECK:     arith.fptosi
func.func @quantize_rows(%x: tensor<4x8xf32>, %s: tensor<4x1xf32>) -> tensor<4x8xi8> {
  %c = lowbit.quantize %x, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xi8>
  return %c : tensor<4x8xi8>
}

// -----

// Reciprocals are taken once a scale, and multiplied by once an element.
// CHECK-LABEL: func @quantize_reciprocal
//       CHECK:   linalg.generic {{.*}} iterator_types = []
//       CHECK:     arith.divf
//       CHECK:   linalg.generic
//   CHECK-NOT:     arith.divf
//       CHECK:     arith.mulf
func.func @quantize_reciprocal(%x: tensor<4x8xf32>, %s: tensor<f32>) -> tensor<4x8xi8> {
  %c = lowbit.quantize %x, %s <#lowbit.int<8>, scaling = reciprocal> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi8>
  return %c : tensor<4x8xi8>
}

// -----

// Groups of four along a dynamic axis split it; sizes are computed.
// CHECK-LABEL: func @dequantize_groups
//  CHECK-SAME:   %[[C:.*]]: tensor<2x?xi4>
//       CHECK:   %[[GROUPS:.*]] = arith.divui
//       CHECK:   tensor.expand_shape %[[C]] {{\[\[}}0], [1, 2]] output_shape [2, %[[GROUPS]], 4]
//       CHECK:   linalg.generic
//       CHECK:   tensor.collapse_shape {{.*}} into tensor<2x?xf16>
func.func @dequantize_groups(%c: tensor<2x?xi4>, %s: tensor<2x?xf16>) -> tensor<2x?xf16> {
  %x = lowbit.dequantize %c, %s <#lowbit.int<4>, block = [1, 4], scale = f16> : (tensor<2x?xi4>, tensor<2x?xf16>) -> tensor<2x?xf16>
  return %x : tensor<2x?xf16>
}

// -----

// The largest magnitude is one integer reduction over bits; parallel loops come first although rows are reduced.
// CHECK-DAG: #[[TURNED:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func @compute_column_scales
//       CHECK:   linalg.generic {indexing_maps = [#[[TURNED]], #{{.*}}], iterator_types = ["parallel", "reduction"]}
//       CHECK:     arith.maxui
//       CHECK:   tensor.expand_shape {{.*}} : tensor<8xf32> into tensor<1x8xf32>
func.func @compute_column_scales(%x: tensor<4x8xf32>) -> tensor<1x8xf32> {
  %s = lowbit.compute_scales %x <#lowbit.int<8>, block = [0, 1]> : (tensor<4x8xf32>) -> tensor<1x8xf32>
  return %s : tensor<1x8xf32>
}

// -----

// 8 by 8 bits over 32 products fit i32: the dot is i32, and each block's is scaled as it is added to the sum; the scale of a row comes last.
// CHECK-LABEL: func @contract_groups
//       CHECK:   linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
//       CHECK:     arith.muli {{.*}} : i32
//       CHECK:   linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]
//       CHECK:     arith.sitofp {{.*}} : i32 to f32
//       CHECK:     math.fma
//       CHECK:   linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
//       CHECK:     arith.mulf
//       CHECK:     math.absf
func.func @contract_groups(%a: tensor<4x64xi8>, %sa: tensor<4x1xf32>, %b: tensor<64x6xi8>, %sb: tensor<2x6xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<4x64xi8>, tensor<4x1xf32>)
    rhs(%b scales %sb <#lowbit.int<8>, block = [32, 1]> : tensor<64x6xi8>, tensor<2x6xf32>)
    outs(%init : tensor<4x6xf32>) epilogue() {
  ^bb0(%sum: f32):
    %0 = math.absf %sum : f32
    lowbit.yield %0 : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

// 16 by 16 bits do not: i64.
// CHECK-LABEL: func @contract_wide
//       CHECK:   arith.muli {{.*}} : i64
func.func @contract_wide(%a: tensor<4x8xi16>, %b: tensor<8x6xi16>, %s: tensor<f32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %s <#lowbit.int<16>> : tensor<4x8xi16>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<16>> : tensor<8x6xi16>, tensor<f32>)
    outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

// One plane has no loop of its own: the sum over the bits of a word can take in what makes the codes. Past the last code are zeros.
// CHECK-LABEL: func @to_bits
//       CHECK:   %[[PADDED:.*]] = tensor.pad
//       CHECK:   %[[SPLIT:.*]] = tensor.expand_shape %[[PADDED]] {{.*}} : tensor<4x64xi8> into tensor<4x2x32xi8>
//       CHECK:   %[[WORDS:.*]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[SPLIT]] : tensor<4x2x32xi8>) outs(%{{.*}} : tensor<4x2xi32>)
//       CHECK:     %[[BIT:.*]] = arith.trunci %{{.*}} : i8 to i1
//       CHECK:     arith.extui %[[BIT]] : i1 to i32
//       CHECK:     arith.shli
//       CHECK:     arith.ori
//       CHECK:   tensor.expand_shape %[[WORDS]] {{.*}} into tensor<1x4x2xi32>
func.func @to_bits(%c: tensor<4x40x!lowbit.code<#lowbit.binary>>) -> tensor<1x4x2xi32> {
  %p = lowbit.to_bits %c : tensor<4x40x!lowbit.code<#lowbit.binary>> -> tensor<1x4x2xi32> of #lowbit.binary
  return %p : tensor<1x4x2xi32>
}

// -----

// Codes without a builtin type are bytes everywhere: signatures, constants, empty tensors.
// CHECK-LABEL: func @code_types
//  CHECK-SAME:   tensor<3xi8>) -> (tensor<3xi8>, tensor<3xi8>)
//       CHECK:   arith.constant dense<[1, 0, 3]> : tensor<3xi8>
//   CHECK-NOT:   !lowbit.code
func.func @code_types(%c: tensor<3x!lowbit.code<#lowbit.ternary>>) -> (tensor<3x!lowbit.code<#lowbit.ternary>>, tensor<3x!lowbit.code<#lowbit.ternary>>) {
  %0 = arith.constant dense<"0x010003"> : tensor<3x!lowbit.code<#lowbit.ternary>>
  return %0, %c : tensor<3x!lowbit.code<#lowbit.ternary>>, tensor<3x!lowbit.code<#lowbit.ternary>>
}

// -----

// A code of a packed table is read from its byte; the table itself is never unpacked.
// CHECK-DAG:   #[[BYTE:.*]] = affine_map<()[s0] -> (s0 floordiv 2)>
// CHECK-LABEL: func @read_packed
//  CHECK-SAME:   %[[P:.*]]: tensor<5x8xi8>, %[[I:.*]]: index, %[[J:.*]]: index
//   CHECK-NOT:   tensor<5x16xi4>
//       CHECK:   %[[BYTE_INDEX:.*]] = affine.apply #[[BYTE]]()[%[[J]]]
//       CHECK:   %[[PLACE:.*]] = arith.index_cast %{{.*}} : index to i8
//       CHECK:   %[[BIT:.*]] = arith.muli %[[PLACE]], %c4_i8
//       CHECK:   %[[B:.*]] = tensor.extract %[[P]][%[[I]], %[[BYTE_INDEX]]] : tensor<5x8xi8>
//       CHECK:   %[[SHIFTED:.*]] = arith.shrui %[[B]], %[[BIT]]
//       CHECK:   arith.andi %[[SHIFTED]], %c15_i8
//       CHECK:   arith.trunci %{{.*}} : i8 to i4
//   CHECK-NOT:   tensor<5x16xi4>
func.func @read_packed(%p: tensor<5x8xi8>, %i: index, %j: index) -> i4 {
  %codes = lowbit.unpack %p : tensor<5x8xi8> -> tensor<5x16xi4> of #lowbit.int<4> as #lowbit.row_major
  %rows = tensor.extract_slice %codes[0, 0] [5, 15] [1, 1] : tensor<5x16xi4> to tensor<5x15xi4>
  %code = tensor.extract %rows[%i, %j] : tensor<5x15xi4>
  return %code : i4
}

// The gradient of a scale is summed over all that it scales, in an order that is the target's.
// CHECK-LABEL: func @fake_quant_scale_gradient
//       CHECK:   linalg.generic {{.*}} iterator_types = ["reduction", "reduction"]
//       CHECK:     arith.addf %{{.*}}, %{{.*}} fastmath<reassoc> : f32
func.func @fake_quant_scale_gradient(%x: tensor<4x8xf32>, %s: tensor<f32>, %d: tensor<4x8xf32>) -> tensor<f32> {
  %dx, %ds = lowbit.fake_quant_grad %x, %s cotangent %d <#lowbit.int<2>> : (tensor<4x8xf32>, tensor<f32>, tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<f32>) by #lowbit.lsq
  return %ds : tensor<f32>
}
