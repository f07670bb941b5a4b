// RUN: quant-opt %s --pass-pipeline='builtin.module(convert-lowbit-to-vector{target=generic})' --split-input-file --verify-diagnostics

// Unrolling would take minutes.
func.func @too_large(%a: tensor<512x512xf32>, %b: tensor<512x512xf32>) -> tensor<512x512xf32> {
  // expected-error @below {{is marked `lowbit.vectorize`, but its loops are not a register tile; expected static sizes of at most 16384 elements in all, run `lowbit-lower-contract` to cut it}}
  %r = linalg.add {lowbit.vectorize} ins(%a, %a : tensor<512x512xf32>, tensor<512x512xf32>) outs(%b : tensor<512x512xf32>) -> tensor<512x512xf32>
  return %r : tensor<512x512xf32>
}

// -----

func.func @dynamic(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{its loops are not a register tile}}
  %r = linalg.add {lowbit.vectorize} ins(%a, %a : tensor<?xf32>, tensor<?xf32>) outs(%b : tensor<?xf32>) -> tensor<?xf32>
  return %r : tensor<?xf32>
}
