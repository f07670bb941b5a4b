// RUN: quant-opt %s --lowbit-expand-orders --split-input-file --verify-diagnostics

#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @form(%x: memref<3x40xf32>, %y: memref<3xf32>) {
  // expected-error @+1 {{has `lowbit.order` {lanes = 12 : i64, neighbours = 1 : i64}; expected `lanes`, a power of two, and `neighbours`, or `parts`, or `matrix`, positive}}
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x40xf32>) outs(%y : memref<3xf32>)
      attrs = {lowbit.order = {lanes = 12 : i64, neighbours = 1 : i64}} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @number(%x: memref<3x40xf32>, %y: memref<3xf32>) {
  // expected-error @+1 {{has `lowbit.order` 32 : i64; expected `lanes`}}
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x40xf32>) outs(%y : memref<3xf32>)
      attrs = {lowbit.order = 32 : i64} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

// An order that the module does not allow.
#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @strict(%x: memref<3x40xf32>, %y: memref<3xf32>) {
  // expected-error @+1 {{has an order; expected one operation, whose order is free, to join elements to result 0}}
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x40xf32>) outs(%y : memref<3xf32>)
      attrs = {lowbit.order = {lanes = 32 : i64, neighbours = 1 : i64}} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

#in = affine_map<(i, k, j) -> (i, k, j)>
#out = affine_map<(i, k, j) -> (i)>
func.func @none(%x: memref<3x1x1xf32>, %y: memref<3xf32>) {
  // expected-error @+1 {{has no reduction longer than one; expected one, which its order is of}}
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction", "reduction"]} ins(%x : memref<3x1x1xf32>) outs(%y : memref<3xf32>)
      attrs = {lowbit.order = {matrix = 16 : i64}} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  }
  return
}

// -----

#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @matrix(%x: memref<3x32xf32>, %y: memref<3xf32>) {
  // expected-error @+1 {{is a sum on a matrix unit; expected products of two inputs, f16, bf16 or floats of 8 bits, added in f32, a multiple of what it adds at a time}}
  linalg.generic {indexing_maps = [#in, #in, #out], iterator_types = ["parallel", "reduction"]} ins(%x, %x : memref<3x32xf32>, memref<3x32xf32>) outs(%y : memref<3xf32>)
      attrs = {lowbit.order = {matrix = 16 : i64}} {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %b fastmath<reassoc> : f32
    %1 = arith.addf %0, %o fastmath<reassoc> : f32
    linalg.yield %1 : f32
  }
  return
}

// -----

#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @tensors(%x: tensor<3x40xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  // expected-error @+1 {{has an order; expected buffers, and loops of known sizes, in a function}}
  %r = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x40xf32>) outs(%y : tensor<3xf32>)
      attrs = {lowbit.order = {lanes = 32 : i64, neighbours = 1 : i64}} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// -----

#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @product(%x: memref<3x32xf16>, %y: memref<3xf32>) {
  // expected-error @+1 {{has the order of a product; expected that of one sum}}
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x32xf16>) outs(%y : memref<3xf32>)
      attrs = {lowbit.order = {matrix = 16 : i64, part = 32 : i64}} {
  ^bb0(%a: f16, %o: f32):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.addf %0, %o : f32
    linalg.yield %1 : f32
  }
  return
}
