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
  // expected-error @+1 {{has no lowering to loops}}
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<2x16xf32>)
    outs(%init : tensor<2x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
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
  // expected-error @+1 {{has no lowering to loops; a matrix unit adds floats of 8 bits up in an order of its own}}
  %r = lowbit.matmul lhs(%a : tensor<4x16xf8E4M3FN>) rhs(%b : tensor<6x16xf8E5M2>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}
