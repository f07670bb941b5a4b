// RUN: quant-opt %s --pass-pipeline='builtin.module(gpu.module(lowbit-lower-kernel-math))' | FileCheck %s

gpu.module @kernels {
  // What is one instruction becomes an intrinsic of its type.
  // CHECK-LABEL: func @instructions
  //  CHECK-SAME:   %[[X:.*]]: f32, %[[PAIR:.*]]: vector<2xf16>, %[[WORD:.*]]: i32
  //       CHECK:   llvm.call_intrinsic "llvm.roundeven.f32"(%[[X]]) : (f32) -> f32
  //       CHECK:   llvm.call_intrinsic "llvm.fabs.v2f16"(%[[PAIR]])
  //       CHECK:   llvm.call_intrinsic "llvm.fma.f32"(%[[X]], %[[X]], %[[X]])
  //       CHECK:   llvm.call_intrinsic "llvm.ctpop.i32"(%[[WORD]])
  func.func @instructions(%x: f32, %pair: vector<2xf16>, %word: i32) -> (f32, vector<2xf16>, f32, i32) {
    %0 = math.roundeven %x : f32
    %1 = math.absf %pair : vector<2xf16>
    %2 = math.fma %x, %x, %x : f32
    %3 = math.ctpop %word : i32
    return %0, %1, %2, %3 : f32, vector<2xf16>, f32, i32
  }

  // Functions are none.
  // CHECK-LABEL: func @functions
  //       CHECK:   math.exp
  func.func @functions(%x: f32) -> f32 {
    %0 = math.exp %x : f32
    return %0 : f32
  }
}
