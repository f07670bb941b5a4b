//===- SmoothQuant.td - the spread of activations moves into weights ------===//

#ifndef LOWBIT_PTQ_SMOOTHQUANT_TD
#define LOWBIT_PTQ_SMOOTHQUANT_TD

include "lowbit/PTQ/Algorithm.td"

def SmoothQuantPass : Algorithm<"smooth-quant", [
    Option<"strength", "strength", "std::string", /*default=*/"\"search\"", "From 0 to 1, or `search` for the best of each group of sites">,
    Option<"steps", "steps", "int64_t", /*default=*/"20", "Strengths from 0 to 1 that a search tries, besides 0">,
    Option<"recipe", "recipe", "std::string", /*default=*/"",
           "Instead, before schemes are assigned: smooth the sites whose rule in this recipe says `smooth`">,
  ]> {
  let summary = "Move the spread of activation channels into the weights";
  let description = [{
    SmoothQuant (Xiao et al., 2023, arXiv:2211.10438). Every channel `k` of an activation is divided by `s[k]` and the rows of the weights that
    read it are multiplied by it, with `s[k] = max |x[k]|^strength / max |w[k]|^(1 - strength)` over all linears that share the activation,
    brought to a geometric mean of one. In exact arithmetic nothing changes; in float only roundings do. Statistics must hold a state
    for each channel.

    As an algorithm of a recipe it weighs what outputs are off, by second moments: errors of weights, rounded by their own scheme, as
    `tr(E^T H E)`, and of activations, whose channels are taken as normal and whose errors as independent. A group of sites whose outputs
    would be off more stays as it was, with a remark. Static scales follow from the statistics. Factors are part of a constant that the
    activation is multiplied by already, where there is one (a normalization's gamma), else a multiplication stays, which
    fuses with what makes or quantizes the activation.

    With `recipe` it smooths, before schemes are assigned, the sites whose rule says `smooth`, by that strength and without a second look.

    Cost: `K^2 N` for each strength, over at most 512 outputs of a site. It hurts where weights already have the wider spread: keep
    the strength low there, or let it search.

    ```mlir
    #map = affine_map<(m, n, k) -> (m, k)>
    func.func @before(%x: tensor<4x2xf32>, %init: tensor<4x3xf32>) -> tensor<4x3xf32> {
      %w = arith.constant dense<[[0.5, 1.0, 0.25], [2.0, 1.0, 4.0]]> : tensor<2x3xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
      return %r : tensor<4x3xf32>
    }
    // ==>  with max |x| = [8, 2] and strength 0.5: s = [2, 0.5]
    func.func @after(%x: tensor<4x2xf32>, %init: tensor<4x3xf32>) -> tensor<4x3xf32> {
      %factors = arith.constant dense<[0.5, 2.0]> : tensor<2xf32>
      %w = arith.constant dense<[[1.0, 2.0, 0.5], [1.0, 0.5, 2.0]]> : tensor<2x3xf32>
      %e = tensor.empty() : tensor<4x2xf32>
      %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                           iterator_types = ["parallel", "parallel"]}
        ins(%x, %factors : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
      ^bb0(%a: f32, %f: f32, %o: f32):
        %p = arith.mulf %a, %f : f32
        linalg.yield %p : f32
      } -> tensor<4x2xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%y, %w : tensor<4x2xf32>, tensor<2x3xf32>) outs(%init : tensor<4x3xf32>) -> tensor<4x3xf32>
      return %r : tensor<4x3xf32>
    }
    ```
  }];
}

#endif
