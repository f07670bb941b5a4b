// RUN: quant-opt %s --lowbit-insert-observers=axes=tensor | FileCheck %s --check-prefix=TENSOR
// RUN: quant-opt %s --lowbit-insert-observers | FileCheck %s --check-prefix=SMALL
// RUN: quant-opt %s --lowbit-insert-observers=observer=entropy | FileCheck %s --check-prefix=LARGE
// RUN: quant-opt %s --lowbit-insert-observers="observer=percentile<99.9> axes=channel sites=layer.*.query,scores:rhs" \
// RUN:   | FileCheck %s --check-prefix=CHANNEL
// RUN: quant-opt %s --lowbit-insert-observers="observer=#lowbit.mse<bins=2048> axes=token" | FileCheck %s --check-prefix=TOKEN

// Activations are observed, weights are not; products of two activations are observed on both sides.
// TENSOR-LABEL: func @sites
//  TENSOR-SAME:   %[[X:.*]]: tensor<4x8xf32>, %[[Q:.*]]: tensor<2x4x8xf32>, %[[K:.*]]: tensor<2x8x6xf32>
//       TENSOR:   lowbit.observe "layer.0.query" %[[X]] : tensor<4x8xf32> with #lowbit.minmax{{$}}
//  TENSOR-NEXT:   linalg.matmul
//       TENSOR:   lowbit.observe "scores:lhs" %[[Q]] : tensor<2x4x8xf32> with #lowbit.minmax{{$}}
//  TENSOR-NEXT:   lowbit.observe "scores:rhs" %[[K]] : tensor<2x8x6xf32> with #lowbit.minmax{{$}}
//  TENSOR-NEXT:   linalg.batch_matmul

// A range of each channel costs little, a histogram of each would not.
// SMALL: lowbit.observe "layer.0.query" %{{.*}} with #lowbit.minmax per [1]
// LARGE: lowbit.observe "layer.0.query" %{{.*}} with #lowbit.entropy{{$}}

// A pattern may name a site, or one operand of it; a channel is an index of the axes that are summed over.
// CHANNEL-LABEL: func @sites
//       CHANNEL:   lowbit.observe "layer.0.query" %{{.*}} with #lowbit.percentile<99.9> per [1]
//   CHANNEL-NOT:   scores:lhs
//       CHANNEL:   lowbit.observe "scores:rhs" %{{.*}} with #lowbit.percentile<99.9> per [1]

// A token is an index of the axes that are kept.
// TOKEN-LABEL: func @sites
//       TOKEN:   lowbit.observe "layer.0.query" %{{.*}} with #lowbit.mse<bins = 2048> per [0]
//       TOKEN:   lowbit.observe "scores:lhs" %{{.*}} with #lowbit.mse<bins = 2048> per [0, 1]
//       TOKEN:   lowbit.observe "scores:rhs" %{{.*}} with #lowbit.mse<bins = 2048> per [0, 2]
func.func @sites(%x: tensor<4x8xf32>, %q: tensor<2x4x8xf32>, %k: tensor<2x8x6xf32>, %z: tensor<4x6xf32>, %s: tensor<2x4x6xf32>)
    -> (tensor<4x6xf32>, tensor<2x4x6xf32>) {
  %w = arith.constant dense<1.0> : tensor<8x6xf32>
  %0 = linalg.matmul {lowbit.site = "layer.0.query"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.batch_matmul {lowbit.site = "scores"} ins(%q, %k : tensor<2x4x8xf32>, tensor<2x8x6xf32>) outs(%s : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  return %0, %1 : tensor<4x6xf32>, tensor<2x4x6xf32>
}

// Statistics are of f32; narrower floats are widened, which changes no value.
// TENSOR-LABEL: func @narrow
//       TENSOR:   %[[WIDE:.*]] = arith.extf %{{.*}} : tensor<4x8xbf16> to tensor<4x8xf32>
//  TENSOR-NEXT:   lowbit.observe "layer.1.query" %[[WIDE]]
//  TENSOR-NEXT:   linalg.matmul
func.func @narrow(%x: tensor<4x8xbf16>, %z: tensor<4x6xbf16>) -> tensor<4x6xbf16> {
  %w = arith.constant dense<1.0> : tensor<8x6xbf16>
  %0 = linalg.matmul {lowbit.site = "layer.1.query"} ins(%x, %w : tensor<4x8xbf16>, tensor<8x6xbf16>) outs(%z : tensor<4x6xbf16>) -> tensor<4x6xbf16>
  return %0 : tensor<4x6xbf16>
}
