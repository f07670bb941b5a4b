// RUN: quant-opt %s --lowbit-lower-matmuls --split-input-file --verify-diagnostics | FileCheck %s

// A sum of products that wraps, then the epilogue; an operand's axis of size one is shared by all elements along it.
// CHECK-DAG: #[[LEFT:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[RIGHT:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[RESULT:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[SHARED:.*]] = affine_map<(d0, d1) -> (0, d1)>
// CHECK-LABEL: func @bytes
//  CHECK-SAME:   %[[A:.*]]: tensor<16x64xi8>, %[[B:.*]]: tensor<32x64xi8>, %[[S:.*]]: tensor<1x32xf32>, %[[INIT:.*]]: tensor<16x32xf32>
//       CHECK:   %[[ZEROS:.*]] = linalg.fill
//       CHECK:   %[[SUMS:.*]] = linalg.generic {indexing_maps = [#[[LEFT]], #[[RIGHT]], #[[RESULT]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[A]], %[[B]] : {{.*}}) outs(%[[ZEROS]] : tensor<16x32xi32>)
//       CHECK:     arith.extui
//       CHECK:     arith.extsi
//       CHECK:     arith.muli
//       CHECK:     arith.addi
//       CHECK:   linalg.generic {indexing_maps = [#[[ALL]], #[[SHARED]], #[[ALL]]], iterator_types = ["parallel", "parallel"]} ins(%[[SUMS]], %[[S]] : {{.*}}) outs(%[[INIT]] : tensor<16x32xf32>)
//       CHECK:     arith.sitofp
//       CHECK:     arith.mulf
func.func @bytes(%a: tensor<16x64xi8>, %b: tensor<32x64xi8>, %s: tensor<1x32xf32>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
  %r = lowbit.matmul lhs(%a : tensor<16x64xi8>) rhs(%b : tensor<32x64xi8>) outs(%init : tensor<16x32xf32>) operands(%s : tensor<1x32xf32>) {
  ^bb0(%sum: i32, %scale: f32):
    %0 = arith.sitofp %sum : i32 to f32
    %1 = arith.mulf %0, %scale : f32
    lowbit.yield %1 : f32
  } {lhs_unsigned} -> tensor<16x32xf32>
  return %r : tensor<16x32xf32>
}

// -----

// Bits that are set on both sides are counted.
// CHECK-LABEL: func @bits
//       CHECK:   arith.andi
//       CHECK:   math.ctpop
//       CHECK:   arith.extui
func.func @bits(%a: tensor<3x5x8xi8>, %b: tensor<3x7x8xi8>, %init: tensor<3x5x7xi32>) -> tensor<3x5x7xi32> {
  %r = lowbit.matmul lhs(%a : tensor<3x5x8xi8>) rhs(%b : tensor<3x7x8xi8>) outs(%init : tensor<3x5x7xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {bits} -> tensor<3x5x7xi32>
  return %r : tensor<3x5x7xi32>
}

// -----

// Of f32 each product is added by one fused multiply-add; rows may be those of the reduction, and batches share a side.
// CHECK-DAG: #[[TURNED:.*]] = affine_map<(d0, d1, d2, d3) -> (0, d3, d1)>
// CHECK-DAG: #[[PLAIN:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
// CHECK-LABEL: func @floats
//       CHECK:   linalg.generic {indexing_maps = [#[[TURNED]], #[[PLAIN]], #{{.*}}], {{.*}}} {{.*}} outs(%{{.*}} : tensor<3x5x7xf32>)
//  CHECK-NEXT:   ^bb0(%[[L:.*]]: f32, %[[R:.*]]: f32, %[[SUM:.*]]: f32):
//  CHECK-NEXT:     math.fma %[[L]], %[[R]], %[[SUM]] : f32
func.func @floats(%a: tensor<1x8x5xf32>, %b: tensor<3x7x8xf32>, %init: tensor<3x5x7xf32>) -> tensor<3x5x7xf32> {
  %r = lowbit.matmul lhs(%a : tensor<1x8x5xf32>) rhs(%b : tensor<3x7x8xf32>) outs(%init : tensor<3x5x7xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } {lhs_transposed} -> tensor<3x5x7xf32>
  return %r : tensor<3x5x7xf32>
}

// -----

func.func @grouped(%a: tensor<2x64xf16>, %w: tensor<1x512xi8>, %s: tensor<2x16xf32>, %init: tensor<2x8xf32>) -> tensor<2x8xf32> {
  // expected-error @+1 {{has weights that are no constant; expected one, which loops unpack}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<2x16xf32>)
    outs(%init : tensor<2x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } {lowbit.order = {matrix = 16 : i64, neighbours = 8 : i64}} -> tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}

// -----

func.func @buffers(%a: memref<16x64xi8>, %b: memref<32x64xi8>, %init: memref<16x32xi32>) {
  // expected-error @+1 {{is on buffers; expected tensors}}
  lowbit.matmul lhs(%a : memref<16x64xi8>) rhs(%b : memref<32x64xi8>) outs(%init : memref<16x32xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}

// -----

func.func @bytes_of_floats(%a: tensor<4x16xf8E4M3FN>, %b: tensor<6x16xf8E5M2>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  // expected-error @+1 {{is of floats of 8 bits, which matrix units add up in orders of their own; expected one in `lowbit.order`, which `lowbit-order-sums` writes for a GPU}}
  %r = lowbit.matmul lhs(%a : tensor<4x16xf8E4M3FN>) rhs(%b : tensor<6x16xf8E5M2>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

func.func @no_order_of_weights(%a: tensor<2x64xf16>, %s: tensor<2x16xf32>, %init: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %w = arith.constant dense_resource<w> : tensor<1x512xi8>
  // expected-error @+1 {{is of floats, which matrix units add up in orders of their own}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<2x16xf32>)
    outs(%init : tensor<2x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}

{-# dialect_resources: {builtin: {w: "0x04000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"}} #-}

// -----

// By wgmma: 128 of the reduction, which is filled up, are a part, 32 at a time; parts are added one after the other.
// CHECK-DAG: #[[SIDE:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
// CHECK-LABEL: func @warpgroups
//       CHECK:   tensor.pad %{{.*}} low[0, 0] high[0, 112]
//       CHECK:   %[[LEFT:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2]] output_shape [4, 2, 128]
//       CHECK:   %[[PARTS:.*]] = linalg.generic {indexing_maps = [#[[SIDE]], {{.*}}} ins(%[[LEFT]], %{{.*}}) outs(%{{.*}} : tensor<4x6x2xf32>) attrs = {lowbit.order = {matrix = 32 : i64}}
//       CHECK:   linalg.generic {{.*}} ins(%[[PARTS]] : tensor<4x6x2xf32>) outs(%{{.*}} : tensor<4x6xf32>)
//  CHECK-NEXT:   ^bb0(%[[PART:.*]]: f32, %[[SUM:.*]]: f32):
//  CHECK-NEXT:     arith.addf %[[SUM]], %[[PART]] : f32
func.func @warpgroups(%a: tensor<4x144xf8E4M3FN>, %b: tensor<6x144xf8E5M2>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.matmul lhs(%a : tensor<4x144xf8E4M3FN>) rhs(%b : tensor<6x144xf8E5M2>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } {lowbit.order = {matrix = 32 : i64, part = 128 : i64}} -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

// By mma.sync: f16, of each 32 those with k mod 4 < 2 first; a group of 64 is two parts, whose sum joins the real with its scales.
// CHECK-DAG: #[[HALVES:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d4, d3, d5)>
// CHECK-LABEL: func @warps
//  CHECK-SAME:   %[[A:[^:]*]]: tensor<4x128xf8E4M3FN>, %[[B:[^:]*]]: tensor<6x128xf8E4M3FN>, %[[SA:[^:]*]]: tensor<4x2xf32>, %[[SB:[^:]*]]: tensor<2x6xf8E8M0FNU>
//       CHECK:   tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2, 3, 4]] output_shape [4, 4, 8, 2, 2] : tensor<4x128xf16>
//       CHECK:   %[[PARTS:.*]] = linalg.generic {indexing_maps = [#[[HALVES]], {{.*}}} {{.*}} outs(%{{.*}} : tensor<4x6x4xf32>) attrs = {lowbit.order = {matrix = 16 : i64}}
//       CHECK:   %[[BY_GROUP:.*]] = tensor.expand_shape %[[PARTS]] {{\[}}[0], [1], [2, 3]] output_shape [4, 6, 2, 2]
//       CHECK:   %[[DOTS:.*]] = linalg.generic {{.*}} ins(%[[BY_GROUP]] : {{.*}}) outs(%{{.*}} : tensor<4x6x2xf32>)
//       CHECK:   linalg.generic {{.*}} ins(%[[DOTS]], %[[SA]], %[[SB]] : {{.*}}) outs(%{{.*}} : tensor<4x6xf32>)
//  CHECK-NEXT:   ^bb0(%[[DOT:.*]]: f32, %[[L:.*]]: f32, %{{.*}}: f8E8M0FNU, %[[REAL:.*]]: f32):
//       CHECK:     %[[TERM:.*]] = arith.mulf %[[DOT]], %[[L]] : f32
//       CHECK:     math.fma %[[TERM]], %{{.*}}, %[[REAL]] : f32
func.func @warps(%a: tensor<4x128xf8E4M3FN>, %b: tensor<6x128xf8E4M3FN>, %sa: tensor<4x2xf32>, %sb: tensor<2x6xf8E8M0FNU>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.matmul lhs(%a : tensor<4x128xf8E4M3FN>) rhs(%b : tensor<6x128xf8E4M3FN>) lhs_scales(%sa : tensor<4x2xf32>)
    rhs_scales(%sb : tensor<2x6xf8E8M0FNU>) outs(%init : tensor<4x6xf32>) group 64 {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } {lowbit.order = {matrix = 16 : i64, part = 32 : i64}} -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

// Bytes in groups: dots are exact.
// CHECK-LABEL: func @groups
//       CHECK:   %[[DOTS:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<4x6x2xi32>)
//       CHECK:     arith.addi
//       CHECK:   linalg.generic {{.*}} ins(%[[DOTS]], %{{.*}} : tensor<4x6x2xi32>, tensor<4x2xf32>)
//       CHECK:     %[[REAL:.*]] = arith.sitofp
//       CHECK:     math.fma %[[REAL]]
func.func @groups(%a: tensor<4x64xi8>, %b: tensor<6x64xi8>, %sa: tensor<4x2xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.matmul lhs(%a : tensor<4x64xi8>) rhs(%b : tensor<6x64xi8>) lhs_scales(%sa : tensor<4x2xf32>) outs(%init : tensor<4x6xf32>) group 32 {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// -----

// Weights of four bits become halves; a step takes four of each eight neighbours of the reduction.
// CHECK-DAG: #[[LEFT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7, d8, d9) -> (d6, d0, d3, d2, d4, d8, d5, d9)>
// CHECK-DAG: #[[RIGHT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7, d8, d9) -> (d7, d1, d3, d2, d4, d8, d5, d9)>
// CHECK-LABEL: func @weights
//       CHECK:   %[[WEIGHTS:.*]] = arith.constant dense_resource<{{.*}}> : tensor<1x8x1x2x1x4x2x4xf16>
//       CHECK:   tensor.expand_shape %{{.*}} output_shape [1, 2, 1, 2, 1, 4, 2, 4] : tensor<2x64xf16>
//       CHECK:   linalg.generic {indexing_maps = [#[[LEFT]], #[[RIGHT]], {{.*}}} ins(%{{.*}}, %[[WEIGHTS]] : {{.*}}) outs(%{{.*}} : tensor<2x8x2xf32>) attrs = {lowbit.order = {matrix = 16 : i64}}
//       CHECK:     math.fma
func.func @weights(%a: tensor<2x64xf16>, %s: tensor<2x16xf32>, %init: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %w = arith.constant dense_resource<w> : tensor<1x512xi8>
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<2x16xf32>)
    outs(%init : tensor<2x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } {lowbit.order = {matrix = 16 : i64, neighbours = 8 : i64}} -> tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}

// Reals of f32 are three parts in bf16 each, the smallest first.
// CHECK-LABEL: func @grouped_reals
//       CHECK:   %[[PARTS:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<2x64xf32>) outs(%{{.*}} : tensor<3x2x64xbf16>)
//       CHECK:   arith.andi
//       CHECK:   tensor.expand_shape %[[PARTS]] {{.*}} into tensor<3x2x1x2x1x4x2x4xbf16>
func.func @grouped_reals(%a: tensor<2x64xf32>, %s: tensor<2x16xf32>, %init: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %w = arith.constant dense_resource<w> : tensor<1x512xi8>
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf32>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<2x16xf32>)
    outs(%init : tensor<2x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } {lowbit.order = {matrix = 16 : i64, neighbours = 8 : i64}} -> tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}

{-# dialect_resources: {builtin: {w: "0x04000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"}} #-}
