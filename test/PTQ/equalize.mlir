// RUN: quant-opt %s --split-input-file --pass-pipeline='builtin.module(lowbit-name-sites,lowbit-assign-schemes{recipe={"version": 1, "name": "w4", "rules": [{"weight": {"format": "int<4>", "per": "tensor"}}]}},lowbit-insert-qdq,lowbit-ptq-equalize)' --remarks-filter=lowbit 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.err
// RUN: not quant-opt %s --split-input-file --lowbit-ptq-equalize='sweeps=0' 2>&1 | FileCheck %s --check-prefix=SWEEPS
// SWEEPS: error: equalize: sweeps is 0; expected at least 1

// Ranges [8, 0.5] and [0.5, 8] become [2, 2] on both sides: s = [4, 0.25]. The bias is divided too, ReLU lets factors pass, and nothing is added.
// CHECK-LABEL: func @relu
//       CHECK:   arith.constant dense<2.000000e+00> : tensor<1x2xf32>
//       CHECK:   %[[UP:.*]] = linalg.matmul {{.*}}lowbit.site = "up"}
//       CHECK:   %[[BIAS:.*]] = arith.constant dense<[1.000000e+00, -3.200000e+01]> : tensor<2xf32>
//       CHECK:   %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[UP]], %[[BIAS]] :
//       CHECK:   %[[HIDDEN:.*]] = linalg.generic {{.*}} ins(%[[SUM]] :
//       CHECK:     arith.maximumf
//   CHECK-NOT:   linalg.generic
//       CHECK:   arith.constant dense<2.000000e+00> : tensor<2x1xf32>
//       CHECK:   linalg.matmul {{.*}}lowbit.site = "down", lowbit.smoothing = array<f32: 2.500000e-01, 4.000000e+00>} ins(%[[HIDDEN]],
// REMARK-NOT: `up` stays as it was
// REMARK: equalize: `down`: error of the pair that `up` begins {{.*}} -> 
func.func @relu(%x: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w1 = arith.constant dense<[[8.0, 0.5]]> : tensor<1x2xf32>
  %bias = arith.constant dense<[4.0, -8.0]> : tensor<2xf32>
  %w2 = arith.constant dense<[[0.5], [8.0]]> : tensor<2x1xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %up = linalg.matmul ins(%x, %w1 : tensor<4x1xf32>, tensor<1x2xf32>) outs(%f : tensor<4x2xf32>) -> tensor<4x2xf32> loc("up")
  %sum = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>],
                         iterator_types = ["parallel", "parallel"]}
    ins(%up, %bias : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.addf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4x2xf32>
  %hidden = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
    ins(%sum : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = arith.maximumf %a, %zero : f32
    linalg.yield %p : f32
  } -> tensor<4x2xf32>
  %er = tensor.empty() : tensor<4x1xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<4x1xf32>) -> tensor<4x1xf32>
  %r = linalg.matmul ins(%hidden, %w2 : tensor<4x2xf32>, tensor<2x1xf32>) outs(%fr : tensor<4x1xf32>) -> tensor<4x1xf32> loc("down")
  return %r : tensor<4x1xf32>
}

// -----

// tanh(a / s) is not tanh(a) / s.
// CHECK-LABEL: func @tanh
//       CHECK:   linalg.matmul {{.*}}lowbit.site = "tanh.down"}
// REMARK-DAG: Reason="it forms no pair: {{.*}}equalize: `tanh.down` stays as it was
func.func @tanh(%x: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w1 = arith.constant dense<[[8.0, 0.5]]> : tensor<1x2xf32>
  %w2 = arith.constant dense<[[0.5], [8.0]]> : tensor<2x1xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %up = linalg.matmul ins(%x, %w1 : tensor<4x1xf32>, tensor<1x2xf32>) outs(%f : tensor<4x2xf32>) -> tensor<4x2xf32> loc("tanh.up")
  %hidden = linalg.tanh ins(%up : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %er = tensor.empty() : tensor<4x1xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<4x1xf32>) -> tensor<4x1xf32>
  %r = linalg.matmul ins(%hidden, %w2 : tensor<4x2xf32>, tensor<2x1xf32>) outs(%fr : tensor<4x1xf32>) -> tensor<4x1xf32> loc("tanh.down")
  return %r : tensor<4x1xf32>
}

// -----

// The first linear's outputs are a result of the model besides.
// CHECK-LABEL: func @read_twice
//       CHECK:   linalg.matmul {{.*}}lowbit.site = "twice.down"}
// REMARK-DAG: equalize: `twice.down` stays as it was
func.func @read_twice(%x: tensor<4x1xf32>) -> (tensor<4x1xf32>, tensor<4x2xf32>) {
  %zero = arith.constant 0.0 : f32
  %w1 = arith.constant dense<[[8.0, 0.5]]> : tensor<1x2xf32>
  %w2 = arith.constant dense<[[0.5], [8.0]]> : tensor<2x1xf32>
  %e = tensor.empty() : tensor<4x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %up = linalg.matmul ins(%x, %w1 : tensor<4x1xf32>, tensor<1x2xf32>) outs(%f : tensor<4x2xf32>) -> tensor<4x2xf32> loc("twice.up")
  %er = tensor.empty() : tensor<4x1xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<4x1xf32>) -> tensor<4x1xf32>
  %r = linalg.matmul ins(%up, %w2 : tensor<4x2xf32>, tensor<2x1xf32>) outs(%fr : tensor<4x1xf32>) -> tensor<4x1xf32> loc("twice.down")
  return %r, %up : tensor<4x1xf32>, tensor<4x2xf32>
}

// -----

// Channels of convolutions: the bias is what sums begin with, a comparison and a choice are ReLU.
// CHECK-LABEL: func @convolutions
//       CHECK:   %[[BIAS:.*]] = arith.constant dense<[1.000000e+00, -3.200000e+01]> : tensor<2xf32>
//       CHECK:   %[[BEGIN:.*]] = linalg.broadcast ins(%[[BIAS]] :
//       CHECK:   arith.constant dense<2.000000e+00> : tensor<1x1x1x2xf32>
//       CHECK:   linalg.conv_2d_nhwc_hwcf {{.*}}lowbit.site = "conv.up"} {{.*}} outs(%[[BEGIN]] :
//       CHECK:   arith.constant dense<{{.*}}2.000000e+00{{.*}}1.000000e+00{{.*}}1.000000e+00{{.*}}2.000000e+00{{.*}}> : tensor<2x1x2x1xf32>
//       CHECK:   linalg.conv_2d_nhwc_hwcf {{.*}}lowbit.site = "conv.down", lowbit.smoothing = array<f32: 2.500000e-01, 4.000000e+00>
func.func @convolutions(%x: tensor<1x4x4x1xf32>) -> tensor<1x3x4x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w1 = arith.constant dense<[[[[8.0, 0.5]]]]> : tensor<1x1x1x2xf32>
  %bias = arith.constant dense<[4.0, -8.0]> : tensor<2xf32>
  %w2 = arith.constant dense<[[[[0.5], [4.0]]], [[[0.25], [8.0]]]]> : tensor<2x1x2x1xf32>
  %e = tensor.empty() : tensor<1x4x4x2xf32>
  %b = linalg.broadcast ins(%bias : tensor<2xf32>) outs(%e : tensor<1x4x4x2xf32>) dimensions = [0, 1, 2]
  %up = linalg.conv_2d_nhwc_hwcf ins(%x, %w1 : tensor<1x4x4x1xf32>, tensor<1x1x1x2xf32>) outs(%b : tensor<1x4x4x2xf32>) -> tensor<1x4x4x2xf32> loc("conv.up")
  %hidden = linalg.generic {indexing_maps = [affine_map<(n, h, w, c) -> (n, h, w, c)>, affine_map<(n, h, w, c) -> (n, h, w, c)>],
                            iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%up : tensor<1x4x4x2xf32>) outs(%e : tensor<1x4x4x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf ugt, %a, %zero : f32
    %p = arith.select %c, %a, %zero : f32
    linalg.yield %p : f32
  } -> tensor<1x4x4x2xf32>
  %er = tensor.empty() : tensor<1x3x4x1xf32>
  %fr = linalg.fill ins(%zero : f32) outs(%er : tensor<1x3x4x1xf32>) -> tensor<1x3x4x1xf32>
  %r = linalg.conv_2d_nhwc_hwcf ins(%hidden, %w2 : tensor<1x4x4x2xf32>, tensor<2x1x2x1xf32>) outs(%fr : tensor<1x3x4x1xf32>) -> tensor<1x3x4x1xf32> loc("conv.down")
  return %r : tensor<1x3x4x1xf32>
}
