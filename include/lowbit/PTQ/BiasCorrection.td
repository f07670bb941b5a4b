//===- BiasCorrection.td - the mean error goes into the bias --------------===//

#ifndef LOWBIT_PTQ_BIASCORRECTION_TD
#define LOWBIT_PTQ_BIASCORRECTION_TD

include "lowbit/PTQ/Algorithm.td"

def BiasCorrectionPass : Algorithm<"bias-correction"> {
  let summary = "Put the mean error of weights into the bias";
  let description = [{
    Bias correction (Nagel et al., 2019, arXiv:1906.04721, section 4.2): rounding a weight shifts the mean of the output by
    `sum_k mean(x[k]) (q[k, n] - w[k, n])`, which is subtracted from the bias; where none is added to the result, an addition is made. List it last: it
    corrects the codes that stand. Means are those of the float activation, on purpose: the mean error of a clipped activation is
    no fixed shift, and correcting it was found to hurt. Needs second moments.

    Cost: nothing, where there is a bias. It hurts where the mean of the data is not that of use.

    ```mlir
    func.func @before(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[0.4], [1.0]]> : tensor<2x1xf32>
      %s = lowbit.compute_scales %w <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>) -> tensor<1x1xf32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xi2>, tensor<1x1xf32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    // ==>  with a mean of 0.5 in the first channel: 0.4 became 0, so 0.2 is missing
    func.func @after(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[0.4], [1.0]]> : tensor<2x1xf32>
      %s = lowbit.compute_scales %w <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>) -> tensor<1x1xf32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xi2>, tensor<1x1xf32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      %b = arith.constant {lowbit.added} dense<0.2> : tensor<1xf32>
      %e = tensor.empty() : tensor<4x1xf32>
      %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                           iterator_types = ["parallel", "parallel"]}
        ins(%r, %b : tensor<4x1xf32>, tensor<1xf32>) outs(%e : tensor<4x1xf32>) {
      ^bb0(%a: f32, %shift: f32, %o: f32):
        %sum = arith.addf %a, %shift : f32
        linalg.yield %sum : f32
      } -> tensor<4x1xf32>
      return %y : tensor<4x1xf32>
    }
    ```
  }];
}

#endif
