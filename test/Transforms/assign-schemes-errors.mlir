// RUN: quant-opt %s --lowbit-assign-schemes=recipe=w8a8-dynamic --split-input-file --verify-diagnostics

func.func @unnamed(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{'linalg.matmul' op can be quantized but has no `lowbit.site`; run `lowbit-name-sites` first}}
  %0 = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

// Handing such a model back as quantized would be a silent fallback.
// expected-error @+1 {{nothing in the module can be quantized; expected a contraction, convolution or table lookup of floats}}
module {
  func.func @nothing(%x: tensor<4xi32>) -> tensor<4xi32> {
    return %x : tensor<4xi32>
  }
}
