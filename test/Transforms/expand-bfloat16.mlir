// RUN: quant-opt %s --lowbit-expand-bfloat16 | FileCheck %s

// A bf16 is the upper half of an f32.
// CHECK-LABEL: func @widen
//   CHECK-NOT:   arith.extf
//       CHECK:   arith.shli
//       CHECK:   arith.bitcast {{.*}} : vector<4xi32> to vector<4xf32>
func.func @widen(%x: vector<4xbf16>) -> vector<4xf32> {
  %r = arith.extf %x : vector<4xbf16> to vector<4xf32>
  return %r : vector<4xf32>
}

// Half to even: the lowest bit that stays is added with 0x7fff before the rest is cut.
// CHECK-LABEL: func @round
//   CHECK-NOT:   arith.truncf
//       CHECK:   arith.constant {{.*}}32767
//       CHECK:   arith.shrui
//       CHECK:   arith.bitcast {{.*}} : i16 to bf16
func.func @round(%x: f32) -> bf16 {
  %r = arith.truncf %x : f32 to bf16
  return %r : bf16
}

// f16 is the processor's.
// CHECK-LABEL: func @half
//       CHECK:   arith.truncf {{.*}} : f32 to f16
func.func @half(%x: f32) -> f16 {
  %r = arith.truncf %x : f32 to f16
  return %r : f16
}
