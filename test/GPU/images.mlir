// Convolutions of codes: products whose rows are windows of an image, read where they lie.
// RUN: quant-opt %s --split-input-file --pass-pipeline='builtin.module(lowbit-unfold-windows{target=nvptx:sm_90a},lowbit-form-matmuls{target=nvptx:sm_90a})' | FileCheck %s
// RUN: quant-opt %s --split-input-file --pass-pipeline='builtin.module(lowbit-unfold-windows{target=nvptx:sm_75},lowbit-form-matmuls{target=nvptx:sm_75})' | FileCheck %s --check-prefix=COPY

#in = affine_map<(h, w, o, i, j, c) -> (h * 2 + i, w * 2 + j, c)>
#weights = affine_map<(h, w, o, i, j, c) -> (o, i, j, c)>
#out = affine_map<(h, w, o, i, j, c) -> (h, w, o)>

// The sums of windows, for the zero point of the weights, add up channels first.
//       CHECK: #[[READ:.*]] = affine_map<(d0, d1, d2, d3) -> (d0 * 2 + d2, d1 * 2 + d3)>
// CHECK-LABEL: func @bytes
//  CHECK-SAME:   %[[IMAGE:.*]]: tensor<9x7x16xi8>, %[[WEIGHTS:.*]]: tensor<6x3x3x16xi8>
//       CHECK:   %[[MATRIX:.*]] = tensor.collapse_shape %[[WEIGHTS]] {{.*}} into tensor<6x144xi8>
//       CHECK:   %[[CHANNELS:.*]] = linalg.generic {{.*}} ins(%[[IMAGE]] : tensor<9x7x16xi8>) outs(%{{.*}} : tensor<9x7xi32>)
//       CHECK:   linalg.generic {indexing_maps = [#[[READ]], {{.*}} ins(%[[CHANNELS]] : tensor<9x7xi32>) outs(%{{.*}} : tensor<4x3x3x3xi32>)
//       CHECK:   linalg.generic {{.*}} ["parallel", "parallel", "reduction", "reduction"]} {{.*}} outs(%{{.*}} : tensor<4x3xi32>)
//       CHECK:   lowbit.matmul lhs(%[[IMAGE]] : tensor<9x7x16xi8>) rhs(%[[MATRIX]] : tensor<6x144xi8>) outs(%{{.*}} : tensor<12x6xf32>)
//       CHECK:     {lhs_windows = #lowbit.windows<[3, 3, 16], (d0, d1, d2, d3, d4) -> (d0 * 2 + d2, d1 * 2 + d3, d4)>}
// COPY-LABEL:  func @bytes
//       COPY:    lowbit.matmul lhs(%{{.*}} : tensor<12x144xi8>)
//   COPY-NOT:    lhs_windows
func.func @bytes(%a: tensor<9x7x16xi8>, %w: tensor<6x3x3x16xi8>, %sa: tensor<1x1x1xf32>, %sw: tensor<6x1x1x1xf32>, %zw: tensor<6x1x1x1xi8>,
                 %init: tensor<4x3x6xf32>) -> tensor<4x3x6xf32> {
  %r = lowbit.contract [#in, #weights, #out]
    lhs(%a scales %sa <#lowbit.int<8>, block = [0, 0, 0]> : tensor<9x7x16xi8>, tensor<1x1x1xf32>)
    rhs(%w scales %sw zeros %zw <#lowbit.int<8>, block = [1, 0, 0, 0], zero = i8> : tensor<6x3x3x16xi8>, tensor<6x1x1x1xf32>, tensor<6x1x1x1xi8>)
    outs(%init : tensor<4x3x6xf32>) -> tensor<4x3x6xf32>
  return %r : tensor<4x3x6xf32>
}

// -----

#in = affine_map<(h, w, o, i, j, c) -> (h + i, w + j, c)>
#weights = affine_map<(h, w, o, i, j, c) -> (o, i, j, c)>
#out = affine_map<(h, w, o, i, j, c) -> (h, w, o)>

// Signs are packed before their windows are copied, which are too short to be read in place.
// CHECK-LABEL: func @signs
//       CHECK:   %[[BITS:.*]] = lowbit.to_bits %{{.*}} : tensor<6x5x64x!lowbit.code<#lowbit.binary>> -> tensor<1x6x5x8xi8>
//       CHECK:   linalg.generic {{.*}} outs(%{{.*}} : tensor<4x3x3x3x8xi8>)
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<12x80xi8>)
//       CHECK:   } {bits}
// COPY-LABEL:  func @signs
//       COPY:    lowbit.matmul lhs(%{{.*}} : tensor<12x576xi8>)
func.func @signs(%a: tensor<6x5x64x!lowbit.code<#lowbit.binary>>, %w: tensor<6x3x3x64x!lowbit.code<#lowbit.binary>>,
                 %init: tensor<4x3x6xi32>) -> tensor<4x3x6xi32> {
  %r = lowbit.contract [#in, #weights, #out] lhs(%a <#lowbit.binary> : tensor<6x5x64x!lowbit.code<#lowbit.binary>>)
    rhs(%w <#lowbit.binary> : tensor<6x3x3x64x!lowbit.code<#lowbit.binary>>) outs(%init : tensor<4x3x6xi32>) -> tensor<4x3x6xi32>
  return %r : tensor<4x3x6xi32>
}

// -----

#in = affine_map<(h, w, o, i, j, c) -> (h + i, w + j, c)>
#weights = affine_map<(h, w, o, i, j, c) -> (o, i, j, c)>
#out = affine_map<(h, w, o, i, j, c) -> (h, w, o)>

// Many signs are; and what is written as signs are their bytes.
// CHECK-LABEL: func @many_signs
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<6x5x16xi8>) {{.*}} outs(%{{.*}} : tensor<12x6xi8>)
//       CHECK:   bits
//  CHECK-SAME:   lhs_windows = #lowbit.windows<[3, 3, 16]
//       CHECK:   builtin.unrealized_conversion_cast %{{.*}} : tensor<12x6xi8> to tensor<12x6x!lowbit.code<#lowbit.binary>>
func.func @many_signs(%a: tensor<6x5x128x!lowbit.code<#lowbit.binary>>, %w: tensor<6x3x3x128x!lowbit.code<#lowbit.binary>>,
                      %init: tensor<4x3x6x!lowbit.code<#lowbit.binary>>) -> tensor<4x3x6x!lowbit.code<#lowbit.binary>> {
  %r = lowbit.contract [#in, #weights, #out] lhs(%a <#lowbit.binary> : tensor<6x5x128x!lowbit.code<#lowbit.binary>>)
    rhs(%w <#lowbit.binary> : tensor<6x3x3x128x!lowbit.code<#lowbit.binary>>) outs(%init : tensor<4x3x6x!lowbit.code<#lowbit.binary>>) epilogue() {
  ^bb0(%sum: i32):
    %zero = arith.constant 0 : i32
    %is = arith.cmpi slt, %sum, %zero : i32
    %code = arith.extui %is : i1 to i8
    lowbit.yield %code : i8
  } -> tensor<4x3x6x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x3x6x!lowbit.code<#lowbit.binary>>
}
