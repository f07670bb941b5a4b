// RUN: quant-opt %s --verify-roundtrip | FileCheck %s

// Parameters print in as few digits as give them back, and defaults where they matter only.
// CHECK-LABEL: func @policies
func.func @policies(%x: tensor<4x8xf32>) {
  // CHECK: lowbit.observe "a" %{{.*}} : tensor<4x8xf32> with #lowbit.minmax
  lowbit.observe "a" %x : tensor<4x8xf32> with #lowbit.minmax
  // CHECK: with #lowbit.moving_average
  lowbit.observe "b" %x : tensor<4x8xf32> with #lowbit.moving_average<0.9>
  // CHECK: with #lowbit.moving_average<0.99>
  lowbit.observe "c" %x : tensor<4x8xf32> with #lowbit.moving_average<0.99>
  // CHECK: with #lowbit.percentile<99.99>
  lowbit.observe "d" %x : tensor<4x8xf32> with #lowbit.percentile
  // CHECK: with #lowbit.percentile<99.0> per [1]
  lowbit.observe "e" %x : tensor<4x8xf32> with #lowbit.percentile<99> per [1]
  // CHECK: with #lowbit.percentile<99.999, bins = 16384>
  lowbit.observe "f" %x : tensor<4x8xf32> with #lowbit.percentile<99.999, bins = 16384>
  // CHECK: with #lowbit.entropy per [0, 1]
  lowbit.observe "g" %x : tensor<4x8xf32> with #lowbit.entropy<bins = 4096> per [0, 1]
  // CHECK: with #lowbit.mse<bins = 2048>
  lowbit.observe "h" %x : tensor<4x8xf32> with #lowbit.mse<bins = 2048>
  // CHECK: with #lowbit.moving_average<1.0e-05>
  lowbit.observe "i" %x : tensor<4x8xf32> with #lowbit.moving_average<0.00001>
  return
}
