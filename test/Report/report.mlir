// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-quantize{recipe=w8a8-dynamic},lowbit-report)' -o %t | FileCheck %s
// RUN: not quant-opt %s --lowbit-report=stats=%t.none 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not quant-opt %s --lowbit-report=output=%t.none/r.json 2>&1 | FileCheck %s --check-prefix=OUTPUT

// 8 x 6 weights were 192 bytes of f32; now they are 48 codes and 6 scales of f32. 4 x 8 x 6 products are of 8 bits.
// CHECK: "bytes": {
// CHECK-NEXT: "float": 192,
// CHECK-NEXT: "quantized": 72
// CHECK: "macs": {
// CHECK-NEXT: "32x32": 96,
// CHECK-NEXT: "8x8": 192
// CHECK: "sites": [
// CHECK: "bytes": {
// CHECK-NEXT: "float": 192,
// CHECK-NEXT: "quantized": 72
// CHECK: "kind": "contract"
// CHECK: "rhs": "#lowbit.scheme<#lowbit.int<8>, block = [0, 1]>"
// CHECK: "site": "fc"
// CHECK-NEXT: "sqnr_db": {{[0-9.]+}}
// A product of two activations stays float, and the row says why.
// CHECK: "float_reason": "products of two activations
// CHECK: "site": "scores"
// NONE: error: {{.*}}.none
// OUTPUT: error: cannot write the report to `{{.*}}r.json`
func.func @main(%x: tensor<4x8xf32>, %y: tensor<1x6x4xf32>) -> tensor<1x4x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.5, 1.0, 0.25, 0.1, 0.2, 0.3], [2.0, 1.0, 4.0, 0.1, 0.2, 0.3], [0.5, 1.0, 0.25, 0.1, 0.2, 0.3], [2.0, 1.0, 4.0, 0.1, 0.2, 0.3],
    [0.5, 1.0, 0.25, 0.1, 0.2, 0.3], [2.0, 1.0, 4.0, 0.1, 0.2, 0.3], [0.5, 1.0, 0.25, 0.1, 0.2, 0.3], [2.0, 1.0, 4.0, 0.1, 0.2, 0.37]]> : tensor<8x6xf32>
  %e = tensor.empty() : tensor<4x6xf32>
  %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32> loc("fc")
  %b = tensor.expand_shape %r [[0, 1], [2]] output_shape [1, 4, 6] : tensor<4x6xf32> into tensor<1x4x6xf32>
  %f = tensor.empty() : tensor<1x4x4xf32>
  %j = linalg.fill ins(%zero : f32) outs(%f : tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  %s = linalg.batch_matmul ins(%b, %y : tensor<1x4x6xf32>, tensor<1x6x4xf32>) outs(%j : tensor<1x4x4xf32>) -> tensor<1x4x4xf32> loc("scores")
  return %s : tensor<1x4x4xf32>
}
