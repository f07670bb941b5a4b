//===- GPTQ.td - codes that make up for one another's errors --------------===//

#ifndef LOWBIT_PTQ_GPTQ_TD
#define LOWBIT_PTQ_GPTQ_TD

include "lowbit/PTQ/Algorithm.td"

def GPTQPass : Algorithm<"gptq", [
    Option<"damping", "damping", "double", /*default=*/"0.01", "Added to the diagonal of the second moments, as a share of its mean">,
    Option<"block", "block", "int64_t", /*default=*/"128", "Inputs that are rounded before their errors reach all inputs behind them">,
    Option<"activationOrder", "activation-order", "bool", /*default=*/"true", "Round the inputs with the largest activations first">,
    Option<"centered", "centered", "bool", /*default=*/"false", "Take the mean off the data; `lowbit-ptq-bias-correction` makes up for it">,
  ]> {
  let summary = "Choose codes that make up for one another's errors";
  let description = [{
    GPTQ (Frantar et al., 2023, arXiv:2210.17323). Inputs of a weight are rounded one after the other, and what is lost is made up for, as far as
    the data allow, by the inputs that are still to be rounded: with `H = X^T X` of what the linear reads and `inverse(H) = U^T U`, row `k`
    of the weight leaves the error `e = (w[k] - q[k]) / U[k, k]`, and every later row `j` becomes `w[j] - U[k, j] e`. Scales are those that stand: set
    before by another algorithm, or those of the weight's ranges. Needs second moments.

    Cost: `K^3` for the factor and `K^2 N` for the rows. It hurts where the data are few and unlike those of use: raise `damping`. A site whose
    output error `tr(E^T H E)` would grow stays as it was, with a remark.

    ```mlir
    func.func @before(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[0.4], [1.0]]> : tensor<2x1xf32>
      %s = lowbit.compute_scales %w <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>) -> tensor<1x1xf32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xi2>, tensor<1x1xf32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    // ==>  where both columns of x go together: 0.4 is rounded to 0, and 1.0 makes up for it
    func.func @after(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %c = arith.constant dense<[[0], [1]]> : tensor<2x1xi2>
      %s = arith.constant {lowbit.added} dense<1.0> : tensor<1x1xf32>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xi2>, tensor<1x1xf32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    ```
  }];
}

#endif
