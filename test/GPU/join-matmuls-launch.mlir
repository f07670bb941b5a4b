// RUN: quant-opt %s --lowbit-join-matmuls --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-compile=target=nvptx:sm_80 --split-input-file | FileCheck %s --check-prefix=LAUNCH

// The parts of a joint product have its pitch: what others need row after row stays a product of its own, and has a kernel.

// An operand of another product's epilogue.
// CHECK-LABEL: func.func @operand
// CHECK-COUNT-3: lowbit.matmul
//   CHECK-NOT: lowbit.matmul
//   CHECK-NOT: tensor.extract_slice
//  LAUNCH-LABEL: llvm.func @operand(
// LAUNCH-COUNT-4: llvm.call @lowbit_gpu_launch(
//    LAUNCH-NOT: llvm.call @lowbit_gpu_launch(
func.func @operand(%x: tensor<32x64xi8>, %z: tensor<32x64xi8>) -> (tensor<32x64xf32>, tensor<32x64xf32>) {
  %w0 = arith.constant dense<1> : tensor<64x64xi8>
  %w1 = arith.constant dense<2> : tensor<64x64xi8>
  %w2 = arith.constant dense<3> : tensor<64x64xi8>
  %e = tensor.empty() : tensor<32x64xf32>
  %0 = lowbit.matmul lhs(%x : tensor<32x64xi8>) rhs(%w0 : tensor<64x64xi8>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%sum: i32):
    %t = arith.sitofp %sum : i32 to f32
    lowbit.yield %t : f32
  } -> tensor<32x64xf32>
  %1 = lowbit.matmul lhs(%x : tensor<32x64xi8>) rhs(%w1 : tensor<64x64xi8>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%sum: i32):
    %t = arith.sitofp %sum : i32 to f32
    lowbit.yield %t : f32
  } -> tensor<32x64xf32>
  %2 = lowbit.matmul lhs(%z : tensor<32x64xi8>) rhs(%w2 : tensor<64x64xi8>) outs(%e : tensor<32x64xf32>) operands(%0 : tensor<32x64xf32>) {
  ^bb0(%sum: i32, %a: f32):
    %t = arith.sitofp %sum : i32 to f32
    %u = arith.addf %t, %a : f32
    lowbit.yield %u : f32
  } -> tensor<32x64xf32>
  %3 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%1 : tensor<32x64xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = math.sqrt %a : f32
    linalg.yield %t : f32
  } -> tensor<32x64xf32>
  return %2, %3 : tensor<32x64xf32>, tensor<32x64xf32>
}

// -----

// A left side, behind reshapes: 22 columns before it are no multiple of 16 bytes.
// CHECK-LABEL: func.func @left
// CHECK-COUNT-3: lowbit.matmul
//   CHECK-NOT: lowbit.matmul
//   CHECK-NOT: tensor.extract_slice
//  LAUNCH-LABEL: llvm.func @left(
// LAUNCH-COUNT-4: llvm.call @lowbit_gpu_launch(
//    LAUNCH-NOT: llvm.call @lowbit_gpu_launch(
func.func @left(%x: tensor<32x64xi8>) -> (tensor<32x22xi8>, tensor<32x64xi32>) {
  %w0 = arith.constant dense<1> : tensor<22x64xi8>
  %w1 = arith.constant dense<2> : tensor<64x64xi8>
  %e0 = tensor.empty() : tensor<32x22xi8>
  %e1 = tensor.empty() : tensor<32x64xi8>
  %e2 = tensor.empty() : tensor<32x64xi32>
  %0 = lowbit.matmul lhs(%x : tensor<32x64xi8>) rhs(%w0 : tensor<22x64xi8>) outs(%e0 : tensor<32x22xi8>) {
  ^bb0(%sum: i32):
    %t = arith.trunci %sum : i32 to i8
    lowbit.yield %t : i8
  } -> tensor<32x22xi8>
  %1 = lowbit.matmul lhs(%x : tensor<32x64xi8>) rhs(%w1 : tensor<64x64xi8>) outs(%e1 : tensor<32x64xi8>) {
  ^bb0(%sum: i32):
    %t = arith.trunci %sum : i32 to i8
    lowbit.yield %t : i8
  } -> tensor<32x64xi8>
  %3 = tensor.expand_shape %1 [[0, 1], [2]] output_shape [4, 8, 64] : tensor<32x64xi8> into tensor<4x8x64xi8>
  %4 = tensor.collapse_shape %3 [[0, 1], [2]] : tensor<4x8x64xi8> into tensor<32x64xi8>
  %5 = lowbit.matmul lhs(%4 : tensor<32x64xi8>) rhs(%w1 : tensor<64x64xi8>) outs(%e2 : tensor<32x64xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } -> tensor<32x64xi32>
  %6 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<32x22xi8>) outs(%e0 : tensor<32x22xi8>) {
  ^bb0(%a: i8, %o: i8):
    %t = arith.addi %a, %a : i8
    linalg.yield %t : i8
  } -> tensor<32x22xi8>
  return %6, %5 : tensor<32x22xi8>, tensor<32x64xi32>
}

// -----

// The left side of a product in groups.
// CHECK-LABEL: func.func @grouped
// CHECK-COUNT-2: lowbit.matmul
//       CHECK: lowbit.grouped_matmul
//   CHECK-NOT: tensor.extract_slice
//  LAUNCH-LABEL: llvm.func @grouped(
// LAUNCH-COUNT-4: llvm.call @lowbit_gpu_launch(
//    LAUNCH-NOT: llvm.call @lowbit_gpu_launch(
func.func @grouped(%x: tensor<32x64xi8>) -> (tensor<32x64xf16>, tensor<32x8xf32>) {
  %w0 = arith.constant dense<1> : tensor<64x64xi8>
  %w1 = arith.constant dense<2> : tensor<64x64xi8>
  %packed = arith.constant dense<18> : tensor<1x512xi8>
  %scales = arith.constant dense<0.5> : tensor<2x16xf32>
  %e = tensor.empty() : tensor<32x64xf16>
  %e2 = tensor.empty() : tensor<32x8xf32>
  %0 = lowbit.matmul lhs(%x : tensor<32x64xi8>) rhs(%w0 : tensor<64x64xi8>) outs(%e : tensor<32x64xf16>) {
  ^bb0(%sum: i32):
    %t = arith.sitofp %sum : i32 to f16
    lowbit.yield %t : f16
  } -> tensor<32x64xf16>
  %1 = lowbit.matmul lhs(%x : tensor<32x64xi8>) rhs(%w1 : tensor<64x64xi8>) outs(%e : tensor<32x64xf16>) {
  ^bb0(%sum: i32):
    %t = arith.sitofp %sum : i32 to f16
    lowbit.yield %t : f16
  } -> tensor<32x64xf16>
  %2 = lowbit.grouped_matmul lhs(%1 : tensor<32x64xf16>) rhs(%packed : tensor<1x512xi8>) scales(%scales : tensor<2x16xf32>)
    outs(%e2 : tensor<32x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<32x8xf32>
  %3 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<32x64xf16>) outs(%e : tensor<32x64xf16>) {
  ^bb0(%a: f16, %o: f16):
    %t = math.absf %a : f16
    linalg.yield %t : f16
  } -> tensor<32x64xf16>
  return %3, %2 : tensor<32x64xf16>, tensor<32x8xf32>
}
