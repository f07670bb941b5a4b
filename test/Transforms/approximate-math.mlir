// RUN: quant-opt %s --lowbit-approximate-math | FileCheck %s
// RUN: quant-opt %s --lowbit-approximate-math=reciprocals | FileCheck %s --check-prefix=RECIPROCAL

// No function is left for the C library, which would take one lane after the other.
// CHECK-LABEL: func @functions
//   CHECK-NOT:   math.exp
//   CHECK-NOT:   math.erf
//   CHECK-NOT:   math.tanh
//       CHECK:   return
func.func @functions(%x: vector<16xf32>) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>) {
  %0 = math.exp %x : vector<16xf32>
  %1 = math.erf %x : vector<16xf32>
  %2 = math.tanh %x : vector<16xf32>
  return %0, %1, %2 : vector<16xf32>, vector<16xf32>, vector<16xf32>
}

// One division, no branch and no table; erf(x) = -erf(-x) by form, held at 3.92.
// CHECK-LABEL: func @erf
//  CHECK-SAME:   %[[X:.*]]: vector<16xf32>
//   CHECK-NOT:   math.absf
//       CHECK:   %[[HIGH:.*]] = arith.cmpf olt, %{{.*}}, %[[X]]
//       CHECK:   %[[LOW:.*]] = arith.cmpf ogt
//   CHECK-NOT:   arith.cmpf
// CHECK-COUNT-10: math.fma
//   CHECK-NOT:   math.fma
//       CHECK:   %[[ERF:.*]] = arith.divf
//  CHECK-NEXT:   return %[[ERF]]
func.func @erf(%x: vector<16xf32>) -> vector<16xf32> {
  %0 = math.erf %x : vector<16xf32>
  return %0 : vector<16xf32>
}

// A narrower float goes through f32; f64 stays the library's.
// CHECK-LABEL: func @exp_of_others
//       CHECK:   arith.extf %{{.*}} : bf16 to f32
//       CHECK:   arith.truncf %{{.*}} : f32 to bf16
//       CHECK:   math.exp %{{.*}} : f64
func.func @exp_of_others(%x: bf16, %y: f64) -> (bf16, f64) {
  %0 = math.exp %x : bf16
  %1 = math.exp %y : f64
  return %0, %1 : bf16, f64
}

// Where the function may be computed by a reciprocal, its quotient may be, if that is asked for.
// CHECK-LABEL: func @by_reciprocal
//       CHECK:   arith.divf %{{.*}}, %{{.*}} : f32
//       CHECK:   arith.divf %{{.*}}, %{{.*}} : f32
// RECIPROCAL-LABEL: func @by_reciprocal
//       RECIPROCAL:   arith.divf %{{.*}}, %{{.*}} fastmath<arcp> : f32
//       RECIPROCAL:   arith.divf %{{.*}}, %{{.*}} : f32
func.func @by_reciprocal(%x: f32) -> (f32, f32) {
  %0 = math.erf %x fastmath<reassoc,arcp> : f32
  %1 = math.erf %x : f32
  return %0, %1 : f32, f32
}

// A sine of f32 needs no f64 and no table: 96 bits of 2/pi, three products of words, two polynomials. Nothing is left of either function, and
// sine and cosine of one angle share the reduction.
// CHECK-LABEL: func @angles
//   CHECK-NOT:   f64
//       CHECK:   arith.shrui
//   CHECK-NOT:   math.{{sin|cos|tan}}
//       CHECK:   return
func.func @angles(%x: vector<16xf32>, %y: f32) -> (vector<16xf32>, f32, f32, f32) {
  %0 = math.sin %x : vector<16xf32>
  %1 = math.tan %y : f32
  %2, %3 = math.sincos %y : f32
  return %0, %1, %2, %3 : vector<16xf32>, f32, f32, f32
}

// Rounded once from f64; halves through f32. f64 itself stays the library's.
// CHECK-LABEL: func @wide
//       CHECK:   arith.extf %{{.*}} : f16 to f64
//       CHECK:   arith.truncf %{{.*}} : f64 to f32
//       CHECK:   arith.truncf %{{.*}} : f32 to f16
//   CHECK-NOT:   math.atan2
//       CHECK:   math.asin %{{.*}} : f64
func.func @wide(%x: f16, %y: vector<4xf32>, %z: f64) -> (f16, vector<4xf32>, f64) {
  %0 = math.acosh %x : f16
  %1 = math.atan2 %y, %y : vector<4xf32>
  %2 = math.asin %z : f64
  return %0, %1, %2 : f16, vector<4xf32>, f64
}

// A power with a constant whole exponent is multiplied out; any other whole exponent is a power of f64.
// CHECK-LABEL: func @whole_powers
//       CHECK:   arith.mulf
//       CHECK:   arith.sitofp %{{.*}} : i32 to f64
//   CHECK-NOT:   math.fpowi
//       CHECK:   return
func.func @whole_powers(%x: f32, %n: i32) -> (f32, f32) {
  %c3 = arith.constant 3 : i32
  %0 = math.fpowi %x, %c3 : f32, i32
  %1 = math.fpowi %x, %n : f32, i32
  return %0, %1 : f32, f32
}

// Integers and questions about floats are no functions of a library, either.
// CHECK-LABEL: func @integers
//   CHECK-NOT:   math.{{absi|ctlz|cttz|ipowi|isnan|isinf|isfinite|isnormal}}
//       CHECK:   return
func.func @integers(%x: vector<4xi64>, %y: i32, %f: f32) -> (vector<4xi64>, i32, i32, i32, i1, i1, i1, i1) {
  %0 = math.absi %x : vector<4xi64>
  %1 = math.ctlz %y : i32
  %2 = math.cttz %y : i32
  %3 = math.ipowi %y, %y : i32
  %4 = math.isnan %f : f32
  %5 = math.isinf %f : f32
  %6 = math.isfinite %f : f32
  %7 = math.isnormal %f : f32
  return %0, %1, %2, %3, %4, %5, %6, %7 : vector<4xi64>, i32, i32, i32, i1, i1, i1, i1
}

// An integer power of f32 comes by way of f64.
// CHECK-LABEL: func @narrow_power
//   CHECK-NOT:   math.powf
//       CHECK:   return
func.func @narrow_power(%x: f32, %n: i64) -> f32 {
  %0 = arith.extf %x : f32 to f64
  %1 = arith.sitofp %n : i64 to f64
  %2 = math.powf %0, %1 : f64
  %3 = arith.truncf %2 : f64 to f32
  return %3 : f32
}
