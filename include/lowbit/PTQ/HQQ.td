//===- HQQ.td - scales and zero points by half-quadratic splitting --------===//

#ifndef LOWBIT_PTQ_HQQ_TD
#define LOWBIT_PTQ_HQQ_TD

include "lowbit/PTQ/Algorithm.td"

def HQQPass : Algorithm<"hqq", [
    Option<"norm", "norm", "double", /*default=*/"0.7", "The power `p` of errors that are summed, above 0 and below 1">,
    Option<"beta", "beta", "double", /*default=*/"10", "How firmly split errors follow those of the weight, at first">,
    Option<"growth", "growth", "double", /*default=*/"1.01", "What `beta` is multiplied by after each step">,
    Option<"iterations", "iterations", "int64_t", /*default=*/"20", "Steps at most">,
  ]> {
  let summary = "Choose zero points and scales for most weights, not for the largest, without data";
  let description = [{
    HQQ (Badri and Shaji, 2023, "Half-Quadratic Quantization of Large Machine Learning Models"). Makes `sum |w - dequantize(quantize(w))|^p`
    small with `p < 1`, which counts many small errors more than a few large ones. The errors are split off as `e`, which two exact
    steps in turn fit, in units of the block's first scale:

    - `e = shrink(w - s (q - z))`, where `shrink(x) = sign(x) max(0, |x| - |x|^(p - 1) / beta)`;
    - with zero points, `z` is the mean of `q - (w - e) / s`, rounded; without them, `s` is `<w - e, q> / <q, q>`.

    `beta` grows after each step. Of all steps of a block the best by the norm is kept, the range's own scale among them. Needs no data.

    Cost: `iterations` passes over the weight. It hurts where the few largest weights matter most, which its norm gives up first: look at the
    output, not at the norm, and prefer algorithms that see data where there are any.

    ```mlir
    func.func @before() -> tensor<4xf32> {
      %w = arith.constant dense<[0.6, 0.6, 0.6, 1.0]> : tensor<4xf32>
      %s = lowbit.compute_scales %w <#lowbit.ternary> : (tensor<4xf32>) -> tensor<f32>
      %c = lowbit.quantize %w, %s <#lowbit.ternary> : (tensor<4xf32>, tensor<f32>) -> tensor<4x!lowbit.code<#lowbit.ternary>>
      %d = lowbit.dequantize %c, %s <#lowbit.ternary> : (tensor<4x!lowbit.code<#lowbit.ternary>>, tensor<f32>) -> tensor<4xf32>
      return %d : tensor<4xf32>
    }
    // ==>  the three weights that agree are nearly right, and the largest is not
    func.func @after() -> tensor<4xf32> {
      %w = arith.constant dense<[0.6, 0.6, 0.6, 1.0]> : tensor<4xf32>
      %s = arith.constant {lowbit.added} dense<0.63755232> : tensor<f32>
      %c = lowbit.quantize %w, %s <#lowbit.ternary> : (tensor<4xf32>, tensor<f32>) -> tensor<4x!lowbit.code<#lowbit.ternary>>
      %d = lowbit.dequantize %c, %s <#lowbit.ternary> : (tensor<4x!lowbit.code<#lowbit.ternary>>, tensor<f32>) -> tensor<4xf32>
      return %d : tensor<4xf32>
    }
    ```
  }];
}

#endif
