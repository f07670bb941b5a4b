//===- AWQ.td - weights that meet large activations are rounded finer -----===//

#ifndef LOWBIT_PTQ_AWQ_TD
#define LOWBIT_PTQ_AWQ_TD

include "lowbit/PTQ/Algorithm.td"

def AWQPass : Algorithm<"awq", [
    Option<"steps", "steps", "int64_t", /*default=*/"20", "Strengths from 0 to 1 that are tried, besides 0">,
  ]> {
  let summary = "Round the weights finer that meet large activations";
  let description = [{
    AWQ (Lin et al., 2023, arXiv:2306.00978). Channel `k` of an activation is divided by `s[k]` and row `k` of all weights that read it multiplied by
    it, so that rows with large activations take more of the range of their scale: `s[k] = m[k]^strength`, over the root of the largest
    times the smallest, with `m[k]` the root of the mean square of `x[k]` (at least a hundredth of their mean). Of `steps` strengths the one
    is kept whose outputs are off the least, with weights rounded by their own scheme: `tr(E^T H E)`, `H = X^T X` for a row, and the error of the
    activation's codes, where it has any. Factors are part of a constant that the activation is multiplied by already, where there is one (a
    normalization's gamma), else a multiplication stays, which fuses with what makes or quantizes the activation. Needs second moments. List it
    before algorithms that choose scales or codes.

    Cost: `K^2 N` for each strength, over at most 512 outputs of a site. It hurts where scales are of single rows: then there is nothing to gain, and
    a group of sites whose outputs would be off more stays as it was, with a remark.

    ```mlir
    func.func @before(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[0.25], [1.0]]> : tensor<2x1xf32>
      %s = lowbit.compute_scales %w <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>) -> tensor<1x1xf32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xi2>, tensor<1x1xf32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    // ==>  where the first column of x is four times the second: s = [2, 0.5], and both weights have exact codes
    func.func @after(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %factors = arith.constant dense<[0.5, 2.0]> : tensor<2xf32>
      %e = tensor.empty() : tensor<4x2xf32>
      %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                           iterator_types = ["parallel", "parallel"]}
        ins(%x, %factors : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
      ^bb0(%a: f32, %f: f32, %o: f32):
        %p = arith.mulf %a, %f : f32
        linalg.yield %p : f32
      } -> tensor<4x2xf32>
      %w = arith.constant dense<[[0.5], [0.5]]> : tensor<2x1xf32>
      %s = lowbit.compute_scales %w <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>) -> tensor<1x1xf32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xi2>, tensor<1x1xf32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%y, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    ```
  }];
}

#endif
