//===- AdaRound.td - rounding up or down is learned -----------------------===//

#ifndef LOWBIT_PTQ_ADAROUND_TD
#define LOWBIT_PTQ_ADAROUND_TD

include "lowbit/PTQ/Algorithm.td"

def AdaRoundPass : Algorithm<"adaround", [
    Option<"iterations", "iterations", "int64_t", /*default=*/"200", "Steps at most; large weights take fewer">,
    Option<"rate", "rate", "double", /*default=*/"0.1", "How far Adam moves a variable in a step">,
    Option<"strength", "strength", "double", /*default=*/"1", "How much the regularizer counts beside the output error">,
    Option<"block", "block", "int64_t", /*default=*/"64", "Inputs whose rounding is learned together">,
    Option<"damping", "damping", "double", /*default=*/"0.1", "Added to the diagonal of the second moments, as a share of its mean">,
  ]> {
  let summary = "Learn whether each weight is rounded up or down";
  let description = [{
    AdaRound (Nagel et al., 2020, arXiv:2004.10568). Every weight lies between two neighbouring levels `a <= w <= b` of its format, and becomes
    `a + h(v) (b - a)` with `h(v) = clip(1.2 sigmoid(v) - 0.1, 0, 1)`, at first the weight itself. Adam makes the output error
    `tr(E^T H E)` plus `strength * sum c (1 - |2 h - 1|^beta)` small, while `beta` falls from 20 to 2 in whole steps and so drives every `h` to 0
    or 1; `c = H[k, k] (b - a)^2` makes a strength mean the same whatever the layer. Weights beyond the last level have nothing to choose. Scales are those that stand. Needs second moments.

    Where a weight has no more inputs than `block`, this is the paper's. Otherwise blocks are learned one after the other, those with the largest
    activations first, with `H` of the block as it is when all later inputs make up for its errors as far as the data allow; they do
    so, as in GPTQ, before their turn comes, and round between the neighbours of what they are then.

    Cost: `iterations * block * K N`, and `K^3` once. It hurts where the data are few and unlike those of use: raise `damping`. A site whose
    output error would grow stays as it was, with a remark. One layer at a time: errors of the layers before it are not made up for.

    ```mlir
    func.func @before(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[0.4], [0.45]]> : tensor<2x1xf32>
      %s = arith.constant dense<1.0> : tensor<f32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>> : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>> : (tensor<2x1xi2>, tensor<f32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    // ==>  where both columns of x go together: the larger is rounded up, and their sum is nearly right
    func.func @after(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %c = arith.constant dense<[[0], [1]]> : tensor<2x1xi2>
      %s = arith.constant {lowbit.added} dense<1.0> : tensor<f32>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>> : (tensor<2x1xi2>, tensor<f32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    ```
  }];
}

#endif
