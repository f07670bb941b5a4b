// RUN: quant-opt %s --lowbit-fold-batch-norm | FileCheck %s

#all = affine_map<(i, c) -> (i, c)>
#channel = affine_map<(i, c) -> (c)>

// Scale and root are multiplied with one another before they meet the sums; what was measured is told of the folded weight all the same.
// CHECK-LABEL: func @root_times_scale
//       CHECK: linalg.matmul {lowbit.batch_norm = {axis = 1 : i64, mean = array<f32: {{-?}}0.000000e+00, {{-?}}0.000000e+00>, variance = array<f32: 4.000000e+00, 3.600000e+01>
func.func @root_times_scale(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %v = arith.constant dense<[4.0, 9.0]> : tensor<2xf32>
  %g = arith.constant dense<[2.0, 6.0]> : tensor<2xf32>
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x2xf32>, tensor<2x2xf32>) outs(%f : tensor<2x2xf32>) -> tensor<2x2xf32>
  %n = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %v, %g : tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %r = math.rsqrt %b : f32
    %s = arith.mulf %r, %c : f32
    %t = arith.mulf %a, %s : f32
    linalg.yield %t : f32
  } -> tensor<2x2xf32>
  return %n : tensor<2x2xf32>
}

// A factor before the norm, in the same op: the variance of twice the sums is not that of the sums.
// CHECK-LABEL: func @twice
//       CHECK: linalg.matmul {lowbit.batch_norm = {axis = 1 : i64, mean = array<f32: 5.000000e-01, 1.000000e+00>, variance = array<f32: 1.000000e+00, 1.000000e+00>
func.func @twice(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %v = arith.constant dense<[4.0, 9.0]> : tensor<2xf32>
  %m = arith.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %two = arith.constant 2.0 : f32
  %z = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x2xf32>
  %f = linalg.fill ins(%z : f32) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x2xf32>, tensor<2x2xf32>) outs(%f : tensor<2x2xf32>) -> tensor<2x2xf32>
  %n = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%y, %v, %m : tensor<2x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2x2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %d = arith.mulf %a, %two : f32
    %0 = arith.subf %d, %c : f32
    %r = math.rsqrt %b : f32
    %t = arith.mulf %0, %r : f32
    linalg.yield %t : f32
  } -> tensor<2x2xf32>
  return %n : tensor<2x2xf32>
}
