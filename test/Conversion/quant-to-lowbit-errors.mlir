// RUN: quant-opt %s --convert-quant-to-lowbit --split-input-file --verify-diagnostics

func.func @storage_bounds(%x: tensor<4xf32>) {
  // expected-error @+1 {{is narrower than its type (-127 to 127); formats use all codes of their width}}
  %q = quant.qcast %x : tensor<4xf32> to tensor<4x!quant.uniform<i8<-127:127>:f32, 0.5>>
  return
}

// -----

func.func @wide_storage(%x: tensor<4xf32>) {
  // expected-error @+1 {{is not an integer of 1 to 16 bits}}
  %q = quant.qcast %x : tensor<4xf32> to tensor<4x!quant.uniform<i32:f32, 0.5>>
  return
}

// -----

func.func @expressed_type(%x: tensor<4xf64>) {
  // expected-error @+1 {{is not f32, f16 or bf16, in which scales are exact}}
  %q = quant.qcast %x : tensor<4xf64> to tensor<4x!quant.uniform<i8:f64, 0.5>>
  return
}

// -----

func.func @scalar(%x: f32) {
  // expected-error @+1 {{is not on a ranked tensor}}
  %q = quant.qcast %x : f32 to !quant.uniform<i8:f32, 0.5>
  return
}

// -----

func.func @unranked(%x: tensor<*xf32>) {
  // expected-error @+1 {{is not on a ranked tensor}}
  %q = quant.qcast %x : tensor<*xf32> to tensor<*x!quant.uniform<i8:f32, 0.5>>
  return
}

// -----

func.func @computes(%x: tensor<4x!quant.uniform<i8:f32, 0.5>>) {
  // expected-error @+1 {{`tosa.abs` computes with quantized types, which codes cannot say; expected `quant` casts around it}}
  %0 = tosa.abs %x : (tensor<4x!quant.uniform<i8:f32, 0.5>>) -> tensor<4x!quant.uniform<i8:f32, 0.5>>
  return
}
