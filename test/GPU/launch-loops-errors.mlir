// RUN: quant-opt %s --lowbit-launch-loops --split-input-file --verify-diagnostics

// Threads are numbered in 32 bits.
#id = affine_map<(i, j) -> (i, j)>
func.func @many(%x: memref<65537x65537xf16>, %y: memref<65537x65537xf16>) {
  // expected-error @+1 {{takes 4295098369 threads; expected at most 2147483647, as they are counted in 32 bits}}
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<65537x65537xf16>) outs(%y : memref<65537x65537xf16>) {
  ^bb0(%e: f16, %o: f16):
    %0 = arith.negf %e : f16
    linalg.yield %0 : f16
  }
  return
}

// -----

// How wide an index is is for the machine to say.
#id = affine_map<(i) -> (i)>
func.func @index(%x: memref<8xindex>, %y: memref<8xindex>) {
  // expected-error @+1 {{has an operand of type 'memref<8xindex>'; expected known strides, and integers or floats as elements}}
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : memref<8xindex>) outs(%y : memref<8xindex>) {
  ^bb0(%e: index, %o: index):
    %0 = arith.addi %e, %e : index
    linalg.yield %0 : index
  }
  return
}

// -----

// A warp adds up in one order, and the op says another.
#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>
func.func @order(%x: memref<3x32xf32>, %y: memref<3xf32>) {
  // expected-error @+1 {{would be combined in the order {lanes = 32 : i64, neighbours = 1 : i64}; expected that of its `lowbit.order`, {lanes = 32 : i64, neighbours = 4 : i64}}}
  linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x32xf32>) outs(%y : memref<3xf32>)
      attrs = {lowbit.order = {lanes = 32 : i64, neighbours = 4 : i64}} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a fastmath<reassoc> : f32
    linalg.yield %0 : f32
  }
  return
}
