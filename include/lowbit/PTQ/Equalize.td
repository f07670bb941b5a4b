//===- Equalize.td - neighbouring linears share their spread --------------===//

#ifndef LOWBIT_PTQ_EQUALIZE_TD
#define LOWBIT_PTQ_EQUALIZE_TD

include "lowbit/PTQ/Algorithm.td"

def EqualizePass : Algorithm<"equalize", [
    Option<"sweeps", "sweeps", "int64_t", /*default=*/"20", "Times that chains of pairs are gone through at most">,
  ]> {
  let summary = "Give both sides of a channel between two linears the same range";
  let description = [{
    Cross-layer equalization (Nagel et al., 2019, arXiv:1906.04721). Where the outputs of a linear or convolution reach only the next ones, through ops that
    a positive factor passes (sums with constants, ReLU, moves that keep channels whole), channel `i` is divided by `s[i] = sqrt(r1[i] / r2[i])` on
    its way: outputs `i` of the first weight and its bias are divided by it, inputs `i` of the second multiplied, with `r1` and `r2` the largest
    magnitudes of both. Chains of such pairs are gone through until nothing moves. Needs no data, but static scales follow from statistics.

    Cost: a few passes over the weights. It hurts where activations are the narrow side, since it knows nothing of them: smooth instead. A pair stays as
    it was, with a remark, where its error `sum_i |e1[i]|^2 |w2[i]|^2 + |w1[i]|^2 |e2[i]|^2` would not fall, `e` what rounding by the
    weights' own schemes loses.

    ```mlir
    func.func @before(%x: tensor<4x1xf32>, %hidden: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w1 = arith.constant dense<[[8.0, 0.5]]> : tensor<1x2xf32>
      %s1 = lowbit.compute_scales %w1 <#lowbit.int<4>> : (tensor<1x2xf32>) -> tensor<f32>
      %c1 = lowbit.quantize %w1, %s1 <#lowbit.int<4>> : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x2xi4>
      %d1 = lowbit.dequantize %c1, %s1 <#lowbit.int<4>> : (tensor<1x2xi4>, tensor<f32>) -> tensor<1x2xf32>
      %y = linalg.matmul {lowbit.site = "up"} ins(%x, %d1 : tensor<4x1xf32>, tensor<1x2xf32>) outs(%hidden : tensor<4x2xf32>) -> tensor<4x2xf32>
      %w2 = arith.constant dense<[[0.5], [8.0]]> : tensor<2x1xf32>
      %s2 = lowbit.compute_scales %w2 <#lowbit.int<4>> : (tensor<2x1xf32>) -> tensor<f32>
      %c2 = lowbit.quantize %w2, %s2 <#lowbit.int<4>> : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xi4>
      %d2 = lowbit.dequantize %c2, %s2 <#lowbit.int<4>> : (tensor<2x1xi4>, tensor<f32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "down"} ins(%y, %d2 : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    // ==>  s = [4, 0.25]; `%hidden` and `%init` are filled with zeros
    func.func @after(%x: tensor<4x1xf32>, %hidden: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w1 = arith.constant dense<[[2.0, 2.0]]> : tensor<1x2xf32>
      %s1 = lowbit.compute_scales %w1 <#lowbit.int<4>> : (tensor<1x2xf32>) -> tensor<f32>
      %c1 = lowbit.quantize %w1, %s1 <#lowbit.int<4>> : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x2xi4>
      %d1 = lowbit.dequantize %c1, %s1 <#lowbit.int<4>> : (tensor<1x2xi4>, tensor<f32>) -> tensor<1x2xf32>
      %y = linalg.matmul {lowbit.site = "up"} ins(%x, %d1 : tensor<4x1xf32>, tensor<1x2xf32>) outs(%hidden : tensor<4x2xf32>) -> tensor<4x2xf32>
      %w2 = arith.constant dense<[[2.0], [2.0]]> : tensor<2x1xf32>
      %s2 = lowbit.compute_scales %w2 <#lowbit.int<4>> : (tensor<2x1xf32>) -> tensor<f32>
      %c2 = lowbit.quantize %w2, %s2 <#lowbit.int<4>> : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xi4>
      %d2 = lowbit.dequantize %c2, %s2 <#lowbit.int<4>> : (tensor<2x1xi4>, tensor<f32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "down"} ins(%y, %d2 : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    ```
  }];
}

#endif
