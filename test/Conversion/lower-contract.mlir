// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-lower-contract{target=x86-64-avx512vnni},canonicalize,cse)' | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-lower-contract{target=x86-64-avx2},canonicalize,cse)' | FileCheck %s --check-prefix=AVX2

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#n = affine_map<(m, n, k) -> (n)>

// Signed on both sides: vpdpbusd wants the left codes unsigned, so they are offset and the column sums take it back. The tile of 8 x 48
// fills the registers; scales and bias are applied to the sums while they are there.
// CHECK-LABEL: func @signed
//  CHECK-SAME:   %[[LHS:.*]]: tensor<16x8xi8>, %[[RHS:.*]]: tensor<8x48xi8>
//       CHECK:   %[[FLIPPED:.*]] = linalg.generic {{.*}} ins(%[[LHS]] : tensor<16x8xi8>)
//       CHECK:     arith.xori %{{.*}}, %c-128_i8
//       CHECK:   %[[ROWS:.*]] = tensor.expand_shape %[[FLIPPED]] {{.*}} into tensor<2x8x2x4xi8>
//       CHECK:   %[[PANELS:.*]] = linalg.transpose {{.*}} outs(%{{.*}} : tensor<1x2x48x4xi8>)
//       CHECK:   scf.for {{.*}} iter_args(%{{.*}}) -> (tensor<2x8x1x48xf32>)
//       CHECK:     %[[START:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<1x8x1x48xi32>) attrs = {lowbit.vectorize}
//       CHECK:     %[[SUMS:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[START]]) -> (tensor<1x8x1x48xi32>)
//       CHECK:       linalg.generic {{.*}} ins(%{{.*}} : tensor<1x8x4xi8>, tensor<1x48x4xi8>) {{.*}} attrs = {lowbit.vectorize}
//       CHECK:         arith.extui
//       CHECK:         arith.extsi
//       CHECK:     linalg.generic {{.*}} ins(%[[SUMS]], %{{.*}} : tensor<1x8x1x48xi32>, tensor<1x8x1x1xf32>, tensor<1x1x1x48xf32>, tensor<1x1x1x48xf32>) {{.*}} attrs = {lowbit.vectorize}
//       CHECK:       arith.sitofp
//  CHECK-NEXT:       arith.mulf
//  CHECK-NEXT:       arith.mulf
//  CHECK-NEXT:       arith.addf
//       CHECK:   tensor.collapse_shape {{.*}} into tensor<16x48xf32>

// AVX2 sums pairs of 16 bits, whatever the signs: no offset, no column sums.
// AVX2-LABEL: func @signed
//       AVX2:   arith.extsi %{{.*}} : i8 to i16
//   AVX2-NOT:   arith.xori
//       AVX2:   linalg.generic {{.*}} outs(%{{.*}} : tensor<1x{{.*}}x1x{{.*}}xi32>) attrs = {lowbit.vectorize}
//       AVX2:     linalg.yield %c0_i32
func.func @signed(%a: tensor<16x8xi8>, %b: tensor<8x48xi8>, %sa: tensor<16x1xf32>, %sb: tensor<1x48xf32>, %bias: tensor<48xf32>) -> tensor<16x48xf32> {
  %init = tensor.empty() : tensor<16x48xf32>
  %r = lowbit.contract [#a, #b, #c, #n]
    lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<16x8xi8>, tensor<16x1xf32>)
    rhs(%b scales %sb <#lowbit.int<8>, block = [0, 1]> : tensor<8x48xi8>, tensor<1x48xf32>)
    outs(%init : tensor<16x48xf32>) epilogue(%bias : tensor<48xf32>) {
  ^bb0(%sum: f32, %b0: f32):
    %0 = arith.addf %sum, %b0 : f32
    lowbit.yield %0 : f32
  } -> tensor<16x48xf32>
  return %r : tensor<16x48xf32>
}

// Unsigned by signed is what the instruction takes; a zero point for each row makes accumulators start from -zero * column sum.
// CHECK-LABEL: func @zero_points
//   CHECK-NOT:   arith.xori
//       CHECK:   scf.for
//       CHECK:     linalg.generic {{.*}} ins(%{{.*}} : tensor<1x1x1x48xi32>, tensor<1x8x1x1xi8>)
//       CHECK:       %[[ZERO:.*]] = arith.extui %{{.*}} : i8 to i32
//       CHECK:       arith.muli %{{.*}}, %[[ZERO]]
func.func @zero_points(%a: tensor<16x8xi8>, %za: tensor<16x1xi8>, %b: tensor<8x48xi8>, %sa: tensor<16x1xf32>) -> tensor<16x48xf32> {
  %init = tensor.empty() : tensor<16x48xf32>
  %r = lowbit.contract [#a, #b, #c]
    lhs(%a scales %sa zeros %za <#lowbit.uint<8>, block = [1, 0], zero = i8> : tensor<16x8xi8>, tensor<16x1xf32>, tensor<16x1xi8>)
    rhs(%b <#lowbit.int<8>> : tensor<8x48xi8>) outs(%init : tensor<16x48xf32>) -> tensor<16x48xf32>
  return %r : tensor<16x48xf32>
}

// Rows, columns and reduction that the tile does not divide: codes are padded, the result is cut.
// CHECK-LABEL: func @tails
//       CHECK:   tensor.insert_slice %{{.*}} into %{{.*}}[0, 0] [3, 5] [1, 1] : tensor<3x5xi8> into tensor<3x8xi8>
//       CHECK:   tensor.extract_slice %{{.*}}[0, 0] [3, 7] [1, 1] : tensor<3x16xi32> to tensor<3x7xi32>
func.func @tails(%a: tensor<3x5xi8>, %b: tensor<5x7xi8>) -> tensor<3x7xi32> {
  %init = tensor.empty() : tensor<3x7xi32>
  %r = lowbit.contract [#a, #b, #c] lhs(%a <#lowbit.uint<8>> : tensor<3x5xi8>) rhs(%b <#lowbit.int<8>> : tensor<5x7xi8>)
    outs(%init : tensor<3x7xi32>) -> tensor<3x7xi32>
  return %r : tensor<3x7xi32>
}

// A loop that both sides and the result have is outside of the tile.
// CHECK-LABEL: func @batch
//       CHECK:   scf.for {{.*}} iter_args(%{{.*}}) -> (tensor<2x1x8x1x48xi32>)
//       CHECK:     linalg.generic {{.*}} ins(%{{.*}} : tensor<1x1x8x4xi8>, tensor<1x1x48x4xi8>)
func.func @batch(%a: tensor<2x8x8xi8>, %b: tensor<2x8x48xi8>) -> tensor<2x8x48xi32> {
  %init = tensor.empty() : tensor<2x8x48xi32>
  %r = lowbit.contract [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>]
    lhs(%a <#lowbit.uint<8>> : tensor<2x8x8xi8>) rhs(%b <#lowbit.int<8>> : tensor<2x8x48xi8>)
    outs(%init : tensor<2x8x48xi32>) -> tensor<2x8x48xi32>
  return %r : tensor<2x8x48xi32>
}

// Two codes of 4 bits a byte, and a scale for every 16 of them: a loop over blocks around one over groups. A byte is read once; its low half
// meets the first four left codes, its high half the next four. The zero point of 8 goes into what dots start from, row by row.
// CHECK-LABEL: func @nibbles
//       CHECK:   linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "reduction"]{{.*}} ins(%{{.*}} : tensor<16x2x16xi8>)
//       CHECK:     arith.muli %{{.*}}, %c-8_i32
//       CHECK:   scf.for {{.*}} iter_args(%{{.*}}) -> (tensor<{{.*}}xf32>)
//       CHECK:     scf.for {{.*}} %c2 {{.*}} -> (tensor<[[ROWS:.*]]x1x48xf32>)
//       CHECK:       %[[START:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<[[ROWS]]x1x48xi32>)
//       CHECK:       %[[DOTS:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[START]])
//       CHECK:         %[[BYTES:.*]] = tensor.extract_slice %{{.*}} to tensor<1x48x4xi8>
//       CHECK:         linalg.generic {{.*}} ins(%[[BYTES]] : tensor<1x48x4xi8>)
//       CHECK:           arith.andi %{{.*}}, %c15_i8
//       CHECK:         linalg.generic {{.*}} "reduction"]
//       CHECK:           arith.extsi
//       CHECK:           arith.extui
//       CHECK:         linalg.generic {{.*}} ins(%[[BYTES]] : tensor<1x48x4xi8>)
//       CHECK:           arith.shrui %{{.*}}, %c4_i8
//       CHECK:         linalg.generic {{.*}} "reduction"]
//       CHECK:       linalg.generic {{.*}} ins(%[[DOTS]], %{{.*}} : tensor<[[ROWS]]x1x48xi32>, tensor<1x1x1x48xf16>)
//       CHECK:         arith.sitofp
//       CHECK:         arith.extf
//       CHECK:         math.fma
func.func @nibbles(%a: tensor<16x32xi8>, %b: tensor<1x4x48x4xi8>, %sa: tensor<16x1xf32>, %sb: tensor<2x48xf16>) -> tensor<16x48xf32> {
  %init = tensor.empty() : tensor<16x48xf32>
  %codes = lowbit.unpack %b : tensor<1x4x48x4xi8> -> tensor<32x48xi4> of #lowbit.uint<4> as #lowbit.panel<columns = 48, depth = 4>
  %zeros = arith.constant dense<8> : tensor<2x48xi8>
  %r = lowbit.contract [#a, #b, #c]
    lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<16x32xi8>, tensor<16x1xf32>)
    rhs(%codes scales %sb zeros %zeros <#lowbit.uint<4>, block = [16, 1], scale = f16, zero = i8>
        : tensor<32x48xi4>, tensor<2x48xf16>, tensor<2x48xi8>)
    outs(%init : tensor<16x48xf32>) -> tensor<16x48xf32>
  return %r : tensor<16x48xf32>
}

// Signs: a word is 32 of them, and their number less twice those that differ is the sum. Nothing is decoded, so the tile is as large as
// the registers allow: 8 x 32. Bytes of packed signs are words as they are.
// CHECK-LABEL: func @signs
//  CHECK-SAME:   %[[BYTES:.*]]: tensor<16x8xi8>
//       CHECK:   %[[SPLIT:.*]] = tensor.expand_shape %[[BYTES]] {{.*}} into tensor<16x2x4xi8>
//       CHECK:   %[[WORDS:.*]] = linalg.generic {{.*}} ins(%[[SPLIT]] : tensor<16x2x4xi8>) outs(%{{.*}} : tensor<16x2xi32>)
//       CHECK:   tensor.expand_shape %[[WORDS]] {{.*}} into tensor<2x8x2x1x1xi32>
//       CHECK:   scf.for
//       CHECK:     linalg.generic {{.*}} outs(%{{.*}} : tensor<1x8x1x32xi32>)
//       CHECK:       arith.xori
//       CHECK:       math.ctpop
//       CHECK:     arith.subi %c64_i32
func.func @signs(%bytes: tensor<16x8xi8>) -> tensor<16x32xi32> {
  %a = lowbit.unpack %bytes : tensor<16x8xi8> -> tensor<16x64x!lowbit.code<#lowbit.binary>> of #lowbit.binary as #lowbit.row_major
  %b = arith.constant dense<"0x0101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101"> : tensor<64x32x!lowbit.code<#lowbit.binary>>
  %init = tensor.empty() : tensor<16x32xi32>
  %r = lowbit.contract [#a, #b, #c]
    lhs(%a <#lowbit.binary> : tensor<16x64x!lowbit.code<#lowbit.binary>>)
    rhs(%b <#lowbit.binary> : tensor<64x32x!lowbit.code<#lowbit.binary>>)
    outs(%init : tensor<16x32xi32>) -> tensor<16x32xi32>
  return %r : tensor<16x32xi32>
}

// A right side that comes at run time is transposed panel by panel, each just before the rows that it meets.
// CHECK-LABEL: func @panels
//       CHECK:   scf.for %[[PANEL:.*]] = %c0 to %c2
//       CHECK:     %[[PART:.*]] = tensor.extract_slice %{{.*}}[%[[PANEL]], 0, 0] [1, 48, 64] [1, 1, 1]
//       CHECK:     %[[EMPTY:.*]] = tensor.empty() : tensor<1x64x48xf32>
//       CHECK:     linalg.transpose ins(%[[PART]] : tensor<1x48x64xf32>) outs(%[[EMPTY]] : tensor<1x64x48xf32>)
//       CHECK:     scf.for
//   CHECK-NOT:       linalg.transpose
//       CHECK:       math.fma
func.func @panels(%a: tensor<16x64xf32>, %b: tensor<96x64xf32>) -> tensor<16x96xf32> {
  %init = tensor.empty() : tensor<16x96xf32>
  %r = lowbit.contract [#a, affine_map<(m, n, k) -> (n, k)>, #c]
    lhs(%a : tensor<16x64xf32>) rhs(%b : tensor<96x64xf32>) outs(%init : tensor<16x96xf32>) -> tensor<16x96xf32>
  return %r : tensor<16x96xf32>
}

// What is the same for all steps of an outer loop is transposed once.
// CHECK-LABEL: func @shared_panels
//       CHECK:   linalg.transpose {{.*}} outs(%{{.*}} : tensor<2x64x48xf32>)
//       CHECK:   scf.for {{.*}} to %c5
//   CHECK-NOT:     linalg.transpose
//       CHECK:   return
func.func @shared_panels(%a: tensor<5x16x64xf32>, %b: tensor<96x64xf32>) -> tensor<5x16x96xf32> {
  %init = tensor.empty() : tensor<5x16x96xf32>
  %r = lowbit.contract [affine_map<(g, m, n, k) -> (g, m, k)>, affine_map<(g, m, n, k) -> (n, k)>, affine_map<(g, m, n, k) -> (g, m, n)>]
    lhs(%a : tensor<5x16x64xf32>) rhs(%b : tensor<96x64xf32>) outs(%init : tensor<5x16x96xf32>) -> tensor<5x16x96xf32>
  return %r : tensor<5x16x96xf32>
}
