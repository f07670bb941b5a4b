//===- Passes.td - post-training quantization, one algorithm a pass -------===//

#ifndef LOWBIT_PTQ_PASSES_TD
#define LOWBIT_PTQ_PASSES_TD

include "mlir/Pass/PassBase.td"

/// An algorithm that recipes list by its name (include/lowbit/PTQ/Algorithm.h).
class Algorithm<string name, list<Option> extra = []> : Pass<"lowbit-ptq-" # name, "::mlir::ModuleOp"> {
  let options = !listconcat([
    Option<"sites", "sites", "std::string", /*default=*/"\"*\"", "Pattern of the sites to work on">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics">,
  ], extra);
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect", "::mlir::lowbit::LowbitDialect"];
}

def GPTQPass : Algorithm<"gptq", [
    Option<"damping", "damping", "double", /*default=*/"0.01", "Added to the diagonal of the second moments, as a share of its mean">,
    Option<"block", "block", "int64_t", /*default=*/"128", "Inputs that are rounded before their errors reach all inputs behind them">,
    Option<"activationOrder", "activation-order", "bool", /*default=*/"true", "Round the inputs with the largest activations first">,
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

def SmoothQuantPass : Pass<"lowbit-ptq-smooth-quant", "::mlir::ModuleOp"> {
  let summary = "Move the spread of activation channels into the weights";
  let description = [{
    SmoothQuant (Xiao et al., 2023, arXiv:2211.10438) for sites whose rule says `smooth`, a strength from 0 to 1. Every channel `k` of
    an activation is divided by `s[k]` and the rows of the weights that read it are multiplied by it, with
    `s[k] = max |x[k]|^strength / max |w[k]|^(1 - strength)` over all linears that share the activation, brought to a geometric mean of one.
    In exact arithmetic nothing changes; in float only roundings do. Statistics must hold a state for each channel.

    Cost: one multiplication an element, which fuses with what makes or quantizes the activation. It hurts where weights already
    have the wider spread: keep the strength low there.

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
  let options = [
    Option<"recipe", "recipe", "std::string", /*default=*/"", "A recipe's name, a file, or a document in place">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics, one state a channel">,
  ];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect"];
}

#endif
