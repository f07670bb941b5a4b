// RUN: not quant-opt %s --pass-pipeline='builtin.module(lowbit-name-sites,lowbit-ptq-smooth-quant{recipe=w8a8})' 2>&1 | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-name-sites,lowbit-ptq-smooth-quant{recipe=w8a8-dynamic})' | FileCheck %s --check-prefix=OFF

// Smoothing moves ranges that were recorded: without statistics there are none.
// CHECK: error: recipe `w8a8` smooths activations, which needs statistics; calibrate first, and give `stats`

// A recipe that does not ask for it changes nothing.
// OFF-LABEL: func @main
// OFF-NOT:   linalg.generic
// OFF:       linalg.matmul
func.func @main(%x: tensor<4x2xf32>) -> tensor<4x3xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, 1.0, 0.25], [2.0, 1.0, 4.0]]> : tensor<2x3xf32>
  %e = tensor.empty() : tensor<4x3xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x3xf32>) -> tensor<4x3xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32> loc("fc")
  return %r : tensor<4x3xf32>
}
