// RUN: quant-opt %s --pass-pipeline="builtin.module(gpu.module(lowbit-round-by-addition))" | FileCheck %s

gpu.module @kernels {
// CHECK-LABEL: @code
//  CHECK-SAME:   %[[X:.*]]: f32
//   CHECK-DAG:   %[[LOW:.*]] = arith.constant -1.280000e+02 : f32
//   CHECK-DAG:   %[[HIGH:.*]] = arith.constant 1.270000e+02 : f32
//   CHECK-DAG:   %[[SHIFT:.*]] = arith.constant 0x4B400000 : f32
//   CHECK-DAG:   %[[BITS:.*]] = arith.constant 1262485504 : i32
//       CHECK:   %[[RAISED:.*]] = arith.maxnumf %[[X]], %[[LOW]]
//       CHECK:   %[[CLAMPED:.*]] = arith.minnumf %[[RAISED]], %[[HIGH]]
//       CHECK:   %[[SUM:.*]] = arith.addf %[[CLAMPED]], %[[SHIFT]]
//       CHECK:   %[[WORD:.*]] = arith.bitcast %[[SUM]] : f32 to i32
//       CHECK:   %[[CODE:.*]] = arith.subi %[[WORD]], %[[BITS]]
//       CHECK:   return %[[CODE]]
func.func @code(%x: f32) -> i32 {
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %r = math.roundeven %x : f32
  %above = arith.cmpf ogt, %r, %low : f32
  %raised = arith.select %above, %r, %low : f32
  %below = arith.cmpf olt, %raised, %high : f32
  %clamped = arith.select %below, %raised, %high : f32
  %code = arith.fptosi %clamped : f32 to i32
  return %code : i32
}

// A bound that is no integer, and one beyond what the addition holds.
// CHECK-LABEL: @bounds
// CHECK-COUNT-2: arith.fptosi
func.func @bounds(%x: f32) -> (i32, i32) {
  %low = arith.constant -128.0 : f32
  %half = arith.constant 126.5 : f32
  %far = arith.constant 4194304.0 : f32
  %r = math.roundeven %x : f32
  %above = arith.cmpf ogt, %r, %low : f32
  %raised = arith.select %above, %r, %low : f32
  %below = arith.cmpf olt, %raised, %half : f32
  %clamped = arith.select %below, %raised, %half : f32
  %code = arith.fptosi %clamped : f32 to i32
  %below2 = arith.cmpf olt, %raised, %far : f32
  %clamped2 = arith.select %below2, %raised, %far : f32
  %code2 = arith.fptosi %clamped2 : f32 to i32
  return %code, %code2 : i32, i32
}

// Truncated, not rounded.
// CHECK-LABEL: @truncated
// CHECK: arith.fptosi
func.func @truncated(%x: f32) -> i32 {
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %above = arith.cmpf ogt, %x, %low : f32
  %raised = arith.select %above, %x, %low : f32
  %below = arith.cmpf olt, %raised, %high : f32
  %clamped = arith.select %below, %raised, %high : f32
  %code = arith.fptosi %clamped : f32 to i32
  return %code : i32
}

// An even integer added between is added with the shift; a quotient by a power of two is a product.
// CHECK-LABEL: @shifted
//   CHECK-DAG:   %[[LOW:.*]] = arith.constant -6.000000e+01 : f32
//   CHECK-DAG:   %[[SHIFT:.*]] = arith.constant 0x4B400078 : f32
//   CHECK-DAG:   %[[TWO:.*]] = arith.constant 2.000000e+00 : f32
//   CHECK-DAG:   %[[BITS:.*]] = arith.constant 1262485504 : i32
//       CHECK:   arith.maxnumf %{{.*}}, %[[LOW]]
//       CHECK:   %[[Y:.*]] = arith.minnumf
//       CHECK:   %[[SUM:.*]] = math.fma %[[Y]], %[[TWO]], %[[SHIFT]]
//       CHECK:   %[[WORD:.*]] = arith.bitcast %[[SUM]]
//       CHECK:   arith.subi %[[WORD]], %[[BITS]]
func.func @shifted(%x: f32) -> i32 {
  %low = arith.constant 0.0 : f32
  %high = arith.constant 255.0 : f32
  %zero = arith.constant 120.0 : f32
  %step = arith.constant 0.5 : f32
  %q = arith.divf %x, %step : f32
  %r = math.roundeven %q : f32
  %s = arith.addf %r, %zero : f32
  %above = arith.cmpf ogt, %s, %low : f32
  %raised = arith.select %above, %s, %low : f32
  %below = arith.cmpf olt, %raised, %high : f32
  %clamped = arith.select %below, %raised, %high : f32
  %code = arith.fptosi %clamped : f32 to i32
  return %code : i32
}

// An odd one is added to the code, as the addition would round a half to the other side. By other constants a quotient is two products, and by
// those where two are too coarse between some codes, a quotient with two corrections.
// CHECK-LABEL: @odd
//   CHECK-DAG:   %[[SHIFT:.*]] = arith.constant 0x4B400000 : f32
//   CHECK-DAG:   %[[BITS:.*]] = arith.constant 1262485385 : i32
//   CHECK-DAG:   %[[RECIPROCAL:.*]] = arith.constant 61.9821129 : f32
//   CHECK-DAG:   %[[REST:.*]] = arith.constant 1.26457178E-6 : f32
//       CHECK:   %[[Y:.*]] = arith.minnumf
//       CHECK:   %[[SMALL:.*]] = arith.mulf %[[Y]], %[[REST]]
//       CHECK:   %[[Q:.*]] = math.fma %[[Y]], %[[RECIPROCAL]], %[[SMALL]]
//       CHECK:   %[[SUM:.*]] = arith.addf %[[Q]], %[[SHIFT]]
//       CHECK:   %[[WORD:.*]] = arith.bitcast %[[SUM]]
//       CHECK:   arith.subi %[[WORD]], %[[BITS]]
func.func @odd(%x: f32) -> i32 {
  %low = arith.constant 0.0 : f32
  %high = arith.constant 255.0 : f32
  %zero = arith.constant 119.0 : f32
  %step = arith.constant 0.016133686527609825 : f32
  %q = arith.divf %x, %step : f32
  %r = math.roundeven %q : f32
  %s = arith.addf %r, %zero : f32
  %above = arith.cmpf ogt, %s, %low : f32
  %raised = arith.select %above, %s, %low : f32
  %below = arith.cmpf olt, %raised, %high : f32
  %clamped = arith.select %below, %raised, %high : f32
  %code = arith.fptosi %clamped : f32 to i32
  return %code : i32
}
}
