// RUN: quant-opt %s --split-input-file --verify-diagnostics

func.func @dequantize_shape(%c: tensor<4x8xi8>, %s: tensor<f32>) {
  // expected-error @+1 {{(C1) output shape [4, 4] differs from codes shape [4, 8]}}
  %x = lowbit.dequantize %c, %s <#lowbit.int<8>> : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x4xf32>
  return
}

// -----

func.func @dequantize_code_type(%c: tensor<4x8x!lowbit.code<#lowbit.binary>>, %s: tensor<f32>) {
  // expected-error @+2 {{(C1) codes have element type '!lowbit.code<#lowbit.binary>', but format #lowbit.ternary has codes of type}}
  // expected-note @+1 {{expected a tensor of '!lowbit.code<#lowbit.ternary>'}}
  %x = lowbit.dequantize %c, %s <#lowbit.ternary> : (tensor<4x8x!lowbit.code<#lowbit.binary>>, tensor<f32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @dequantize_scale_shape(%c: tensor<4x8xi8>, %s: tensor<4x3xf32>) {
  // expected-error @+2 {{(C2) scale shape [4, 3] does not cover shape [4, 8] in blocks of [1, 4]}}
  // expected-note @+1 {{expected scale shape [4, 2]}}
  %x = lowbit.dequantize %c, %s <#lowbit.int<8>, block = [1, 4]> : (tensor<4x8xi8>, tensor<4x3xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @dequantize_missing_zeros(%c: tensor<4x8xi8>, %s: tensor<f32>) {
  // expected-error @+1 {{(C4) the scheme has zero points of type 'i8', but there is no operand for them}}
  %x = lowbit.dequantize %c, %s <#lowbit.int<8>, zero = i8> : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @fake_quant_type(%x: tensor<4x8xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{failed to verify that all of {input, output} have same type}}
  %y = lowbit.fake_quant %x, %s <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf16>
  return
}

// -----

func.func @fake_quant_scale_shape(%x: tensor<4x8xf32>, %s: tensor<1x8xf32>) {
  // expected-error @+2 {{(C2) scale shape [1, 8] does not cover shape [4, 8] in blocks of [1, 0]}}
  // expected-note @+1 {{expected scale shape [4, 1]}}
  %y = lowbit.fake_quant %x, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @fake_quant_grad_cotangent(%x: tensor<4x8xf32>, %s: tensor<f32>, %d: tensor<4x4xf32>) {
  // expected-error @+1 {{(C1) cotangent 'tensor<4x4xf32>' and input gradient 'tensor<4x8xf32>' differ from the input's type 'tensor<4x8xf32>'}}
  %dx, %ds = lowbit.fake_quant_grad %x, %s cotangent %d <#lowbit.int<2>>
    : (tensor<4x8xf32>, tensor<f32>, tensor<4x4xf32>) -> (tensor<4x8xf32>, tensor<f32>) by #lowbit.ste
  return
}

// -----

func.func @fake_quant_grad_scale_gradient(%x: tensor<4x8xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{(C1) scale gradient shape [4] differs from scale shape []}}
  %dx, %ds = lowbit.fake_quant_grad %x, %s cotangent %x <#lowbit.int<2>>
    : (tensor<4x8xf32>, tensor<f32>, tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4xf32>) by #lowbit.ste
  return
}

// -----

func.func @requantize_float_format(%a: tensor<4x8xi32>, %m: tensor<f32>) {
  // expected-error @+1 {{(C1) format #lowbit.float<f4E2M1FN> is not an integer format; dequantize and quantize instead}}
  %c = lowbit.requantize %a, %m <#lowbit.float<f4E2M1FN>> : (tensor<4x8xi32>, tensor<f32>) -> tensor<4x8xf4E2M1FN>
  return
}

// -----

func.func @requantize_multiplier_shape(%a: tensor<4x8xi32>, %m: tensor<8xf32>) {
  // expected-error @+2 {{(C2) multiplier shape [8] does not cover shape [4, 8] in blocks of [0, 1]}}
  // expected-note @+1 {{expected multiplier shape [1, 8]}}
  %c = lowbit.requantize %a, %m <#lowbit.int<8>, block = [0, 1]> : (tensor<4x8xi32>, tensor<8xf32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @requantize_without_shifts(%a: tensor<4x8xi32>, %m: tensor<i32>) {
  // expected-error @+1 {{(C3) i32 multipliers need shifts}}
  %c = lowbit.requantize %a, %m <#lowbit.int<8>> : (tensor<4x8xi32>, tensor<i32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @requantize_float_with_shifts(%a: tensor<4x8xi32>, %m: tensor<f32>, %h: tensor<i32>) {
  // expected-error @+1 {{(C3) f32 multipliers take no shifts}}
  %c = lowbit.requantize %a, %m shift %h <#lowbit.int<8>> : (tensor<4x8xi32>, tensor<f32>, tensor<i32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @requantize_shift_shape(%a: tensor<4x8xi32>, %m: tensor<i32>, %h: tensor<1xi32>) {
  // expected-error @+1 {{(C3) shift shape [1] differs from multiplier shape []}}
  %c = lowbit.requantize %a, %m shift %h <#lowbit.int<8>> : (tensor<4x8xi32>, tensor<i32>, tensor<1xi32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @requantize_shift_range(%a: tensor<4x8xi32>, %m: tensor<i32>) {
  %h = arith.constant dense<63> : tensor<i32>
  // expected-error @+1 {{(C3) shift 0 is 63; expected 0 to 62}}
  %c = lowbit.requantize %a, %m shift %h <#lowbit.int<8>> : (tensor<4x8xi32>, tensor<i32>, tensor<i32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @requantize_zeros(%a: tensor<4x8xi32>, %m: tensor<f32>, %z: tensor<i8>) {
  // expected-error @+1 {{(C4) zero points are given, but the scheme has none}}
  %c = lowbit.requantize %a, %m zero %z <#lowbit.int<8>> : (tensor<4x8xi32>, tensor<f32>, tensor<i8>) -> tensor<4x8xi8>
  return
}

// -----

func.func @requantize_wide(%a: tensor<4x8xi64>, %m: tensor<i32>, %h: tensor<i32>) {
  // expected-error @+1 {{(C5) integer-only requantization of 'i64' accumulators may overflow i64; expected i32 accumulators}}
  %c = lowbit.requantize %a, %m shift %h <#lowbit.int<8>> : (tensor<4x8xi64>, tensor<i32>, tensor<i32>) -> tensor<4x8xi8>
  return
}

// -----

func.func @to_bits_code_type(%c: tensor<4x8xi8>) {
  // expected-error @+2 {{(C1) codes have element type 'i8', but format #lowbit.int<4> has codes of type 'i4'}}
  // expected-note @+1 {{expected a tensor of 'i4'}}
  %p = lowbit.to_bits %c : tensor<4x8xi8> -> tensor<4x4x1xi8> of #lowbit.int<4>
  return
}

// -----

func.func @to_bits_planes(%c: tensor<4x8xi8>) {
  // expected-error @+2 {{(C2) planes of type 'tensor<4x4x1xi8>' do not hold codes of type 'tensor<4x8xi8>'}}
  // expected-note @+1 {{expected 'tensor<8x4x1xi8>'}}
  %p = lowbit.to_bits %c : tensor<4x8xi8> -> tensor<4x4x1xi8> of #lowbit.int<8>
  return
}

// -----

func.func @to_bits_rank(%c: tensor<i8>) {
  // expected-error @+1 {{(C2) codes have rank 0; expected at least one axis to fill words along}}
  %p = lowbit.to_bits %c : tensor<i8> -> tensor<8x1xi8> of #lowbit.int<8>
  return
}

// -----

func.func @from_bits_planes(%p: tensor<2x4x1xi8>) {
  // expected-error @+2 {{(C2) planes of type 'tensor<2x4x1xi8>' do not hold codes of type 'tensor<4x20x!lowbit.code<#lowbit.ternary>>'}}
  // expected-note @+1 {{expected 'tensor<2x4x3xi8>'}}
  %c = lowbit.from_bits %p : tensor<2x4x1xi8> -> tensor<4x20x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary
  return
}

// -----

func.func @from_bits_dynamic(%p: tensor<2x4x?xi8>) {
  // expected-error @+1 {{(C3) the last axis of the codes is dynamic, and planes do not tell its size; expected a static one}}
  %c = lowbit.from_bits %p : tensor<2x4x?xi8> -> tensor<4x?x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary
  return
}

// -----

func.func @pack_dynamic(%c: tensor<?x32xi8>) {
  // expected-error @+1 {{(C2) codes of type 'tensor<?x32xi8>' have a dynamic shape; expected a static one}}
  %p = lowbit.pack %c : tensor<?x32xi8> -> tensor<?x32xi8> of #lowbit.int<8> as #lowbit.row_major
  return
}

// -----

func.func @pack_part_of_a_byte(%c: tensor<4x5xi4>) {
  // expected-error @+1 {{(C2) the last axis of size 5 does not fill whole bytes; expected a multiple of 2}}
  %p = lowbit.pack %c : tensor<4x5xi4> -> tensor<4x3xi8> of #lowbit.int<4> as #lowbit.row_major
  return
}

// -----

func.func @pack_panels(%c: tensor<6x16xi8>) {
  // expected-error @+1 {{(C2) 6 x 16 codes (depth x columns) do not divide into panels of 4 x 16; pad them first}}
  %p = lowbit.pack %c : tensor<6x16xi8> -> tensor<1x2x16x4xi8> of #lowbit.int<8> as #lowbit.panel<columns = 16, depth = 4>
  return
}

// -----

func.func @pack_panel_width(%c: tensor<8x16xi16>) {
  // expected-error @+1 {{(C2) codes of 16 bits in panels; expected at most 8}}
  %p = lowbit.pack %c : tensor<8x16xi16> -> tensor<1x2x16x4xi8> of #lowbit.int<16> as #lowbit.panel<columns = 16, depth = 4>
  return
}

// -----

func.func @pack_panel_bytes(%c: tensor<12x16xi4>) {
  // expected-error @+1 {{(C2) 12 x 16 codes (depth x columns) do not divide into panels of 8 x 16; pad them first}}
  %p = lowbit.pack %c : tensor<12x16xi4> -> tensor<1x2x16x4xi8> of #lowbit.int<4> as #lowbit.panel<columns = 16, depth = 4>
  return
}

// -----

func.func @pack_digits(%c: tensor<16x16xi2>) {
  // expected-error @+1 {{(C2) 16 x 16 codes (depth x columns) do not divide into panels of 20 x 16; pad them first}}
  %p = lowbit.pack %c : tensor<16x16xi2> -> tensor<1x1x16x4xi8> of #lowbit.uint<2> as #lowbit.panel<columns = 16, depth = 4, base = 3>
  return
}

// -----

func.func @pack_digits_width(%c: tensor<20x16xi4>) {
  // expected-error @+1 {{(C2) codes of 4 bits as digits to base 3; expected 2}}
  %p = lowbit.pack %c : tensor<20x16xi4> -> tensor<1x1x16x4xi8> of #lowbit.uint<4> as #lowbit.panel<columns = 16, depth = 4, base = 3>
  return
}

// -----

func.func @lookup_size(%i: vector<64xi8>) {
  // expected-error @+1 {{(C1) table of 3 bytes; expected a power of two of at most 256}}
  %r = lowbit.lookup %i in [1, 2, 3] : vector<64xi8>
  return
}

// -----

func.func @pack_shape(%c: tensor<8x32xi8>) {
  // expected-error @+2 {{(C3) packed type 'tensor<2x16x4xi8>' does not hold codes of type 'tensor<8x32xi8>' packed as #lowbit.panel}}
  // expected-note @+1 {{expected 'tensor<2x2x16x4xi8>'}}
  %p = lowbit.pack %c : tensor<8x32xi8> -> tensor<2x16x4xi8> of #lowbit.int<8> as #lowbit.panel<columns = 16, depth = 4>
  return
}

// -----

func.func @unpack_shape(%p: tensor<8x32xi8>) {
  // expected-error @+2 {{(C3) packed type 'tensor<8x32xi8>' does not hold codes of type 'tensor<8x32xi4>'}}
  // expected-note @+1 {{expected 'tensor<8x16xi8>'}}
  %c = lowbit.unpack %p : tensor<8x32xi8> -> tensor<8x32xi4> of #lowbit.int<4> as #lowbit.row_major
  return
}
