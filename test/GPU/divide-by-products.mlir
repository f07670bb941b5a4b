// RUN: quant-opt %s --lowbit-divide-by-products | FileCheck %s

// The divisor is between 1 and 1 + 16 * 0.5, the dividend between -4 and 4.
// CHECK-LABEL: @bounded
//   CHECK-NOT:   arith.divf
//       CHECK:   arith.subi
// CHECK-COUNT-4: math.fma
//       CHECK:   arith.mulf
// CHECK-COUNT-2: math.fma
//   CHECK-NOT:   arith.divf
//       CHECK:   return
func.func @bounded(%x: f32) -> f32 {
  %high = arith.constant 4.0 : f32
  %low = arith.constant -4.0 : f32
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %0 = arith.cmpf olt, %high, %x : f32
  %1 = arith.select %0, %high, %x : f32
  %2 = arith.cmpf ogt, %low, %1 : f32
  %3 = arith.select %2, %low, %1 : f32
  %4 = arith.mulf %3, %3 : f32
  %5 = math.fma %4, %half, %one : f32
  %6 = arith.divf %3, %5 fastmath<arcp> : f32
  return %6 : f32
}

// Nothing is known of one side, or the divisor may be zero.
// CHECK-LABEL: @unbounded
// CHECK-COUNT-2: arith.divf
func.func @unbounded(%x: f32, %y: f32) -> (f32, f32) {
  %high = arith.constant 4.0 : f32
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %0 = arith.cmpf olt, %high, %x : f32
  %1 = arith.select %0, %high, %x : f32
  %2 = arith.cmpf ogt, %zero, %1 : f32
  %3 = arith.select %2, %zero, %1 : f32
  %4 = arith.divf %one, %3 fastmath<arcp> : f32
  %5 = arith.divf %one, %y fastmath<arcp> : f32
  return %4, %5 : f32, f32
}
// Without leave to take the reciprocal a quotient is the nearest number, which products miss for some operands; and the reciprocal of a
// constant is known.
// CHECK-LABEL: @kept
//       CHECK:   arith.divf %{{.*}}, %{{.*}} : f32
//       CHECK:   arith.divf %{{.*}}, %{{.*}} fastmath<arcp> : f32
func.func @kept(%x: f32) -> (f32, f32) {
  %high = arith.constant 4.0 : f32
  %low = arith.constant 1.0 : f32
  %three = arith.constant 3.0 : f32
  %0 = arith.cmpf olt, %high, %x : f32
  %1 = arith.select %0, %high, %x : f32
  %2 = arith.cmpf ogt, %low, %1 : f32
  %3 = arith.select %2, %low, %1 : f32
  %4 = arith.divf %3, %3 : f32
  %5 = arith.divf %3, %three fastmath<arcp> : f32
  return %4, %5 : f32, f32
}
