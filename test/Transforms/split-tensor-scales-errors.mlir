// RUN: quant-opt %s --lowbit-split-tensor-scales --split-input-file --verify-diagnostics

#nvfp4 = #lowbit.scheme<#lowbit.float<f4E2M1FN>, block = [16, 1], scale = f8E4M3FN>

func.func @not_constant(%x: tensor<4x16xf32>, %w: tensor<16x2xf32>, %z: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // expected-error @+1 {{`rhs` has a `lowbit.tensor_scale`; expected a scheme, and a constant that an op with one result reads}}
  %r = linalg.matmul {lowbit.schemes = {rhs = {scheme = #nvfp4, lowbit.tensor_scale}}}
      ins(%x, %w : tensor<4x16xf32>, tensor<16x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

#nvfp4 = #lowbit.scheme<#lowbit.float<f4E2M1FN>, block = [4, 1], scale = f8E4M3FN>

func.func @not_finite(%x: tensor<4x4xf32>, %z: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %w = arith.constant dense<[[1.0], [2.0], [0x7F800000], [0.0]]> : tensor<4x1xf32>
  // expected-error @+1 {{weight `constant` holds infinity at [2, 0]; expected finite numbers}}
  %r = linalg.matmul {lowbit.schemes = {weight = {scheme = #nvfp4, lowbit.tensor_scale}}}
      ins(%x, %w : tensor<4x4xf32>, tensor<4x1xf32>) outs(%z : tensor<4x1xf32>) -> tensor<4x1xf32>
  return %r : tensor<4x1xf32>
}
