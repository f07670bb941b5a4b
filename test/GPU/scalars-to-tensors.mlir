// RUN: quant-opt %s --lowbit-scalars-to-tensors --split-input-file | FileCheck %s

// A loop gets the rate as an element of a tensor, and what is computed from it by an op of rank 0.
// CHECK-LABEL: func @step
//  CHECK-SAME:   %[[RATE:.*]]: tensor<f32>, %[[W:.*]]: tensor<8xf32>
//   CHECK-NOT:   tensor.extract
//       CHECK:   %[[HALF:.*]] = linalg.generic {{.*}}iterator_types = []} ins(%[[RATE]] : tensor<f32>)
//       CHECK:     arith.mulf
//       CHECK:   linalg.generic
//  CHECK-SAME:     ins(%[[RATE]], %[[HALF]] : tensor<f32>, tensor<f32>) outs(%[[W]] : tensor<8xf32>) attrs = {{.*}}mark
//  CHECK-NEXT:   ^bb0(%[[R:.*]]: f32, %[[H:.*]]: f32, %[[A:.*]]: f32):
//  CHECK-NEXT:     %[[P:.*]] = arith.mulf %[[A]], %[[H]]
//  CHECK-NEXT:     arith.subf %[[P]], %[[R]]
func.func @step(%rate: tensor<f32>, %w: tensor<8xf32>) -> tensor<8xf32> {
  %half = arith.constant 0.5 : f32
  %r = tensor.extract %rate[] : tensor<f32>
  %h = arith.mulf %r, %half : f32
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%w : tensor<8xf32>) attrs = {mark} {
  ^bb0(%a: f32):
    %1 = arith.mulf %a, %h : f32
    %2 = arith.subf %1, %r : f32
    linalg.yield %2 : f32
  } -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

// Elements of larger tensors are read where they are needed; what is put into a tensor is in one.
// CHECK-LABEL: func @element
//       CHECK:   %[[E:.*]] = linalg.generic {{.*}}iterator_types = []}
//       CHECK:     tensor.extract %{{.*}}[%{{.*}}] : tensor<4xf32>
//       CHECK:     math.exp
//       CHECK:   %[[R:.*]] = tensor.expand_shape %[[E]] [] output_shape [1] : tensor<f32> into tensor<1xf32>
//       CHECK:   return %[[R]], %[[E]]
func.func @element(%x: tensor<4xf32>) -> (tensor<1xf32>, tensor<f32>) {
  %two = arith.constant 2 : index
  %a = tensor.extract %x[%two] : tensor<4xf32>
  %b = math.exp %a : f32
  %0 = tensor.from_elements %b : tensor<1xf32>
  %1 = tensor.from_elements %b : tensor<f32>
  return %0, %1 : tensor<1xf32>, tensor<f32>
}

// -----

// A scalar as an operand of a loop becomes a tensor, too.
// CHECK-LABEL: func @operand
//  CHECK-SAME:   %[[S:.*]]: tensor<f32>
//       CHECK:   linalg.generic {{.*}} ins(%[[S]] : tensor<f32>)
func.func @operand(%s: tensor<f32>) -> tensor<6xf32> {
  %v = tensor.extract %s[] : tensor<f32>
  %e = tensor.empty() : tensor<6xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> ()>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%v : f32) outs(%e : tensor<6xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  } -> tensor<6xf32>
  return %0 : tensor<6xf32>
}

// -----

// What decides what is executed stays, and so do numbers that are no tensor's.
// CHECK-LABEL: func @condition
//       CHECK:   tensor.extract
//       CHECK:   scf.if
//       CHECK:   linalg.generic {{.*}} ins(%{{.*}} : f32)
func.func @condition(%s: tensor<i1>, %number: f32, %x: tensor<6xf32>) -> tensor<6xf32> {
  %v = tensor.extract %s[] : tensor<i1>
  %r = scf.if %v -> tensor<6xf32> {
    %0 = linalg.generic {indexing_maps = [affine_map<(i) -> ()>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%number : f32) outs(%x : tensor<6xf32>) {
    ^bb0(%a: f32, %o: f32):
      linalg.yield %a : f32
    } -> tensor<6xf32>
    scf.yield %0 : tensor<6xf32>
  } else {
    scf.yield %x : tensor<6xf32>
  }
  return %r : tensor<6xf32>
}

// -----

// What is put around a tensor is an element, too; the tensor goes into the middle.
// CHECK-LABEL: func @pad
//  CHECK-SAME:   %[[ZERO:.*]]: tensor<i8>, %[[X:.*]]: tensor<3x4xi8>
//       CHECK:   %[[AROUND:.*]] = linalg.broadcast ins(%[[ZERO]] : tensor<i8>) outs(%{{.*}} : tensor<5x7xi8>) dimensions = [0, 1]
//       CHECK:   tensor.insert_slice %[[X]] into %[[AROUND]][1, 2] [3, 4] [1, 1]
func.func @pad(%zero: tensor<i8>, %x: tensor<3x4xi8>) -> tensor<5x7xi8> {
  %0 = tensor.extract %zero[] : tensor<i8>
  %1 = tensor.pad %x low[1, 2] high[1, 1] {
  ^bb0(%i: index, %j: index):
    tensor.yield %0 : i8
  } : tensor<3x4xi8> to tensor<5x7xi8>
  return %1 : tensor<5x7xi8>
}

// -----

// An assertion is a kernel's where its condition is computed from what only kernels read.
// CHECK-LABEL: func @assertion
//   CHECK-NOT:   tensor.extract
//       CHECK:   %[[TRUTHS:.*]] = linalg.generic
//       CHECK:   linalg.generic {{.*}} ins(%[[TRUTHS]] : tensor<i1>) {
//  CHECK-NEXT:   ^bb0(%[[TRUTH:[a-z]*]]: i1):
//  CHECK-NEXT:     cf.assert %[[TRUTH]], "the scale is 1"
func.func @assertion(%scale: tensor<f32>) {
  %one = arith.constant 1.0 : f32
  %0 = tensor.extract %scale[] : tensor<f32>
  %1 = arith.cmpf oeq, %0, %one : f32
  cf.assert %1, "the scale is 1"
  return
}
