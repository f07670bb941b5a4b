// RUN: quant-opt %s --lowbit-form-kernel-ops=target=nvptx:sm_90a | FileCheck %s
// RUN: quant-opt %s --lowbit-form-kernel-ops="target=nvptx:sm_90a floats=0" | FileCheck %s --check-prefix=OPEN
// RUN: quant-opt %s --lowbit-compile=target=reference:sm_90a | FileCheck %s --check-prefix=LOOPS
// RUN: not quant-opt %s --lowbit-form-kernel-ops=target=host 2>&1 | FileCheck %s --check-prefix=HOST
// HOST: error: `{{.*}}` is no GPU

// What a kernel computes, down to each operation: a sum in the order of lanes, a fused product, an exponential as a polynomial, a reciprocal.
// CHECK-LABEL: func.func @rows
//       CHECK:   lowbit.order = {lanes = 32 : i64, neighbours = 4 : i64}
//       CHECK:   math.fma %{{.*}}, %{{.*}}, %{{.*}} fastmath<reassoc,nsz>
//   CHECK-NOT:   math.exp
//       CHECK:   arith.divf %{{.*}}, %{{.*}} : f32
//       CHECK:   arith.mulf %{{.*}}, %{{.*}} : f32

// Without floats all of this is open.
// OPEN-LABEL: func.func @rows
//   OPEN-NOT:   lowbit.order
//   OPEN-NOT:   math.fma
//       OPEN:   arith.addf %{{.*}} fastmath<reassoc,nsz,arcp,contract>
//       OPEN:   math.exp

// LOOPS-LABEL: llvm.func @rows
//       LOOPS:   llvm.alloca
//       LOOPS:   llvm.intr.fma
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @rows(%x: tensor<32x128xf32>) -> tensor<32x128xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<32x128xf32>
  %s_e = tensor.empty() : tensor<32xf32>
  %s_0 = linalg.fill ins(%zero : f32) outs(%s_e : tensor<32xf32>) -> tensor<32xf32>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<32x128xf32>) outs(%s_0 : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  } -> tensor<32xf32>
  %r = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<32x128xf32>, tensor<32xf32>) outs(%e : tensor<32x128xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = math.exp %a : f32
    %1 = arith.divf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<32x128xf32>
  return %r : tensor<32x128xf32>
}
