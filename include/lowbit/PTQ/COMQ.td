//===- COMQ.td - codes and scales by coordinate descent -------------------===//

#ifndef LOWBIT_PTQ_COMQ_TD
#define LOWBIT_PTQ_COMQ_TD

include "lowbit/PTQ/Algorithm.td"

def COMQPass : Algorithm<"comq", [
    Option<"rounds", "rounds", "int64_t", /*default=*/"20", "Times that all codes and then all scales are gone through at most">,
    Option<"fitScales", "fit-scales", "bool", /*default=*/"true", "Fit scales too; else only codes move">,
    Option<"damping", "damping", "double", /*default=*/"0.1", "Added to the diagonal of the second moments, as a share of its mean">,
    Option<"centered", "centered", "bool", /*default=*/"false", "Take the mean off the data; `lowbit-ptq-bias-correction` makes up for it">,
  ]> {
  let summary = "Move codes and scales one by one to where the output is off least";
  let description = [{
    COMQ (Zhang et al., 2024, arXiv:2403.07134): coordinate descent on the output error `tr(E^T H E)`, `H = X^T X` damped, `E = W - s (q - z)`. With all else
    fixed, the best code of a weight is the one next to `w' = q + (H E)[k, n] / H[k, k]`, as a real, and the best scale of a block with levels `l = q - z` is
    `s + <l, H E> / <l, H l>`. Each round visits all codes, the inputs with the largest activations first, and then all scales, which so learn where
    clipping pays for the layer's output and not for its weights; it ends when no code moves. Zero points stay. It starts from the codes and scales that
    stand: list it behind `gptq` or `adaround`, which reach other valleys, or behind `scale-search` alone. Needs second moments.

    Cost: `2 K^2 N` products for a round; large layers get fewer rounds (6 for 4096 x 4096). It hurts where the data are few and unlike those of use: raise `damping`. A site whose
    output error would grow stays as it was, with a remark.

    ```mlir
    func.func @before(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[0.4], [0.45]]> : tensor<2x1xf32>
      %s = arith.constant dense<1.0> : tensor<f32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>> : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>> : (tensor<2x1xi2>, tensor<f32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    // ==>  where both columns of x go together: one of them carries both weights, and the scale is their sum
    func.func @after(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %c = arith.constant dense<[[1], [0]]> : tensor<2x1xi2>
      %s = arith.constant {lowbit.added} dense<0.85> : tensor<f32>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>> : (tensor<2x1xi2>, tensor<f32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    ```
  }];
}

#endif
