// RUN: quant-opt %s --split-input-file --verify-diagnostics

// One case for each constraint of each op and attribute; the number in parentheses is that of the op's document.

// expected-error @+1 {{signed integer format of 0 bits; expected a width from 1 to 16}}
#f = #lowbit.int<0>

// -----

// expected-error @+1 {{signed integer format of 17 bits; expected a width from 1 to 16}}
#f = #lowbit.int<17>

// -----

// expected-error @+1 {{unsigned integer format of 0 bits; expected a width from 1 to 16}}
#f = #lowbit.uint<0>

// -----

// expected-error @+1 {{unsigned integer format of 32 bits; expected a width from 1 to 16}}
#f = #lowbit.uint<32>

// -----

// expected-error @+1 {{float format of 'f16'; expected a float of 8, 6 or 4 bits}}
#f = #lowbit.float<f16>

// -----

// expected-error @+1 {{codebook of 1 levels; expected 2 to 256}}
#f = #lowbit.codebook<[1.0]>

// -----

// expected-error @+1 {{codebook level 2 is not above level 1; expected strictly increasing levels}}
#f = #lowbit.codebook<[0.0, 1.0, 1.0]>

// -----

// expected-error @+1 {{codebook level 1 is not finite}}
#f = #lowbit.codebook<[0.0, 1.0e+300]>

// -----

// expected-error @+1 {{unknown codebook `nf5`; expected `nf4` or a list of reals}}
#f = #lowbit.codebook<nf5>

// -----

// expected-error @+1 {{scale type 'f64'; expected f32, f16, bf16, f8E8M0FNU or f8E4M3FN}}
#s = #lowbit.scheme<#lowbit.int<8>, scale = f64>

// -----

// expected-error @+1 {{format #lowbit.ternary has no zero point; remove `zero = 'i8'`}}
#s = #lowbit.scheme<#lowbit.ternary, zero = i8>

// -----

// expected-error @+1 {{zero point type 'i64'; expected a signless integer of at most 32 bits}}
#s = #lowbit.scheme<#lowbit.int<8>, zero = i64>

// -----

// expected-error @+1 {{zero point type 'ui8'; expected a signless integer of at most 32 bits}}
#s = #lowbit.scheme<#lowbit.uint<8>, zero = ui8>

// -----

// expected-error @+1 {{block of -1 along axis 1; expected a positive size, or 0 for the whole axis}}
#s = #lowbit.scheme<#lowbit.int<8>, block = [1, -1]>

// -----

// expected-error @+1 {{panel of 0 columns and depth 4; expected positive sizes}}
#p = #lowbit.panel<columns = 0, depth = 4>

// -----

// expected-error @+1 {{panel of digits to base 5; expected 3, or none for fields of bits}}
#p = #lowbit.panel<columns = 16, depth = 4, base = 5>

// -----

func.func @windows_without_moments(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C4) has windows but keeps no moments of them; expected `moments of`}}
  lowbit.observe "x" %x : tensor<4x8xf32> with #lowbit.minmax of <[8], (r, c) -> (r, c)>
  return
}

// -----

func.func @windows_of_another_rank(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C4) has windows of a tensor of rank 1; expected rank 2}}
  lowbit.observe "x" %x : tensor<4x8xf32> with #lowbit.minmax moments of <[3], (r, i) -> (r + i)>
  return
}

// -----

// expected-error @+1 {{(C1) windows have columns [3, 0]; expected positive sizes, and a product of at most 1048576}}
#w = #lowbit.windows<[3, 0], (r, i, c) -> (r + i, c)>

// -----

// expected-error @+1 {{(C1) windows have columns [4294967296, 4294967296]}}
#w = #lowbit.windows<[4294967296, 4294967296], (r, i, c) -> (r + i, c)>

// -----

// expected-error @+1 {{expected no symbols, and at least 2 dimensions, all used}}
#w = #lowbit.windows<[3, 4], (i, c) -> (c)>

// -----

// expected-error @+1 {{(C2) windows read at `d0 - d1`; expected a sum of dimensions with factors that are not negative}}
#w = #lowbit.windows<[3], (r, i) -> (r - i)>

// -----

// expected-error @+1 {{(C2) windows read at `d0 + d1 + d2`; expected one index of a row in it at most}}
#w = #lowbit.windows<[3], (r, s, i) -> (r + s + i)>

// -----

func.func @observe_without_name(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C1) site name is empty}}
  lowbit.observe "" %x : tensor<4xf32> with #lowbit.minmax
  return
}

// -----

func.func @observe_outer_axis(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C2) axis 1 is outside of a tensor of rank 1}}
  lowbit.observe "x" %x : tensor<4xf32> with #lowbit.minmax per [1]
  return
}

// -----

func.func @observe_negative_axis(%x: tensor<4xf32>) {
  // expected-error @+1 {{(C2) axis -1 is outside of a tensor of rank 1}}
  lowbit.observe "x" %x : tensor<4xf32> with #lowbit.minmax per [-1]
  return
}

// -----

func.func @observe_axis_twice(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C2) axis 1 follows axis 1; expected distinct axes in increasing order}}
  lowbit.observe "x" %x : tensor<4x8xf32> with #lowbit.minmax per [1, 1]
  return
}

// -----

func.func @compute_scales_rank(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C1) block [1] has 1 axes, but the codes have 2}}
  %s = lowbit.compute_scales %x <#lowbit.int<8>, block = [1]> : (tensor<4x8xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @compute_scales_division(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C1) block [1, 3] does not divide shape [4, 8]; choose a block that divides every axis, or pad}}
  %s = lowbit.compute_scales %x <#lowbit.int<8>, block = [1, 3]> : (tensor<4x8xf32>) -> tensor<4x2xf32>
  return
}

// -----

func.func @compute_scales_shape(%x: tensor<4x8xf32>) {
  // expected-error @+2 {{(C1) scale shape [8, 1] does not cover shape [4, 8] in blocks of [1, 0]}}
  // expected-note @+1 {{expected scale shape [4, 1]}}
  %s = lowbit.compute_scales %x <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>) -> tensor<8x1xf32>
  return
}

// -----

func.func @compute_scales_type(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C2) scales have element type 'f32'; expected 'f16' as the scheme says}}
  %s = lowbit.compute_scales %x <#lowbit.int<8>, scale = f16> : (tensor<4x8xf32>) -> tensor<f32>
  return
}

// -----

func.func @compute_scales_missing_zeros(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C3) the scheme has zero points of type 'i8', but there is no operand for them}}
  %s = lowbit.compute_scales %x <#lowbit.uint<8>, zero = i8> : (tensor<4x8xf32>) -> tensor<f32>
  return
}

// -----

func.func @compute_scales_zero_shape(%x: tensor<4x8xf32>) {
  // expected-error @+1 {{(C3) zero point shape [1] differs from scale shape []}}
  %s, %z = lowbit.compute_scales %x <#lowbit.uint<8>, zero = i8> : (tensor<4x8xf32>) -> (tensor<f32>, tensor<1xi8>)
  return
}

// -----

func.func @quantize_code_type(%x: tensor<4x8xf32>, %s: tensor<f32>) {
  // expected-error @+2 {{(C1) codes have element type 'i8', but format #lowbit.int<4> has codes of type 'i4'}}
  // expected-note @+1 {{expected a tensor of 'i4'}}
  %c = lowbit.quantize %x, %s <#lowbit.int<4>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_shape(%x: tensor<4x8xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{(C1) codes shape [8, 4] differs from input shape [4, 8]}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<8x4xi8>
  return
}

// -----

func.func @quantize_rank(%x: tensor<4x8xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{(C1) codes shape [32] differs from input shape [4, 8]}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<32xi8>
  return
}

// -----

func.func @quantize_scale_shape(%x: tensor<4x8xf32>, %s: tensor<4xf32>) {
  // expected-error @+2 {{(C2) scale shape [4] does not cover shape [4, 8] in blocks of [1, 0]}}
  // expected-note @+1 {{expected scale shape [4, 1]}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_per_tensor_scale(%x: tensor<4x8xf32>, %s: tensor<1xf32>) {
  // expected-error @+2 {{(C2) scale shape [1] does not cover shape [4, 8] with one value for the tensor}}
  // expected-note @+1 {{expected scale shape []}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<1xf32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_scale_type(%x: tensor<4x8xf32>, %s: tensor<bf16>) {
  // expected-error @+1 {{(C3) scales have element type 'bf16'; expected 'f16' as the scheme says, or f32}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>, scale = f16> : (tensor<4x8xf32>, tensor<bf16>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_unknown_zeros(%x: tensor<4x8xf32>, %s: tensor<f32>, %z: tensor<i8>) {
  // expected-error @+1 {{(C4) zero points are given, but the scheme has none; add `zero = 'i8'` to the scheme, or remove the operand}}
  %c = lowbit.quantize %x, %s, %z <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>, tensor<i8>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_zero_type(%x: tensor<4x8xf32>, %s: tensor<f32>, %z: tensor<i32>) {
  // expected-error @+1 {{(C4) zero points have element type 'i32'; expected 'i8' as the scheme says}}
  %c = lowbit.quantize %x, %s, %z <#lowbit.int<8>, zero = i8> : (tensor<4x8xf32>, tensor<f32>, tensor<i32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_by_zero(%x: tensor<4x8xf32>) {
  %s = arith.constant dense<0.0> : tensor<f32>
  // expected-error @+1 {{scale 0 is 0; expected a finite number other than zero}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_by_infinity(%x: tensor<4x8xf32>) {
  %s = arith.constant dense<0x7F800000> : tensor<f32>
  // expected-error @+1 {{scale 0 is +Inf; expected a finite number other than zero}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_by_nan(%x: tensor<4x8xf32>) {
  %s = arith.constant dense<0x7FC00000> : tensor<f32>
  // expected-error @+1 {{scale 0 is NaN; expected a finite number other than zero}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_unranked(%x: tensor<*xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of 16-bit float or bfloat16 type or 32-bit float or 64-bit float values}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<*xf32>, tensor<f32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_integers(%x: tensor<4x8xi32>, %s: tensor<f32>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4x8xi32>, tensor<f32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @quantize_resource_size(%x: tensor<2x8xf32>) {
  %s = arith.constant dense_resource<short> : tensor<2x1xf32>
  // expected-error @+1 {{resource `short` has 4 bytes, but 'tensor<2x1xf32>' needs 8}}
  %c = lowbit.quantize %x, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xi8>
  return
}

{-#
  dialect_resources: { builtin: { short: "0x040000000000803F" } }
#-}

// -----

func.func @dequantize_resource_size(%s: tensor<f32>) {
  %c = arith.constant dense_resource<nibbles> : tensor<4xi4>
  // expected-error @+1 {{resource `nibbles` has 2 bytes, but 'tensor<4xi4>' needs 4}}
  %x = lowbit.dequantize %c, %s <#lowbit.int<4>> : (tensor<4xi4>, tensor<f32>) -> tensor<4xf32>
  return
}

{-#
  dialect_resources: { builtin: { nibbles: "0x040000000102" } }
#-}
