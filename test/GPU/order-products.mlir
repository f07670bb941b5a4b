// RUN: quant-opt %s --lowbit-order-sums=target=nvptx:sm_90a | FileCheck %s --check-prefixes=CHECK,GROUP
// RUN: quant-opt %s --lowbit-order-sums=target=nvptx:sm_89 | FileCheck %s --check-prefixes=CHECK,WARP
// RUN: quant-opt %s --lowbit-order-sums=target=nvptx:sm_75 | FileCheck %s --check-prefix=NONE

// Products of floats say how the kernels of this GPU add them up, where it has such.
// NONE-NOT: lowbit.order

// wgmma adds 128 up, mma.sync 32, as two steps of f16.
// CHECK-LABEL: @float8
//       GROUP:   {lowbit.order = {matrix = 32 : i64, part = 128 : i64}}
//        WARP:   {lowbit.order = {matrix = 16 : i64, part = 32 : i64}}
func.func @float8(%a: tensor<4x64xf8E4M3FN>, %b: tensor<6x64xf8E5M2>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %r = lowbit.matmul lhs(%a : tensor<4x64xf8E4M3FN>) rhs(%b : tensor<6x64xf8E5M2>) outs(%init : tensor<4x6xf32>) {
  ^bb0(%sum: f32):
    lowbit.yield %sum : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// CHECK-LABEL: @groups
//       CHECK:   {lowbit.order = {matrix = 16 : i64, neighbours = 8 : i64}}
func.func @groups(%a: tensor<2x64xf16>, %w: tensor<1x512xi8>, %s: tensor<2x16xf32>, %init: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<2x16xf32>)
    outs(%init : tensor<2x8xf32>) width 4 group 32 {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}

// Without groups 16 warps share the reduction, 128 at a time. Levels that are no halves are sums of some, and 2^-14 times as large as those.
// CHECK-LABEL: @warps
//       CHECK:   {lowbit.order = {exponent = -14 : i64, matrix = 16 : i64, neighbours = 8 : i64, part = 128 : i64, parts = 16 : i64}}
func.func @warps(%a: tensor<2x64xf16>, %w: tensor<1x1024xi8>, %init: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x1024xi8>) outs(%init : tensor<2x8xf32>) width 4
    levels [-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0.0,
            0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0] {
  ^bb0(%real: f32):
    lowbit.yield %real : f32
  } -> tensor<2x8xf32>
  return %r : tensor<2x8xf32>
}

// Integers are the same in any order.
// CHECK-LABEL: @bytes
//   CHECK-NOT:   lowbit.order
func.func @bytes(%a: tensor<4x64xi8>, %b: tensor<6x64xi8>, %init: tensor<4x6xi32>) -> tensor<4x6xi32> {
  %r = lowbit.matmul lhs(%a : tensor<4x64xi8>) rhs(%b : tensor<6x64xi8>) outs(%init : tensor<4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } -> tensor<4x6xi32>
  return %r : tensor<4x6xi32>
}
