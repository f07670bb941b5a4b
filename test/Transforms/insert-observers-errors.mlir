// RUN: split-file %s %t
// RUN: not quant-opt %t/model.mlir --lowbit-insert-observers="observer=median" 2>&1 | FileCheck %s --check-prefix=OBSERVER
// RUN: not quant-opt %t/model.mlir --lowbit-insert-observers="observer=percentile<0.5>" 2>&1 | FileCheck %s --check-prefix=PARAMETER
// RUN: not quant-opt %t/model.mlir --lowbit-insert-observers="observer=int<8>" 2>&1 | FileCheck %s --check-prefix=FORMAT
// RUN: not quant-opt %t/model.mlir --lowbit-insert-observers="axes=row" 2>&1 | FileCheck %s --check-prefix=AXES
// RUN: not quant-opt %t/model.mlir --lowbit-insert-observers="sites=query,key" 2>&1 | FileCheck %s --check-prefix=PATTERN
// RUN: not quant-opt %t/model.mlir --lowbit-insert-observers="sites=[a" 2>&1 | FileCheck %s --check-prefix=GLOB
// RUN: not quant-opt %t/unnamed.mlir --lowbit-insert-observers 2>&1 | FileCheck %s --check-prefix=UNNAMED
// RUN: not quant-opt %t/wide.mlir --lowbit-insert-observers 2>&1 | FileCheck %s --check-prefix=WIDE
// RUN: not quant-opt %t/empty.mlir --lowbit-insert-observers 2>&1 | FileCheck %s --check-prefix=EMPTY

// OBSERVER: error: unknown observer `median`; expected such as `minmax` or `percentile<99.9>`
// PARAMETER: error: unknown observer `percentile<0.5>`
// FORMAT: error: unknown observer `int<8>`
// AXES: error: unknown axes `row`; expected `tensor`, `channel`, `token` or `auto`
// PATTERN: error: pattern `key` matches no activation
// PATTERN: note: sites are named `query`
// GLOB: error: pattern `[a` is not a glob
// UNNAMED: error: 'linalg.matmul' op can be quantized but has no `lowbit.site`; run `lowbit-name-sites` first
// WIDE: error: 'linalg.matmul' op has an activation of type 'tensor<4x8xf64>'; expected floats of at most 32 bits to observe
// EMPTY: error: module has no site to observe; expected ops that can be quantized

//--- model.mlir
func.func @model(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %w = arith.constant dense<1.0> : tensor<8x6xf32>
  %0 = linalg.matmul {lowbit.site = "query"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}
//--- unnamed.mlir
func.func @unnamed(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %w = arith.constant dense<1.0> : tensor<8x6xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}
//--- wide.mlir
func.func @wide(%x: tensor<4x8xf64>, %z: tensor<4x6xf64>) -> tensor<4x6xf64> {
  %w = arith.constant dense<1.0> : tensor<8x6xf64>
  %0 = linalg.matmul {lowbit.site = "query"} ins(%x, %w : tensor<4x8xf64>, tensor<8x6xf64>) outs(%z : tensor<4x6xf64>) -> tensor<4x6xf64>
  return %0 : tensor<4x6xf64>
}
//--- empty.mlir
func.func @empty() {
  return
}
