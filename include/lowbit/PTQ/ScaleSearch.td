//===- ScaleSearch.td - scales that clip where it pays --------------------===//

#ifndef LOWBIT_PTQ_SCALESEARCH_TD
#define LOWBIT_PTQ_SCALESEARCH_TD

include "lowbit/PTQ/Algorithm.td"

def ScaleSearchPass : Algorithm<"scale-search", [
    Option<"weighting", "weighting", "std::string", /*default=*/"\"none\"",
           "What an input's errors count: `none` (alike), `diagonal` (its second moment), `inverse` (what other inputs cannot make up for)">,
    Option<"smallest", "smallest", "double", /*default=*/"0.45", "The smallest range tried, as a share of the whole range">,
    Option<"steps", "steps", "int64_t", /*default=*/"32", "Ranges tried from there to the whole range">,
    Option<"mirrored", "mirrored", "bool", /*default=*/"true", "Try negative scales too, where the format reaches further to one side">,
    Option<"refine", "refine", "int64_t", /*default=*/"0", "Rounds of least squares after that: the best scale for the codes, then the codes">,
    Option<"damping", "damping", "double", /*default=*/"0.01", "As in `lowbit-ptq-gptq`, for `inverse`">,
    Option<"centered", "centered", "bool", /*default=*/"false", "Take the mean off the data; `lowbit-ptq-bias-correction` makes up for it">,
  ]> {
  let summary = "Choose scales that clip where it pays";
  let description = [{
    For each block of weights that share a scale, the range among `steps` whose codes have the least weighted squared error
    `sum_k v[k] (w[k] - q[k])^2` (mean-squared-error clipping; weights of inputs as in Nagel et al., 2021, arXiv:2106.08295, section 3). With `weighting=inverse`,
    `v[k] = 1 / inverse(H)[k, k]` for `H = X^T X`: what an input's error costs when the others make up for it as well as they can, which
    is what GPTQ sees; list it before `gptq`. `mirrored` tries each scale with both signs where levels reach further down than up, as those
    of `int<4>` from -8 to 7 do: a negative scale gives the eighth level to the side that needs it, and costs nothing at run time. `refine` learns the clip: scales and codes in turns, each the best for the other. Only `none` does without second
    moments.

    Cost: `steps` roundings of every weight. It hurts with `none` where a few inputs are far larger than the rest, whose weights must not be
    clipped. The whole range is among those tried, so no block gets worse by its measure.

    ```mlir
    func.func @before(%x: tensor<4x4xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[0.4], [-0.4], [0.4], [0.6]]> : tensor<4x1xf32>
      %s = lowbit.compute_scales %w <#lowbit.ternary, block = [0, 1]> : (tensor<4x1xf32>) -> tensor<1x1xf32>
      %c = lowbit.quantize %w, %s <#lowbit.ternary, block = [0, 1]> : (tensor<4x1xf32>, tensor<1x1xf32>) -> tensor<4x1x!lowbit.code<#lowbit.ternary>>
      %d = lowbit.dequantize %c, %s <#lowbit.ternary, block = [0, 1]> : (tensor<4x1x!lowbit.code<#lowbit.ternary>>, tensor<1x1xf32>) -> tensor<4x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x4xf32>, tensor<4x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    // ==>  the range 0.6 gives 0.6 for all, 0.45 loses less
    func.func @after(%x: tensor<4x4xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[0.4], [-0.4], [0.4], [0.6]]> : tensor<4x1xf32>
      %s = arith.constant {lowbit.added} dense<0.45> : tensor<1x1xf32>
      %c = lowbit.quantize %w, %s <#lowbit.ternary, block = [0, 1]> : (tensor<4x1xf32>, tensor<1x1xf32>) -> tensor<4x1x!lowbit.code<#lowbit.ternary>>
      %d = lowbit.dequantize %c, %s <#lowbit.ternary, block = [0, 1]> : (tensor<4x1x!lowbit.code<#lowbit.ternary>>, tensor<1x1xf32>) -> tensor<4x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x4xf32>, tensor<4x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    ```
  }];
}

#endif
