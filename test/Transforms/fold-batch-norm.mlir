// RUN: quant-opt %s --lowbit-fold-batch-norm --split-input-file --remarks-filter=lowbit 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.err

// As ONNX arrives: mean, reciprocal of the deviation, scale and bias are an op each, over constants of [1, C, 1, 1]. Channel 0:
// (r - 3) / sqrt(3 + 1) * 2 + 5 = r + 2; channel 1: (r + 1) / sqrt(15 + 1) * 8 - 1 = 2 r + 1. Mean and variance of the sums with the new weight
// stay for training.
// CHECK-LABEL: func @convolution
//  CHECK-SAME:   %[[X:.*]]: tensor<2x1x4x4xf32>
//       CHECK:   %[[W:.*]] = arith.constant dense<{{\[\[\[\[}}1.000000e+00, 2.000000e+00]]], {{\[\[\[}}6.000000e+00, 8.000000e+00]]]]> : tensor<2x1x1x2xf32>
//   CHECK-NOT:   rsqrt
//       CHECK:   %[[SUM:.*]] = linalg.conv_2d_nchw_fchw {lowbit.batch_norm = {axis = 1 : i64, mean = array<f32: 3.000000e+00, -2.000000e+00>, variance = array<f32: 4.000000e+00, 6.400000e+01>, weight_axis = 0 : i64}} ins(%[[X]], %[[W]]
//       CHECK:   %[[BIAS:.*]] = arith.constant dense<[2.000000e+00, 1.000000e+00]> : tensor<2xf32>
//       CHECK:   %[[R:.*]] = linalg.generic {{.*}} ins(%[[SUM]], %[[BIAS]] : tensor<2x2x4x3xf32>, tensor<2xf32>)
//       CHECK:     arith.addf
//       CHECK:   return %[[R]]
#all = affine_map<(n, c, y, x) -> (n, c, y, x)>
#channel = affine_map<(n, c, y, x) -> (0, c, 0, 0)>
func.func @convolution(%x: tensor<2x1x4x4xf32>) -> tensor<2x2x4x3xf32> {
  %zero = arith.constant 0.0 : f32
  %epsilon = arith.constant 1.0 : f32
  %w = arith.constant dense<[[[[1.0, 2.0]]], [[[3.0, 4.0]]]]> : tensor<2x1x1x2xf32>
  %mean = arith.constant dense<[[[[3.0]], [[-1.0]]]]> : tensor<1x2x1x1xf32>
  %variance = arith.constant dense<[[[[3.0]], [[15.0]]]]> : tensor<1x2x1x1xf32>
  %gamma = arith.constant dense<[[[[2.0]], [[8.0]]]]> : tensor<1x2x1x1xf32>
  %beta = arith.constant dense<[[[[5.0]], [[-1.0]]]]> : tensor<1x2x1x1xf32>
  %e = tensor.empty() : tensor<2x2x4x3xf32>
  %s = tensor.empty() : tensor<1x2x1x1xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<2x2x4x3xf32>) -> tensor<2x2x4x3xf32>
  %r = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<2x1x4x4xf32>, tensor<2x1x1x2xf32>) outs(%zeros : tensor<2x2x4x3xf32>) -> tensor<2x2x4x3xf32>
  %v = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%variance : tensor<1x2x1x1xf32>) outs(%s : tensor<1x2x1x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.addf %in, %epsilon : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1xf32>
  %d = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%v : tensor<1x2x1x1xf32>) outs(%s : tensor<1x2x1x1xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.rsqrt %in : f32
    linalg.yield %0 : f32
  } -> tensor<1x2x1x1xf32>
  %0 = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%r, %mean : tensor<2x2x4x3xf32>, tensor<1x2x1x1xf32>) outs(%e : tensor<2x2x4x3xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %4 = arith.subf %in, %c : f32
    linalg.yield %4 : f32
  } -> tensor<2x2x4x3xf32>
  %1 = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%0, %d : tensor<2x2x4x3xf32>, tensor<1x2x1x1xf32>) outs(%e : tensor<2x2x4x3xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %4 = arith.mulf %in, %c : f32
    linalg.yield %4 : f32
  } -> tensor<2x2x4x3xf32>
  %2 = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%1, %gamma : tensor<2x2x4x3xf32>, tensor<1x2x1x1xf32>) outs(%e : tensor<2x2x4x3xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %4 = arith.mulf %in, %c : f32
    linalg.yield %4 : f32
  } -> tensor<2x2x4x3xf32>
  %3 = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%2, %beta : tensor<2x2x4x3xf32>, tensor<1x2x1x1xf32>) outs(%e : tensor<2x2x4x3xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %4 = arith.addf %in, %c : f32
    linalg.yield %4 : f32
  } -> tensor<2x2x4x3xf32>
  return %3 : tensor<2x2x4x3xf32>
}

// -----

// As torch.export arrives: one body, with constants of [C]. The bias that the layer starts from goes along: (r + 7 - 1) * 0.5 = 0.5 r + 3.
// CHECK-LABEL: func @started_by_a_bias
//       CHECK:   %[[W:.*]] = arith.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [1.000000e+00, 4.000000e+00], [1.000000e+00, 4.000000e+00]]>
//       CHECK:   %[[ZERO:.*]] = arith.constant 0.000000e+00
//       CHECK:   %[[ZEROS:.*]] = linalg.fill ins(%[[ZERO]]
//       CHECK:   %[[SUM:.*]] = linalg.matmul {lowbit.batch_norm = {{{.*}}}} ins(%{{.*}}, %[[W]] {{.*}} outs(%[[ZEROS]]
//       CHECK:   %[[BIAS:.*]] = arith.constant dense<[3.000000e+00, 0.000000e+00]>
//       CHECK:   linalg.generic {{.*}} ins(%[[SUM]], %[[BIAS]]
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
func.func @started_by_a_bias(%x: tensor<?x3xf32>, %e: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %epsilon = arith.constant 1.0e+00 : f64
  %w = arith.constant dense<2.0> : tensor<3x2xf32>
  %bias = arith.constant dense<[7.0, 4.0]> : tensor<2xf32>
  %mean = arith.constant dense<[1.0, 4.0]> : tensor<2xf32>
  %variance = arith.constant dense<[3.0, 0.0]> : tensor<2xf32>
  %gamma = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %start = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<?x2xf32>) dimensions = [0]
  %r = linalg.matmul ins(%x, %w : tensor<?x3xf32>, tensor<3x2xf32>) outs(%start : tensor<?x2xf32>) -> tensor<?x2xf32>
  %n = linalg.generic {indexing_maps = [#all, #channel, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %mean, %variance, %gamma : tensor<?x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<?x2xf32>) {
  ^bb0(%in: f32, %m: f32, %v: f32, %g: f32, %out: f32):
    %0 = arith.truncf %epsilon : f64 to f32
    %1 = arith.addf %v, %0 : f32
    %2 = math.rsqrt %1 : f32
    %3 = arith.subf %in, %m : f32
    %4 = arith.mulf %3, %2 : f32
    %5 = arith.mulf %4, %g : f32
    linalg.yield %5 : f32
  } -> tensor<?x2xf32>
  return %n : tensor<?x2xf32>
}

// -----

// A bias alone, and one factor for all channels, are no batch norm.
// CHECK-LABEL: func @others
//       CHECK:   arith.constant dense<1.000000e+00> : tensor<3x2xf32>
//       CHECK:   linalg.matmul
//       CHECK:   arith.addf
//       CHECK:   arith.mulf
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
func.func @others(%x: tensor<4x3xf32>, %e: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %half = arith.constant 0.5 : f32
  %w = arith.constant dense<1.0> : tensor<3x2xf32>
  %bias = arith.constant dense<[7.0, 4.0]> : tensor<2xf32>
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %n = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %bias : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %b: f32, %out: f32):
    %0 = arith.addf %in, %b : f32
    linalg.yield %0 : f32
  } -> tensor<4x2xf32>
  %m = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]} ins(%n : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.mulf %in, %half : f32
    linalg.yield %0 : f32
  } -> tensor<4x2xf32>
  return %m : tensor<4x2xf32>
}

// -----

// A root that is only added is no deviation: the chain is folded, and nothing is kept for training.
// CHECK-LABEL: func @without_deviation
//       CHECK:   arith.constant dense<{{\[\[}}0.000000e+00, 3.000000e+00], [0.000000e+00, 3.000000e+00], [0.000000e+00, 3.000000e+00]]>
//       CHECK:   linalg.matmul ins(
//       CHECK:   arith.constant dense<[0.000000e+00, 1.500000e+00]>
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
func.func @without_deviation(%x: tensor<4x3xf32>, %e: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<3x2xf32>
  %variance = arith.constant dense<[4.0, 4.0]> : tensor<2xf32>
  %gamma = arith.constant dense<[0.0, 3.0]> : tensor<2xf32>
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %n = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %variance, %gamma : tensor<4x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %v: f32, %g: f32, %out: f32):
    %0 = math.rsqrt %v : f32
    %1 = arith.addf %in, %0 : f32
    %2 = arith.mulf %1, %g : f32
    linalg.yield %2 : f32
  } -> tensor<4x2xf32>
  return %n : tensor<4x2xf32>
}

// -----

// With gamma 0 in one channel.
// CHECK-LABEL: func @without_gamma
//       CHECK:   arith.constant dense<{{\[\[}}0.000000e+00, 1.500000e+00], [0.000000e+00, 1.500000e+00], [0.000000e+00, 1.500000e+00]]>
//       CHECK:   linalg.matmul ins(
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
func.func @without_gamma(%x: tensor<4x3xf32>, %e: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<3x2xf32>
  %variance = arith.constant dense<[4.0, 4.0]> : tensor<2xf32>
  %gamma = arith.constant dense<[0.0, 3.0]> : tensor<2xf32>
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %n = linalg.generic {indexing_maps = [#all, #channel, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %variance, %gamma : tensor<4x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %v: f32, %g: f32, %out: f32):
    %0 = math.rsqrt %v : f32
    %1 = arith.mulf %in, %0 : f32
    %2 = arith.mulf %1, %g : f32
    linalg.yield %2 : f32
  } -> tensor<4x2xf32>
  return %n : tensor<4x2xf32>
}

// -----

// Two read the layer's result, so that its weight must stay.
//      REMARK: batch-norm-left{{.*}}Function=shared{{.*}}Reason="the layer's result is read by others, too"
// CHECK-LABEL: func @shared
//       CHECK:   arith.constant dense<1.000000e+00> : tensor<3x2xf32>
//       CHECK:   math.rsqrt
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
func.func @shared(%x: tensor<4x3xf32>, %e: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = arith.constant dense<1.0> : tensor<3x2xf32>
  %variance = arith.constant dense<[4.0, 9.0]> : tensor<2xf32>
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %n = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %variance : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %v: f32, %out: f32):
    %0 = math.rsqrt %v : f32
    %1 = arith.mulf %in, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4x2xf32>
  return %r, %n : tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

// A variance of zero without epsilon has no finite factor.
//      REMARK: batch-norm-left{{.*}}Function=zero_variance{{.*}}Reason="the folded weight or bias is not finite
// CHECK-LABEL: func @zero_variance
//       CHECK:   math.rsqrt
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
func.func @zero_variance(%x: tensor<4x3xf32>, %e: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0> : tensor<3x2xf32>
  %variance = arith.constant dense<[0.0, 9.0]> : tensor<2xf32>
  %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
  %n = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%r, %variance : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %v: f32, %out: f32):
    %0 = math.rsqrt %v : f32
    %1 = arith.mulf %in, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4x2xf32>
  return %n : tensor<4x2xf32>
}

// -----

// Before a layer, or behind something that is not linear, there is no weight to put it into.
//      REMARK: batch-norm-left{{.*}}Function=alone{{.*}}Reason="it follows no linear layer or convolution"
// CHECK-LABEL: func @alone
//       CHECK:   math.rsqrt
#all = affine_map<(n, c) -> (n, c)>
#channel = affine_map<(n, c) -> (c)>
func.func @alone(%x: tensor<4x2xf32>, %e: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %variance = arith.constant dense<[4.0, 9.0]> : tensor<2xf32>
  %n = linalg.generic {indexing_maps = [#all, #channel, #all], iterator_types = ["parallel", "parallel"]}
      ins(%x, %variance : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%in: f32, %v: f32, %out: f32):
    %0 = math.rsqrt %v : f32
    %1 = arith.mulf %in, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<4x2xf32>
  return %n : tensor<4x2xf32>
}
