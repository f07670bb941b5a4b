// RUN: quant-opt %s --lowbit-round-floats --split-input-file --verify-diagnostics

func.func @no_float(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{'linalg.matmul' op has `lowbit.float_type` i8, which is no type of floats}}
  %0 = linalg.matmul {lowbit.float_type = i8} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

func.func @no_operand(%x: tensor<4x8xi8>, %w: tensor<8x6xi8>, %z: tensor<4x6xi32>) -> tensor<4x6xi32> {
  // expected-error @+1 {{'linalg.matmul' op has `lowbit.float_type` bf16, but no operand that can be rounded}}
  %0 = linalg.matmul {lowbit.float_type = bf16} ins(%x, %w : tensor<4x8xi8>, tensor<8x6xi8>) outs(%z : tensor<4x6xi32>) -> tensor<4x6xi32>
  return %0 : tensor<4x6xi32>
}

// -----

func.func @too_large(%x: tensor<4x2xf32>, %z: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 7.0e+04]]> : tensor<2x2xf32>
  // expected-error @+1 {{weight `constant` holds 7.000000e+04 at [1, 1], which is too large for 'f16'; keep the site in its own type, or choose a wider one}}
  %0 = linalg.matmul {lowbit.float_type = f16} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %0 : tensor<4x2xf32>
}
