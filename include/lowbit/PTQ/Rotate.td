//===- Rotate.td - outliers spread over all channels ----------------------===//

#ifndef LOWBIT_PTQ_ROTATE_TD
#define LOWBIT_PTQ_ROTATE_TD

include "lowbit/PTQ/Algorithm.td"

def RotatePass : Algorithm<"rotate", [
    Option<"recipe", "recipe", "std::string", /*default=*/"",
           "A recipe, by whose rules only sites with codes on both sides are rotated; without it, all">,
    Option<"block", "block", "int64_t", /*default=*/"0", "Channels that are mixed, a power of two; 0 is the largest that divides the inputs">,
    Option<"seed", "seed", "uint64_t", /*default=*/"0", "Of the signs">,
    Option<"tolerance", "tolerance", "double", /*default=*/"0", "Share by which the measure of weights may grow, for the activations' sake">,
    Option<"fuse", "fuse", "bool", /*default=*/"true", "Let the weight that makes an activation rotate it, where it can mix as many channels">,
  ]> {
  let summary = "Spread outliers of activations over all channels";
  let description = [{
    QuaRot (Ashkboos et al., 2024, arXiv:2404.00456). A linear `x w` becomes `(x Q) (Q^T w)`, `Q` orthogonal. In exact arithmetic nothing changes,
    but every rotated channel is a sum of all channels of its block, so that none stands out and few bits serve all. `Q` is seeded signs, and blocks of
    normalized Hadamard matrices of the largest power of two that divides the inputs (384 = 3 * 128), or of `block`. Linears that read one activation
    share its rotation. With static activations of four bits, 128 a block are much better than 32 (docs/Rationale.md).

    It needs no data, and changes what sites read: in a recipe it runs first, on the float model, and calibration with that recipe sees rotated
    activations. It also runs after `lowbit-insert-qdq`, on what `quantize` reads, unless a static scale is there already.

    Where the activation is made by a linear with a constant weight, what is between is linear in its channels one by one (a bias, reshapes, a
    product with attention weights) and nothing else reads it, that weight is rotated and nothing is added to the model. Attention keeps the channels of
    heads apart, so that this needs a `block` that divides theirs. Else `x Q` is computed by the fast transform: in each of `log2(block)` stages elements
    `h` apart become their sum and difference, and the signs and the norm are factors of the first sums.

    Cost: `log2(block)` additions an element of the activation where nothing is fused (a MiniLM of 64 tokens in 8 static bits: 3.2 ms instead of 2.2). It hurts where activations have no outliers, or their zeros
    are worth more (after a ReLU), and where weights are of few values already. The measure is of the weights alone, for want of data: the mean
    over outputs of max |w| / rms w, to which the error of rounding by one scale an output is proportional, over all linears that share an activation and the one
    that takes the rotation. Where it would grow (by more than
    `tolerance`), as for weights of binary values, they stay as they were, with a remark; so do linears with
    an odd number of inputs, and those rotated before.

    ```mlir
    func.func @before(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[4.0], [1.0]]> : tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    // ==>  with signs +, +
    func.func @after(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[3.53553391], [2.12132034]]> : tensor<2x1xf32>
      %low_factors = arith.constant dense<0.707106769> : tensor<1x2x1xf32>
      %high_factors = arith.constant dense<[[[0.707106769], [-0.707106769]]]> : tensor<1x2x1xf32>
      %pairs = tensor.expand_shape %x [[0], [1, 2, 3]] output_shape [4, 1, 2, 1] : tensor<4x2xf32> into tensor<4x1x2x1xf32>
      %low = tensor.extract_slice %pairs[0, 0, 0, 0] [4, 1, 1, 1] [1, 1, 1, 1] : tensor<4x1x2x1xf32> to tensor<4x1x1xf32>
      %high = tensor.extract_slice %pairs[0, 0, 1, 0] [4, 1, 1, 1] [1, 1, 1, 1] : tensor<4x1x2x1xf32> to tensor<4x1x1xf32>
      %e = tensor.empty() : tensor<4x1x2x1xf32>
      %sums = linalg.generic {indexing_maps = [affine_map<(r, g, s, h) -> (r, g, h)>, affine_map<(r, g, s, h) -> (r, g, h)>,
                                               affine_map<(r, g, s, h) -> (g, s, h)>, affine_map<(r, g, s, h) -> (g, s, h)>,
                                               affine_map<(r, g, s, h) -> (r, g, s, h)>],
                              iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
        ins(%low, %high, %low_factors, %high_factors : tensor<4x1x1xf32>, tensor<4x1x1xf32>, tensor<1x2x1xf32>, tensor<1x2x1xf32>)
        outs(%e : tensor<4x1x2x1xf32>) {
      ^bb0(%a: f32, %b: f32, %f: f32, %g: f32, %o: f32):
        %p = arith.mulf %a, %f : f32
        %q = arith.mulf %b, %g : f32
        %s = arith.addf %p, %q : f32
        linalg.yield %s : f32
      } -> tensor<4x1x2x1xf32>
      %y = tensor.collapse_shape %sums [[0], [1, 2, 3]] : tensor<4x1x2x1xf32> into tensor<4x2xf32>
      %r = linalg.matmul {lowbit.activation_changes = ["rotate block=2 seed=0"], lowbit.site = "fc"}
        ins(%y, %w : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    ```
  }];
}

#endif
