// RUN: quant-opt %s --pass-pipeline="builtin.module(gpu.module(lowbit-settle-floats))" | FileCheck %s

gpu.module @kernels {
// CHECK-LABEL: @contracted
//  CHECK-SAME:   %[[X:.*]]: f32, %[[Y:.*]]: f32, %[[Z:.*]]: f32
//       CHECK:   %[[SUM:.*]] = math.fma %[[X]], %[[Y]], %[[Z]] : f32
//       CHECK:   %[[NEGATIVE:.*]] = arith.negf %[[X]]
//       CHECK:   math.fma %[[NEGATIVE]], %[[Y]], %[[SUM]] : f32
func.func @contracted(%x: f32, %y: f32, %z: f32) -> f32 {
  %0 = arith.mulf %x, %y fastmath<contract> : f32
  %1 = arith.addf %0, %z fastmath<contract> : f32
  %2 = arith.mulf %x, %y fastmath<reassoc,contract> : f32
  %3 = arith.subf %1, %2 fastmath<contract> : f32
  return %3 : f32
}

// A product that is read twice stays, and so does one that may not be contracted. No flag is left.
// CHECK-LABEL: @kept
//   CHECK-NOT:   fastmath
//   CHECK-NOT:   math.fma
//       CHECK:   return
func.func @kept(%x: f32, %y: f32) -> (f32, f32, f32) {
  %0 = arith.mulf %x, %y fastmath<contract> : f32
  %1 = arith.addf %0, %y fastmath<contract> : f32
  %2 = arith.mulf %y, %y fastmath<reassoc> : f32
  %3 = arith.addf %2, %x fastmath<contract> : f32
  return %0, %1, %3 : f32, f32, f32
}

// CHECK-LABEL: @quotients
//       CHECK:   arith.mulf %{{.*}}, %{{.*}} : f32
//       CHECK:   arith.divf
func.func @quotients(%x: f32) -> (f32, f32) {
  %four = arith.constant 4.0 : f32
  %0 = arith.divf %x, %four fastmath<arcp> : f32
  %1 = arith.divf %x, %four : f32
  return %0, %1 : f32, f32
}
}
