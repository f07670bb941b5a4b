// RUN: quant-opt %s --lowbit-launch-matmuls=target=nvptx:sm_80 --split-input-file --verify-diagnostics

// What a schedule cannot do is said by each of them.
func.func @unaligned(%a: memref<4x15xi8>, %b: memref<6x15xi8>, %r: memref<4x6xi32>) {
  // expected-error @+1 {{mma.sync: rows do not begin at multiples of 16 bytes}}
  lowbit.matmul lhs(%a : memref<4x15xi8>) rhs(%b : memref<6x15xi8>) outs(%r : memref<4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}

// -----

func.func @captured(%a: memref<4x16xi8>, %b: memref<6x16xi8>, %r: memref<4x6xi32>, %other: i32) {
  // expected-error @+1 {{has an epilogue that uses values from around it; expected operands, or constants}}
  lowbit.matmul lhs(%a : memref<4x16xi8>) rhs(%b : memref<6x16xi8>) outs(%r : memref<4x6xi32>) {
  ^bb0(%sum: i32):
    %0 = arith.addi %sum, %other : i32
    lowbit.yield %0 : i32
  }
  return
}

// -----

func.func @pitched(%a: memref<4x16xi8>, %b: memref<6x16xi8>, %r: memref<4x6xi32, strided<[8, 1]>>) {
  // expected-error @+1 {{whose rows are not next to one another; copy it first}}
  lowbit.matmul lhs(%a : memref<4x16xi8>) rhs(%b : memref<6x16xi8>) outs(%r : memref<4x6xi32, strided<[8, 1]>>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}

// -----

func.func @batches(%a: memref<3x2x4x16xi8>, %b: memref<3x2x6x16xi8>, %r: memref<3x2x4x6xi32>) {
  // expected-error @+1 {{has 2 axes of batches; expected one at most: make them one axis}}
  lowbit.matmul lhs(%a : memref<3x2x4x16xi8>) rhs(%b : memref<3x2x6x16xi8>) outs(%r : memref<3x2x4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}

// -----

func.func @few_bits_depth(%a: memref<4x40xf16>, %w: memref<1x1024xi8>, %r: memref<4x6xf32>) {
  // expected-error @+1 {{expected a reduction that is a multiple of 32}}
  lowbit.grouped_matmul lhs(%a : memref<4x40xf16>) rhs(%w : memref<1x1024xi8>) outs(%r : memref<4x6xf32>) width 4 {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  }
  return
}

// -----

func.func @few_bits_zeros(%a: memref<4x64xi8>, %w: memref<1x512xi8>, %s: memref<2x16xf32>, %z: memref<2x16xi8>, %r: memref<4x6xf32>) {
  // expected-error @+1 {{has zeros and lhs of i8; expected none}}
  lowbit.grouped_matmul lhs(%a : memref<4x64xi8>) rhs(%w : memref<1x512xi8>) scales(%s : memref<2x16xf32>) zeros(%z : memref<2x16xi8>)
    outs(%r : memref<4x6xf32>) width 4 group 32 {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  }
  return
}

// -----

func.func @few_bits_levels(%a: memref<4x64xf16>, %w: memref<1x1024xi8>, %r: memref<4x6xf32>) {
  // expected-error @+1 {{has levels that are no sums of three numbers of 'f16'}}
  lowbit.grouped_matmul lhs(%a : memref<4x64xf16>) rhs(%w : memref<1x1024xi8>) outs(%r : memref<4x6xf32>)
    width 4 levels [0.0, 1.0e-9, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0] {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  }
  return
}

// -----

// A kernel keeps to the order that its op says.
func.func @other_order(%a: memref<2x64xf16>, %w: memref<1x512xi8>, %s: memref<2x16xf32>, %init: memref<2x8xf32>) {
  // expected-error @+1 {{would be combined in the order {matrix = 16 : i64, neighbours = 8 : i64}; expected that of its `lowbit.order`, {matrix = 16 : i64, neighbours = 4 : i64}}}
  lowbit.grouped_matmul lhs(%a : memref<2x64xf16>) rhs(%w : memref<1x512xi8>) scales(%s : memref<2x16xf32>) outs(%init : memref<2x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } {lowbit.order = {matrix = 16 : i64, neighbours = 4 : i64}}
  return
}

// -----

func.func @groups_of_a_part(%a: memref<4x64xi8>, %b: memref<6x64xi8>, %s: memref<4x2xf32, strided<[2, 1], offset: 2>>, %init: memref<4x6xf32>) {
  // expected-error @+1 {{which are a part of another buffer; copy them first}}
  lowbit.matmul lhs(%a : memref<4x64xi8>) rhs(%b : memref<6x64xi8>) lhs_scales(%s : memref<4x2xf32, strided<[2, 1], offset: 2>>) outs(%init : memref<4x6xf32>) group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  }
  return
}

// -----

func.func @unknown_plan(%a: memref<4x16xi8>, %b: memref<6x16xi8>, %r: memref<4x6xi32>) {
  // expected-error @+1 {{mma.sync: no tile fits the name `mma_sync_1x1x1x1`}}
  lowbit.matmul lhs(%a : memref<4x16xi8>) rhs(%b : memref<6x16xi8>) outs(%r : memref<4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lowbit.plan = "mma_sync_1x1x1x1"}
  return
}
