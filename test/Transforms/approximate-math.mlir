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
