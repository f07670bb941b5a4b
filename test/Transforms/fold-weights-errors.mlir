// RUN: quant-opt %s --lowbit-fold-weights --split-input-file --verify-diagnostics

func.func @nan() -> tensor<f32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 0x7FC00000]]> : tensor<2x2xf32>
  // expected-error @+1 {{weight `constant` holds NaN at [1, 1]; expected finite numbers: mend the model, or keep the site in float by a rule with `keep`}}
  %s = lowbit.compute_scales %w <#lowbit.int<8>> : (tensor<2x2xf32>) -> tensor<f32>
  return %s : tensor<f32>
}

// -----

func.func @infinity(%x: tensor<4xf32>) -> tensor<4xi8> {
  %w = arith.constant dense<[1.0, 2.0, 0xFF800000, 1.0]> : tensor<4xf32>
  %s = arith.constant dense<1.0> : tensor<f32>
  // expected-error @+1 {{weight `constant` holds infinity at [2]}}
  %c = lowbit.quantize %w, %s <#lowbit.int<8>> : (tensor<4xf32>, tensor<f32>) -> tensor<4xi8>
  return %c : tensor<4xi8>
}

// -----

// 1e8 / 127 is infinite in f16. Below its range the smallest scale serves, as the op says.
func.func @scale_type() -> tensor<f16> {
  %w = arith.constant dense<1.0e8> : tensor<4xf32>
  // expected-error-re @+1 {{scale 0 of `constant`, whose values lie from 0{{.*}} to 1{{.*}}, is beyond what 'f16' can hold; choose a wider scale type}}
  %s = lowbit.compute_scales %w <#lowbit.int<8>, scale = f16> : (tensor<4xf32>) -> tensor<f16>
  return %s : tensor<f16>
}

// -----

// A resource that was left out when the module was printed.
func.func @no_data() -> tensor<f32> {
  %w = arith.constant dense_resource<gone> : tensor<4xf32>
  // expected-error @+1 {{resource `gone` has no data; the module was printed without its resources}}
  %s = lowbit.compute_scales %w <#lowbit.int<8>> : (tensor<4xf32>) -> tensor<f32>
  return %s : tensor<f32>
}

// -----

// The parser does not check the size of a resource, so we do.
func.func @short_blob() -> tensor<f32> {
  %w = arith.constant dense_resource<short> : tensor<4xf32>
  // expected-error @+1 {{resource `short` has 8 bytes, but 'tensor<4xf32>' needs 16}}
  %s = lowbit.compute_scales %w <#lowbit.int<8>> : (tensor<4xf32>) -> tensor<f32>
  return %s : tensor<f32>
}

{-#
  dialect_resources: {
    builtin: {
      short: "0x040000000000803F0000803F"
    }
  }
#-}
