// RUN: quant-opt %s --split-input-file --lowbit-assign-schemes=recipe=%S/Inputs/s8-dynamic.json --remarks-filter=lowbit 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.err

// A weight gets a scale for each output channel, an activation one for each token.
// CHECK-LABEL: func @linear
//       CHECK:   linalg.matmul {lowbit.schemes = {activation = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [1, 0]>},
//  CHECK-SAME:     weight = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [0, 1]>}}
func.func @linear(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %w = arith.constant dense<1.0> : tensor<8x6xf32>
  %0 = linalg.matmul {lowbit.site = "query"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

// A site that a rule keeps says why, in the module and as a remark.
// CHECK-LABEL: func @attention
//       CHECK:   linalg.matmul {lowbit.float_reason = "products of two activations stay", lowbit.site = "scores"}
//      REMARK:   remark: {{.*}}left-in-float{{.*}}Function=attention{{.*}}Reason="products of two activations stay"{{.*}}`scores` stays float
func.func @attention(%x: tensor<4x8xf32>, %y: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %0 = linalg.matmul {lowbit.site = "scores"} ins(%x, %y : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0 : tensor<4x6xf32>
}

// -----

// Rows of a table have a scale each.
// CHECK-LABEL: func @table
//       CHECK:   lowbit.schemes = {weight = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [1, 0]>}}
func.func @table(%ids: tensor<3xindex>) -> tensor<3x8xf32> {
  %table = arith.constant dense<1.0> : tensor<5x8xf32>
  %init = tensor.empty() : tensor<3x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xindex>) outs(%init : tensor<3x8xf32>) attrs = {lowbit.site = "words"} {
  ^bb0(%id: index, %out: f32):
    %j = linalg.index 1 : index
    %element = tensor.extract %table[%id, %j] : tensor<5x8xf32>
    linalg.yield %element : f32
  } -> tensor<3x8xf32>
  return %0 : tensor<3x8xf32>
}

// -----

// The input of a convolution has one scale for the tensor: a window mixes its pixels.
// CHECK-LABEL: func @convolution
//       CHECK:   linalg.conv_2d_nchw_fchw {{.*}}lowbit.schemes = {activation = {scheme = #lowbit.scheme<#lowbit.int<8>>},
//  CHECK-SAME:     weight = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [1, 0, 0, 0]>}}
func.func @convolution(%x: tensor<1x3x8x8xf32>, %z: tensor<1x4x6x6xf32>) -> tensor<1x4x6x6xf32> {
  %w = arith.constant dense<1.0> : tensor<4x3x3x3xf32>
  %0 = linalg.conv_2d_nchw_fchw {lowbit.site = "conv"} ins(%x, %w : tensor<1x3x8x8xf32>, tensor<4x3x3x3xf32>) outs(%z : tensor<1x4x6x6xf32>) -> tensor<1x4x6x6xf32>
  return %0 : tensor<1x4x6x6xf32>
}
