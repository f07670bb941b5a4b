// RUN: quant-opt %s --lowbit-fuse-quantize --canonicalize --split-input-file | FileCheck %s

// The epilogue goes on to the code, with the arithmetic of quantize: an exact division, the rounding, the zero point, the limits.
// CHECK-LABEL: func @static
//       CHECK:   %[[CODES:.*]] = lowbit.contract
//  CHECK-SAME:     outs(%{{.*}} : tensor<4x6xi8>)
//       CHECK:   ^bb0(%[[SUM:.*]]: f32, %[[BIAS:.*]]: f32):
//       CHECK:     %[[REAL:.*]] = arith.addf %[[SUM]], %[[BIAS]] fastmath<contract>
//       CHECK:     %[[SCALED:.*]] = arith.divf %[[REAL]], %{{.*}} : f32
//       CHECK:     %[[ROUNDED:.*]] = math.roundeven %[[SCALED]] : f32
//       CHECK:     arith.addf %[[ROUNDED]], %{{.*}} : f32
//       CHECK:     lowbit.yield %{{.*}} : i8
//   CHECK-NOT:   lowbit.quantize
//       CHECK:   return %[[CODES]] : tensor<4x6xi8>
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @static(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<f32>, %bias: tensor<6xf32>, %e: tensor<4x6xf32>) -> tensor<4x6xi8> {
  %scale = arith.constant dense<0.25> : tensor<f32>
  %zero = arith.constant dense<3> : tensor<i8>
  %r = lowbit.contract [#lhs, #rhs, #out, affine_map<(m, n, k) -> (n)>] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>) outs(%e : tensor<4x6xf32>) epilogue(%bias : tensor<6xf32>) {
  ^bb0(%sum: f32, %b0: f32):
    %0 = arith.addf %sum, %b0 fastmath<contract> : f32
    lowbit.yield %0 : f32
  } -> tensor<4x6xf32>
  %c = lowbit.quantize %r, %scale, %zero <#lowbit.uint<8>, zero = i8> : (tensor<4x6xf32>, tensor<f32>, tensor<i8>) -> tensor<4x6xi8>
  return %c : tensor<4x6xi8>
}

// -----

// Without an epilogue there is one now; `scaling = reciprocal` multiplies by the reciprocal, a constant.
// CHECK-LABEL: func @reciprocal
//       CHECK:   %[[FOUR:.*]] = arith.constant 4.0{{.*}} : f32
//       CHECK:   ^bb0(%[[SUM:.*]]: f32):
//       CHECK:     arith.mulf %[[SUM]], %[[FOUR]] : f32
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @reciprocal(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<f32>, %e: tensor<4x6xf32>) -> tensor<4x6xi8> {
  %scale = arith.constant dense<0.25> : tensor<f32>
  %r = lowbit.contract [#lhs, #rhs, #out] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c = lowbit.quantize %r, %scale <#lowbit.int<8>, scaling = reciprocal> : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xi8>
  return %c : tensor<4x6xi8>
}

// -----

// Codes without a builtin type are computed as what stores them; the sum of such codes may be an integer that the epilogue makes real.
// CHECK-LABEL: func @signs
//       CHECK:   lowbit.contract {{.*}} outs(%{{.*}} : tensor<4x6x!lowbit.code<#lowbit.binary>>)
//       CHECK:     %[[REAL:.*]] = arith.sitofp %{{.*}} : i32 to f32
//       CHECK:     %[[SCALED:.*]] = arith.divf %[[REAL]]
//       CHECK:     %[[SIGN:.*]] = arith.cmpf ult, %[[SCALED]]
//       CHECK:     %[[CODE:.*]] = arith.extui %[[SIGN]] : i1 to i8
//       CHECK:     lowbit.yield %[[CODE]] : i8
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
!code = !lowbit.code<#lowbit.binary>
func.func @signs(%a: tensor<4x8x!code>, %b: tensor<8x6x!code>, %e: tensor<4x6xf32>) -> tensor<4x6x!code> {
  %scale = arith.constant dense<0.25> : tensor<f32>
  %r = lowbit.contract [#lhs, #rhs, #out] lhs(%a <#lowbit.binary> : tensor<4x8x!code>) rhs(%b <#lowbit.binary> : tensor<8x6x!code>)
    outs(%e : tensor<4x6xf32>) epilogue() {
  ^bb0(%sum: i32):
    %real = arith.sitofp %sum : i32 to f32
    lowbit.yield %real : f32
  } -> tensor<4x6xf32>
  %c = lowbit.quantize %r, %scale <#lowbit.binary> : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6x!code>
  return %c : tensor<4x6x!code>
}

// -----

// Somebody else reads the reals; a scale comes from them; scales of rows; codes that share bytes.
// CHECK-LABEL: func @stay
// CHECK-COUNT-4: lowbit.quantize
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @stay(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<f32>, %e: tensor<4x6xf32>, %unknown: tensor<f32>, %rows: tensor<4x1xf32>)
    -> (tensor<4x6xf32>, tensor<4x6xi8>, tensor<4x6xi8>, tensor<4x6xi8>, tensor<4x6xi4>) {
  %scale = arith.constant dense<0.25> : tensor<f32>
  %r = lowbit.contract [#lhs, #rhs, #out] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c = lowbit.quantize %r, %scale <#lowbit.int<8>> : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xi8>
  %r1 = lowbit.contract [#lhs, #rhs, #out] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c1 = lowbit.quantize %r1, %unknown <#lowbit.int<8>> : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xi8>
  %r2 = lowbit.contract [#lhs, #rhs, #out] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c2 = lowbit.quantize %r2, %rows <#lowbit.int<8>, block = [1, 0]> : (tensor<4x6xf32>, tensor<4x1xf32>) -> tensor<4x6xi8>
  %r3 = lowbit.contract [#lhs, #rhs, #out] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c3 = lowbit.quantize %r3, %scale <#lowbit.int<4>> : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xi4>
  return %r, %c, %c1, %c2, %c3 : tensor<4x6xf32>, tensor<4x6xi8>, tensor<4x6xi8>, tensor<4x6xi8>, tensor<4x6xi4>
}

// -----

// One scale for all, whatever blocks share it.
// CHECK-LABEL: func @blocks
//   CHECK-NOT:   lowbit.quantize
//       CHECK:   return
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @blocks(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<f32>, %e: tensor<4x6xf32>) -> tensor<4x6xi8> {
  %scale = arith.constant dense<0.25> : tensor<1x6xf32>
  %r = lowbit.contract [#lhs, #rhs, #out] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c = lowbit.quantize %r, %scale <#lowbit.int<8>, block = [0, 1]> : (tensor<4x6xf32>, tensor<1x6xf32>) -> tensor<4x6xi8>
  return %c : tensor<4x6xi8>
}

// -----

// The border is put around codes: its own is what zero would be quantized to, the zero point.
// CHECK-LABEL: func @border
//   CHECK-DAG:   %[[THREE:.*]] = arith.constant 3 : i8
//       CHECK:   %[[CODES:.*]] = lowbit.contract
//       CHECK:   %[[PADDED:.*]] = tensor.pad %[[CODES]] low[1, 0] high[0, 2] {
//       CHECK:     tensor.yield %[[THREE]] : i8
//       CHECK:   } : tensor<4x6xi8> to tensor<5x8xi8>
//   CHECK-NOT:   lowbit.quantize
//       CHECK:   return %[[PADDED]]
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
func.func @border(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<f32>, %e: tensor<4x6xf32>) -> tensor<5x8xi8> {
  %scale = arith.constant dense<0.25> : tensor<f32>
  %zero = arith.constant dense<3> : tensor<i8>
  %border = arith.constant 0.0 : f32
  %r = lowbit.contract [#lhs, #rhs, #out] lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %p = tensor.pad %r low[1, 0] high[0, 2] {
  ^bb0(%i: index, %j: index):
    tensor.yield %border : f32
  } : tensor<4x6xf32> to tensor<5x8xf32>
  %c = lowbit.quantize %p, %scale, %zero <#lowbit.uint<8>, zero = i8> : (tensor<5x8xf32>, tensor<f32>, tensor<i8>) -> tensor<5x8xi8>
  return %c : tensor<5x8xi8>
}

// -----

// Integers of two bits are made as bytes, which are narrowed behind: a contraction does not write parts of bytes.
// CHECK-LABEL: func @narrow
//       CHECK:   %[[BYTES:.*]] = lowbit.contract {{.*}} epilogue() {
//       CHECK:     arith.extui %{{.*}} : i2 to i8
//       CHECK:   } -> tensor<4x6xi8>
//       CHECK:   %[[CODES:.*]] = linalg.generic {{.*}} ins(%[[BYTES]] : tensor<4x6xi8>) outs(%{{.*}} : tensor<4x6xi2>)
//       CHECK:     arith.trunci %{{.*}} : i8 to i2
//       CHECK:   return %[[CODES]]
func.func @narrow(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %s: tensor<f32>, %e: tensor<4x6xf32>) -> tensor<4x6xi2> {
  %scale = arith.constant dense<0.25> : tensor<f32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %s <#lowbit.int<8>> : tensor<4x8xi8>, tensor<f32>)
    rhs(%b scales %s <#lowbit.int<8>> : tensor<8x6xi8>, tensor<f32>) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %c = lowbit.quantize %r, %scale <#lowbit.uint<2>> : (tensor<4x6xf32>, tensor<f32>) -> tensor<4x6xi2>
  return %c : tensor<4x6xi2>
}
