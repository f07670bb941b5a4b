// RUN: quant-opt %s --lowbit-train-batch-norm --split-input-file --verify-diagnostics

// Values to start from are those of `initial`.
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
// expected-error@+1 {{the module has no function `initial`; expected what `lowbit-extract-parameters` makes}}
func.func @main(%w: tensor<3x2xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}, %b: tensor<2xf32> {lowbit.name = "fc.bias", lowbit.parameter = "other"},
                %x: tensor<4x3xf32> {lowbit.name = "x"}) -> tensor<4x2xf32> {
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %r = linalg.matmul {lowbit.site = "fc", lowbit.batch_norm = {axis = 1 : i64, mean = array<f32: 1.0, 2.0>, variance = array<f32: 4.0, 9.0>, weight_axis = 1 : i64}}
    ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %y = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %b : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %0 = arith.addf %in, %bias : f32
    linalg.yield %0 : f32
  } -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----

// Weights that something else derives already.
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
// expected-error@+1 {{the module has `derived` already; expected that name to be free: `lowbit-parametrize-weights` runs behind this pass}}
func.func @main(%w: tensor<3x2xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}, %b: tensor<2xf32> {lowbit.name = "fc.bias", lowbit.parameter = "other"},
                %x: tensor<4x3xf32> {lowbit.name = "x"}) -> tensor<4x2xf32> {
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %r = linalg.matmul {lowbit.site = "fc", lowbit.batch_norm = {axis = 1 : i64, mean = array<f32: 1.0, 2.0>, variance = array<f32: 4.0, 9.0>, weight_axis = 1 : i64}}
    ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %y = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %b : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %0 = arith.addf %in, %bias : f32
    linalg.yield %0 : f32
  } -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
func.func @initial() -> (tensor<3x2xf32> {lowbit.name = "fc.weight"}, tensor<2xf32> {lowbit.name = "fc.bias"}) {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %b = arith.constant dense<[7.0, 8.0]> : tensor<2xf32>
  return %w, %b : tensor<3x2xf32>, tensor<2xf32>
}
func.func @derived() {
  return
}

// -----

// The name of a new argument is taken.
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
// expected-error@+1 {{`main` has an argument `frozen` already; expected that name to be free}}
func.func @main(%w: tensor<3x2xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}, %b: tensor<2xf32> {lowbit.name = "fc.bias", lowbit.parameter = "other"},
                %x: tensor<4x3xf32> {lowbit.name = "frozen"}) -> tensor<4x2xf32> {
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %r = linalg.matmul {lowbit.site = "fc", lowbit.batch_norm = {axis = 1 : i64, mean = array<f32: 1.0, 2.0>, variance = array<f32: 4.0, 9.0>, weight_axis = 1 : i64}}
    ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %y = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %b : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %bias: f32, %out: f32):
    %0 = arith.addf %in, %bias : f32
    linalg.yield %0 : f32
  } -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
func.func @initial() -> (tensor<3x2xf32> {lowbit.name = "fc.weight"}, tensor<2xf32> {lowbit.name = "fc.bias"}) {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %b = arith.constant dense<[7.0, 8.0]> : tensor<2xf32>
  return %w, %b : tensor<3x2xf32>, tensor<2xf32>
}
