// RUN: quant-opt %s --split-input-file --lowbit-name-sites --lowbit-ptq-rotate --cse | FileCheck %s
// RUN: quant-opt %s --split-input-file --lowbit-name-sites --remarks-filter=lowbit --lowbit-ptq-rotate --cse 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: quant-opt %s --split-input-file --lowbit-name-sites --lowbit-ptq-rotate=tolerance=0.5 | FileCheck %s --check-prefix=TOLERANT

// Two linears of one activation read one rotated activation: log2(4) stages, of which the first has the signs and the norm.
// CHECK-LABEL: func @shared
//  CHECK-SAME:   %[[X:.*]]: tensor<3x4xf32>
//       CHECK:   %[[PAIRS:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0], [1, 2, 3]] output_shape [3, 2, 2, 1]
//   CHECK-DAG:   %[[LOW:.*]] = tensor.extract_slice %[[PAIRS]][0, 0, 0, 0] [3, 2, 1, 1]
//   CHECK-DAG:   %[[HIGH:.*]] = tensor.extract_slice %[[PAIRS]][0, 0, 1, 0] [3, 2, 1, 1]
//   CHECK-DAG:   arith.constant dense<{{.*}}5.000000e-01{{.*}}> : tensor<2x2x1xf32>
//       CHECK:   %[[SUMS:.*]] = linalg.generic {{.*}} ins(%[[LOW]], %[[HIGH]], %{{.*}}, %{{.*}} :
//       CHECK:   %[[ONCE:.*]] = tensor.collapse_shape %[[SUMS]]
//       CHECK:   %[[QUADS:.*]] = tensor.expand_shape %[[ONCE]] {{\[\[}}0], [1, 2, 3]] output_shape [3, 1, 2, 2]
//       CHECK:   arith.constant dense<[1.000000e+00, -1.000000e+00]> : tensor<2xf32>
//       CHECK:   %[[SUMS:.*]] = linalg.generic
//       CHECK:   %[[ROTATED:.*]] = tensor.collapse_shape %[[SUMS]]
//   CHECK-NOT:   tensor.expand_shape
//       CHECK:   linalg.matmul {lowbit.activation_changes = ["rotate block=4 seed=0"],{{.*}} lowbit.site = "a"} ins(%[[ROTATED]],
//       CHECK:   linalg.matmul {lowbit.activation_changes = ["rotate block=4 seed=0"],{{.*}} lowbit.site = "b"} ins(%[[ROTATED]],
func.func @shared(%x: tensor<3x4xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %zero = arith.constant 0.0 : f32
  %v = arith.constant dense<[[8.0, 0.0], [0.0, 8.0], [1.0, 0.0], [0.0, 0.0]]> : tensor<4x2xf32>
  %w = arith.constant dense<[[8.0, 1.0], [0.0, 8.0], [1.0, 0.0], [0.0, 0.0]]> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<3x2xf32>) -> tensor<3x2xf32>
  %a = linalg.matmul ins(%x, %v : tensor<3x4xf32>, tensor<4x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32> loc("a")
  %b = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32> loc("b")
  return %a, %b : tensor<3x2xf32>, tensor<3x2xf32>
}

// -----

// Weights of two values would be of more: they, and what they read, stay as they were. So does a linear without blocks of a power of two.
// REMARK: Reason="its 3 inputs come in no blocks of a power of two", Remark="rotate: `odd` stays as it was"
// REMARK: Reason="max/rms of its weights would be 1.414, not 1.000", Remark="rotate: `signs` stays as it was"
// CHECK-LABEL: func @unchanged
//   CHECK-NOT:   tensor.expand_shape
//       CHECK:   linalg.matmul {{.*}}lowbit.site = "signs"}
//       CHECK:   linalg.matmul {{.*}}lowbit.site = "odd"}
// Unless that is allowed.
// TOLERANT-LABEL: func @unchanged
//       TOLERANT:   lowbit.activation_changes = ["rotate block=2 seed=0"],{{.*}} lowbit.site = "signs"
func.func @unchanged(%x: tensor<3x2xf32>, %y: tensor<3x3xf32>) -> (tensor<3x2xf32>, tensor<3x1xf32>) {
  %zero = arith.constant 0.0 : f32
  %v = arith.constant dense<[[1.0, 1.0], [-1.0, 1.0]]> : tensor<2x2xf32>
  %w = arith.constant dense<[[8.0], [1.0], [1.0]]> : tensor<3x1xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<3x2xf32>) -> tensor<3x2xf32>
  %a = linalg.matmul ins(%x, %v : tensor<3x2xf32>, tensor<2x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32> loc("signs")
  %f = tensor.empty() : tensor<3x1xf32>
  %init2 = linalg.fill ins(%zero : f32) outs(%f : tensor<3x1xf32>) -> tensor<3x1xf32>
  %b = linalg.matmul ins(%y, %w : tensor<3x3xf32>, tensor<3x1xf32>) outs(%init2 : tensor<3x1xf32>) -> tensor<3x1xf32> loc("odd")
  return %a, %b : tensor<3x2xf32>, tensor<3x1xf32>
}

// -----

// A second rotation would cost and change nothing.
// REMARK: Reason="it is rotated already", Remark="rotate: `twice` stays as it was"
func.func @twice(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[8.0], [0.0]]> : tensor<2x1xf32>
  %r = linalg.matmul {lowbit.activation_changes = ["rotate block=2 seed=0"]} ins(%x, %w : tensor<4x2xf32>, tensor<2x1xf32>)
    outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32> loc("twice")
  return %r : tensor<4x1xf32>
}

// -----

// After `lowbit-insert-qdq` the rotation goes before `quantize`, and both sides' scales are computed of what is rotated.
// CHECK-LABEL: func @quantized
//  CHECK-SAME:   %[[X:.*]]: tensor<3x2xf32>
//       CHECK:   tensor.expand_shape %[[X]]
//       CHECK:   %[[ROTATED:.*]] = tensor.collapse_shape
//       CHECK:   %[[W:.*]] = arith.constant {{.*}} : tensor<2x1xf32>
//       CHECK:   %[[SW:.*]] = lowbit.compute_scales %[[W]]
//       CHECK:   %[[CW:.*]] = lowbit.quantize %[[W]], %[[SW]]
//       CHECK:   %[[DW:.*]] = lowbit.dequantize %[[CW]], %[[SW]]
//       CHECK:   %[[SX:.*]] = lowbit.compute_scales %[[ROTATED]]
//       CHECK:   %[[CX:.*]] = lowbit.quantize %[[ROTATED]], %[[SX]]
//       CHECK:   %[[DX:.*]] = lowbit.dequantize %[[CX]], %[[SX]]
//       CHECK:   linalg.matmul {{.*}} ins(%[[DX]], %[[DW]]
func.func @quantized(%x: tensor<3x2xf32>, %init: tensor<3x1xf32>) -> tensor<3x1xf32> {
  %w = arith.constant dense<[[8.0], [1.0]]> : tensor<2x1xf32>
  %sw = lowbit.compute_scales %w <#lowbit.int<4>, block = [0, 1]> : (tensor<2x1xf32>) -> tensor<1x1xf32>
  %cw = lowbit.quantize %w, %sw <#lowbit.int<4>, block = [0, 1]> : (tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xi4>
  %dw = lowbit.dequantize %cw, %sw <#lowbit.int<4>, block = [0, 1]> : (tensor<2x1xi4>, tensor<1x1xf32>) -> tensor<2x1xf32>
  %sx = lowbit.compute_scales %x <#lowbit.int<4>, block = [1, 0]> : (tensor<3x2xf32>) -> tensor<3x1xf32>
  %cx = lowbit.quantize %x, %sx <#lowbit.int<4>, block = [1, 0]> : (tensor<3x2xf32>, tensor<3x1xf32>) -> tensor<3x2xi4>
  %dx = lowbit.dequantize %cx, %sx <#lowbit.int<4>, block = [1, 0]> : (tensor<3x2xi4>, tensor<3x1xf32>) -> tensor<3x2xf32>
  %r = linalg.matmul {lowbit.site = "fc"} ins(%dx, %dw : tensor<3x2xf32>, tensor<2x1xf32>) outs(%init : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %r : tensor<3x1xf32>
}
