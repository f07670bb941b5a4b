//===- LowRank.td - a thin product makes up for what codes lose -----------===//

#ifndef LOWBIT_PTQ_LOWRANK_TD
#define LOWBIT_PTQ_LOWRANK_TD

include "lowbit/PTQ/Algorithm.td"

def LowRankPass : Algorithm<"low-rank", [
    Option<"rank", "rank", "int64_t", /*default=*/"16", "Columns of the first factor and rows of the second">,
    Option<"type", "type", "std::string", /*default=*/"\"bf16\"", "What factors are stored as: bf16, f16 or f32">,
    Option<"iterations", "iterations", "int64_t", /*default=*/"8", "Multiplications by the error's square that find its largest part">,
  ]> {
  let summary = "Add a product of two thin float matrices that makes up for what codes lose";
  let description = [{
    Low-rank compensation (Yao et al., 2023, ZeroQuant-V2, arXiv:2303.08302) in the metric of the data (Zhang et al., 2024, LQER,
    arXiv:2402.02446). What is lost by rounding, `E = W - dequantize(codes)`, `[K, N]`, is approximated by `A B` with `A` `[K, rank]` and `B`
    `[rank, N]` so that the output error `tr((E - A B)^T H (E - A B))` is least: the rows of `B` are the largest eigenvectors of `E^T H E`,
    found by subspace iteration, and `A = E B^T`. The layer becomes `x dequantize(codes) + (x A) B`, from the activation before it is
    quantized. Codes that change afterwards make the product useless, so this comes last. Needs second moments.

    Cost: `rank (K + N)` floats more, which counts in a model's bytes, and as many float multiplications for each row, at sites
    `SITE.low_rank.a` and `SITE.low_rank.b` that stay float. It hurts where the error has no large part, as at 8 bits. A site where that is
    more than its weight stays as it was, with a remark. Of a convolution, `A` is one with `rank` outputs, over the same windows.

    ```mlir
    func.func @before(%x: tensor<4x8xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %w = arith.constant dense<0.3> : tensor<8x6xf32>
      %s = arith.constant dense<1.0> : tensor<f32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>> : (tensor<8x6xf32>, tensor<f32>) -> tensor<8x6xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>> : (tensor<8x6xi2>, tensor<f32>) -> tensor<8x6xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    // ==>  rank 1
    func.func @after(%x: tensor<4x8xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %w = arith.constant dense<0.3> : tensor<8x6xf32>
      %s = arith.constant dense<1.0> : tensor<f32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>> : (tensor<8x6xf32>, tensor<f32>) -> tensor<8x6xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>> : (tensor<8x6xi2>, tensor<f32>) -> tensor<8x6xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x8xf32>, tensor<8x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
      %zero = arith.constant 0.0 : f32
      %a = arith.constant {lowbit.added} dense<0.55> : tensor<8x1xf32>
      %b = arith.constant {lowbit.added} dense<0.55> : tensor<1x6xf32>
      %e = tensor.empty() : tensor<4x1xf32>
      %thin = linalg.fill ins(%zero : f32) outs(%e : tensor<4x1xf32>) -> tensor<4x1xf32>
      %f = tensor.empty() : tensor<4x6xf32>
      %wide = linalg.fill ins(%zero : f32) outs(%f : tensor<4x6xf32>) -> tensor<4x6xf32>
      %xa = linalg.matmul {lowbit.site = "fc.low_rank.a", lowbit.float_reason = "makes up for what the codes of `fc` lose"}
        ins(%x, %a : tensor<4x8xf32>, tensor<8x1xf32>) outs(%thin : tensor<4x1xf32>) -> tensor<4x1xf32>
      %xab = linalg.matmul {lowbit.site = "fc.low_rank.b", lowbit.float_reason = "makes up for what the codes of `fc` lose"}
        ins(%xa, %b : tensor<4x1xf32>, tensor<1x6xf32>) outs(%wide : tensor<4x6xf32>) -> tensor<4x6xf32>
      %sum = linalg.add ins(%r, %xab : tensor<4x6xf32>, tensor<4x6xf32>) outs(%f : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %sum : tensor<4x6xf32>
    }
    ```
  }];
}

#endif
