// RUN: quant-opt %s --lowbit-insert-qdq --split-input-file --verify-diagnostics

func.func @unknown_operand(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{'linalg.matmul' op has a scheme for `weight`, which is no operand of it that can be quantized}}
  %0 = linalg.matmul {lowbit.schemes = {weight = {scheme = #lowbit.scheme<#lowbit.int<8>>}}}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

func.func @no_scheme(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{`lowbit.schemes` gives `lhs` of type 'tensor<4x8xf32>' no `scheme`}}
  %0 = linalg.matmul {lowbit.schemes = {lhs = {}}}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

func.func @blocks(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{`lowbit.schemes` gives `lhs` of type 'tensor<4x8xf32>' a scheme whose blocks do not divide it}}
  %0 = linalg.matmul {lowbit.schemes = {lhs = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [1, 3]>}}}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

#nvfp4 = #lowbit.scheme<#lowbit.float<f4E2M1FN>, block = [16, 1], scale = f8E4M3FN>

func.func @tensor_scale(%x: tensor<4x16xf32>, %z: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<16x2xf32>
  // expected-error @+1 {{`lowbit.schemes` wants a scale for the whole of `weight`; run `lowbit-split-tensor-scales` first}}
  %r = linalg.matmul {lowbit.schemes = {weight = {scheme = #nvfp4, lowbit.tensor_scale}}}
      ins(%x, %w : tensor<4x16xf32>, tensor<16x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
