// RUN: quant-opt %s --split-input-file --verify-diagnostics

func.func @c1_shapes(%a: tensor<4x16xi8>, %b: tensor<6x32xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+2 {{(C1) shapes of 'tensor<4x16xi8>', 'tensor<6x32xi8>' and 'tensor<4x6xi32>' do not agree}}
  // expected-note @+1 {{expected […, M, K], […, N, K] and […, M, N]}}
  %r = lowbit.matmul lhs(%a : tensor<4x16xi8>) rhs(%b : tensor<6x32xi8>) outs(%init : tensor<4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x6xi32>
  return
}

// -----

// A side that batches share has 1 of them.
func.func @c1_batches(%a: tensor<2x4x16xi8>, %b: tensor<3x6x16xi8>, %init: tensor<3x4x6xi32>) {
  // expected-error @+2 {{(C1) shapes of 'tensor<2x4x16xi8>', 'tensor<3x6x16xi8>' and 'tensor<3x4x6xi32>' do not agree}}
  // expected-note @+1 {{expected […, M, K], […, N, K] and […, M, N]}}
  %r = lowbit.matmul lhs(%a : tensor<2x4x16xi8>) rhs(%b : tensor<3x6x16xi8>) outs(%init : tensor<3x4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } -> tensor<3x4x6xi32>
  return
}

// -----

func.func @c1_transposed(%a: tensor<16x4xf32>, %b: tensor<6x16xf32>, %init: tensor<4x6xf32>) {
  // expected-error @+2 {{(C1) shapes of 'tensor<16x4xf32>', 'tensor<6x16xf32>' and 'tensor<4x6xf32>' do not agree}}
  // expected-note @+1 {{expected […, M, K], […, N, K] and […, M, N], but for what is transposed}}
  %r = lowbit.matmul lhs(%a : tensor<16x4xf32>) rhs(%b : tensor<6x16xf32>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } {rhs_transposed} -> tensor<4x6xf32>
  return
}

// -----

func.func @c5_types(%a: tensor<4x16xf32>, %b: tensor<6x16xi8>, %init: tensor<4x6xf32>) {
  // expected-error @+1 {{(C5) sides are of 'f32' and 'i8'; expected both of integers, both of floats of 8 bits, or both of f32}}
  %r = lowbit.matmul lhs(%a : tensor<4x16xf32>) rhs(%b : tensor<6x16xi8>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } -> tensor<4x6xf32>
  return
}

// -----

func.func @c5_transposed_bytes(%a: tensor<16x4xi8>, %b: tensor<6x16xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C5) bytes are not transposed}}
  %r = lowbit.matmul lhs(%a : tensor<16x4xi8>) rhs(%b : tensor<6x16xi8>) outs(%init : tensor<4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_transposed} -> tensor<4x6xi32>
  return
}

// -----

func.func @c5_bits_of_floats(%a: tensor<4x16xf32>, %b: tensor<6x16xf32>, %init: tensor<4x6xf32>) {
  // expected-error @+1 {{(C5) floats are neither unsigned nor bits}}
  %r = lowbit.matmul lhs(%a : tensor<4x16xf32>) rhs(%b : tensor<6x16xf32>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } {bits} -> tensor<4x6xf32>
  return
}

// -----

func.func @c2_operand(%a: tensor<4x16xi8>, %b: tensor<6x16xi8>, %s: tensor<6xf32>, %init: tensor<4x6xf32>) {
  // expected-error @+1 {{(C2) operand 0 has type 'tensor<6xf32>'; expected the shape of 'tensor<4x6xf32>', or 1 along axes that share its elements}}
  %r = lowbit.matmul lhs(%a : tensor<4x16xi8>) rhs(%b : tensor<6x16xi8>) outs(%init : tensor<4x6xf32>) operands(%s : tensor<6xf32>) {
  ^bb0(%sum: i32, %e: f32):
    lowbit.yield %e : f32
  } -> tensor<4x6xf32>
  return
}

// -----

func.func @c3_sum(%a: tensor<4x16xi8>, %b: tensor<6x16xi8>, %init: tensor<4x6xf32>) {
  // expected-error @+1 {{(C3) the epilogue takes 'f32'; expected 'i32'}}
  %r = lowbit.matmul lhs(%a : tensor<4x16xi8>) rhs(%b : tensor<6x16xi8>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } -> tensor<4x6xf32>
  return
}

// -----

func.func @c4_mixed(%a: memref<4x16xi8>, %b: tensor<6x16xi8>, %init: tensor<4x6xi32>) {
  // expected-error @+1 {{(C4) operands are tensors and buffers; expected all of one kind}}
  %r = lowbit.matmul lhs(%a : memref<4x16xi8>) rhs(%b : tensor<6x16xi8>) outs(%init : tensor<4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x6xi32>
  return
}

// -----

func.func @c5_sides(%a: tensor<4x16xf8E4M3FN>, %b: tensor<6x16xi8>, %init: tensor<4x6xf32>) {
  // expected-error @+1 {{(C5) sides are of 'f8E4M3FN' and 'i8'; expected both of integers, both of floats of 8 bits, or both of f32}}
  %r = lowbit.matmul lhs(%a : tensor<4x16xf8E4M3FN>) rhs(%b : tensor<6x16xi8>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } -> tensor<4x6xf32>
  return
}

// -----

func.func @c5_unsigned(%a: tensor<4x16xf8E4M3FN>, %b: tensor<6x16xf8E5M2>, %init: tensor<4x6xf32>) {
  // expected-error @+1 {{(C5) floats are neither unsigned nor bits}}
  %r = lowbit.matmul lhs(%a : tensor<4x16xf8E4M3FN>) rhs(%b : tensor<6x16xf8E5M2>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } {rhs_unsigned} -> tensor<4x6xf32>
  return
}

// -----

func.func @c5_group(%a: tensor<2x64xf16>, %w: tensor<1x512xi8>, %s: tensor<8x16xf32>, %init: tensor<2x8xf32>) {
  // expected-error @+1 {{(C5) groups have 8 weights; expected a power of two from 16 to 1024}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<8x16xf32>) outs(%init : tensor<2x8xf32>)
    width 4 group 8 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

func.func @c5_no_scales(%a: tensor<2x64xf16>, %w: tensor<1x512xi8>, %init: tensor<2x8xf32>) {
  // expected-error @+1 {{(C5) has groups or zeros, but no scales}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) outs(%init : tensor<2x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

func.func @c6(%a: tensor<2x64xf16>, %w: tensor<1x512xi8>, %init: tensor<2x8xf32>) {
  // expected-error @+1 {{(C6) weights have 3 bits; expected 2 or 4}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) outs(%init : tensor<2x8xf32>) width 3 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

// Bytes are multiplied 32 at a time.
func.func @c5_group_of_bytes(%a: tensor<2x64xi8>, %w: tensor<1x512xi8>, %s: tensor<4x16xf32>, %init: tensor<2x8xf32>) {
  // expected-error @+1 {{(C5) groups have 16 weights; expected a power of two from 32 to 1024}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xi8>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<4x16xf32>) outs(%init : tensor<2x8xf32>)
    width 4 group 16 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

func.func @c5_scales(%a: tensor<2x64xf16>, %w: tensor<1x512xi8>, %s: tensor<2x16xf4E2M1FN>, %init: tensor<2x8xf32>) {
  // expected-error @+1 {{(C5) scales are of 'f4E2M1FN'; expected f16, bf16, f32 or a float of 8 bits}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<2x16xf4E2M1FN>)
    outs(%init : tensor<2x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

func.func @c6_levels(%a: tensor<2x64xf16>, %w: tensor<1x512xi8>, %init: tensor<2x8xf32>) {
  // expected-error @+1 {{(C6) weights have 2 bits; expected 4}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) outs(%init : tensor<2x8xf32>)
    width 2 levels [-1.0, -0.25, 0.25, 1.0] {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

func.func @c7_count(%a: tensor<2x64xf16>, %w: tensor<1x1024xi8>, %init: tensor<2x8xf32>) {
  // expected-error @+1 {{(C7) has 4 levels; expected 16 finite reals}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x1024xi8>) outs(%init : tensor<2x8xf32>)
    width 4 levels [-1.0, -0.25, 0.25, 1.0] {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

func.func @c7_bytes(%a: tensor<2x64xi8>, %w: tensor<1x1024xi8>, %init: tensor<2x8xf32>) {
  // expected-error @+1 {{(C7) has levels, and lhs of codes, zeros or `unsigned`; expected lhs of floats alone}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xi8>) rhs(%w : tensor<1x1024xi8>) outs(%init : tensor<2x8xf32>)
    width 4 levels [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0] {
  ^bb0(%sum: i32):
    %real = arith.sitofp %sum : i32 to f32
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

func.func @c1_scales(%a: tensor<2x64xf16>, %w: tensor<1x512xi8>, %s: tensor<8x2xf32>, %init: tensor<2x8xf32>) {
  // expected-error @+2 {{(C1) shapes of}}
  // expected-note @+1 {{expected rhs of [1, 512], scales and zeros of [2, 16], and as many rows of lhs and init}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<8x2xf32>) outs(%init : tensor<2x8xf32>)
    width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

// Without scales the sum of bytes goes to the epilogue.
func.func @c3_sum(%a: tensor<2x64xi8>, %w: tensor<1x1024xi8>, %init: tensor<2x8xf32>) {
  // expected-error @+1 {{(C3)}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xi8>) rhs(%w : tensor<1x1024xi8>) outs(%init : tensor<2x8xf32>) width 4 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return
}

// -----

func.func @c6_rows(%a: tensor<6x5x16xi8>, %b: tensor<7x144xi8>, %init: tensor<24x7xi32>) {
  // expected-error @+2 {{(C1) shapes of 'tensor<6x5x16xi8>', 'tensor<7x144xi8>' and 'tensor<24x7xi32>' do not agree}}
  // expected-note @+1 {{expected […, M, K]}}
  %r = lowbit.matmul lhs(%a : tensor<6x5x16xi8>) rhs(%b : tensor<7x144xi8>) outs(%init : tensor<24x7xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_windows = #lowbit.windows<[3, 3, 16], (h, w, i, j, c) -> (h + i, w + j, c)>} -> tensor<24x7xi32>
  return
}

// -----

func.func @c6_axes(%a: tensor<30x16xi8>, %b: tensor<7x144xi8>, %init: tensor<12x7xi32>) {
  // expected-error @+1 {{(C6) lhs is 'tensor<30x16xi8>'; expected integers in a static shape of 3 axes, of which windows are read}}
  %r = lowbit.matmul lhs(%a : tensor<30x16xi8>) rhs(%b : tensor<7x144xi8>) outs(%init : tensor<12x7xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_windows = #lowbit.windows<[3, 3, 16], (h, w, i, j, c) -> (h + i, w + j, c)>} -> tensor<12x7xi32>
  return
}


// -----

func.func @groups_are_powers_of_two(%a: tensor<4x96xi8>, %b: tensor<6x96xi8>, %s: tensor<4x2xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{(C7) has scales along the reduction and group 48; expected a power of two from 32 to 4096 that divides the reduction, with scales, or zero without}}
  %r = lowbit.matmul lhs(%a : tensor<4x96xi8>) rhs(%b : tensor<6x96xi8>) lhs_scales(%s : tensor<4x2xf32>) outs(%init : tensor<4x6xf32>) group 48 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

func.func @groups_divide(%a: tensor<4x96xi8>, %b: tensor<6x96xi8>, %s: tensor<4x2xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{(C7) has scales along the reduction and group 64; expected a power of two}}
  %r = lowbit.matmul lhs(%a : tensor<4x96xi8>) rhs(%b : tensor<6x96xi8>) lhs_scales(%s : tensor<4x2xf32>) outs(%init : tensor<4x6xf32>) group 64 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

func.func @groups_have_scales(%a: tensor<4x64xi8>, %b: tensor<6x64xi8>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{(C7) has no scales along the reduction and group 32}}
  %r = lowbit.matmul lhs(%a : tensor<4x64xi8>) rhs(%b : tensor<6x64xi8>) outs(%init : tensor<4x6xf32>) group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

func.func @scales_of_groups(%a: tensor<4x64xi8>, %b: tensor<6x64xi8>, %s: tensor<6x2xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{(C7) has scales of type 'tensor<6x2xf32>'; expected [M, K / group] of lhs and [K / group, N] of rhs, of f32, f16, bf16 or floats of 8 bits}}
  %r = lowbit.matmul lhs(%a : tensor<4x64xi8>) rhs(%b : tensor<6x64xi8>) rhs_scales(%s : tensor<6x2xf32>) outs(%init : tensor<4x6xf32>) group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

func.func @no_groups_of_batches(%a: tensor<2x4x64xi8>, %b: tensor<2x6x64xi8>, %s: tensor<4x2xf32>, %init: tensor<2x4x6xf32>) -> tensor<2x4x6xf32> {
  // expected-error @+1 {{(C7) has groups; expected a product of rank 2, of bytes or of floats of 8 bits}}
  %r = lowbit.matmul lhs(%a : tensor<2x4x64xi8>) rhs(%b : tensor<2x6x64xi8>) lhs_scales(%s : tensor<4x2xf32>) outs(%init : tensor<2x4x6xf32>) group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x4x6xf32>
  return %r : tensor<2x4x6xf32>
}
