// RUN: quant-opt %s --split-input-file --lowbit-ptq-hqq=norm=1 --verify-diagnostics
// RUN: not quant-opt %s --lowbit-ptq-hqq=sites=other 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not quant-opt %s --pass-pipeline='builtin.module(lowbit-ptq-hqq,lowbit-ptq-hqq{iterations=0})' 2>&1 | FileCheck %s --check-prefix=STEPS
// RUN: not quant-opt %S/Inputs/codes.mlir --lowbit-ptq-hqq 2>&1 | FileCheck %s --check-prefix=CODES

// NONE: error: hqq: pattern "other" matches no site whose weight becomes codes
// NONE: note: they are named `fc`
// STEPS: error: 'linalg.matmul' op hqq: norm is {{.*}} and iterations 0; expected a norm between 0 and 1
// CODES: error: 'linalg.matmul' op hqq chooses scales, but an algorithm before it has chosen codes of site `fc`; list `hqq` before it
func.func @main(%x: tensor<2x2xf32>, %init: tensor<2x1xf32>) -> tensor<2x1xf32> {
  %w = arith.constant dense<[[-1.0], [1.0]]> : tensor<2x1xf32>
  %s = lowbit.compute_scales %w <#lowbit.ternary> : (tensor<2x1xf32>) -> tensor<f32>
  %c = lowbit.quantize %w, %s <#lowbit.ternary> : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1x!lowbit.code<#lowbit.ternary>>
  %d = lowbit.dequantize %c, %s <#lowbit.ternary> : (tensor<2x1x!lowbit.code<#lowbit.ternary>>, tensor<f32>) -> tensor<2x1xf32>
  // expected-error @below {{hqq: norm is 1.000000e+00, beta 1.000000e+01, growth 1.010000e+00 and iterations 20; expected a norm between 0 and 1}}
  %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<2x2xf32>, tensor<2x1xf32>) outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32>
  return %r : tensor<2x1xf32>
}
