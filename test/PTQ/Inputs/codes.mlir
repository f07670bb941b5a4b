// A site whose codes an algorithm has chosen.
func.func @main(%x: tensor<2x2xf32>, %init: tensor<2x1xf32>) -> tensor<2x1xf32> {
  %c = arith.constant dense<[[0], [1]]> : tensor<2x1xi2>
  %s = arith.constant {lowbit.added} dense<1.0> : tensor<1x1xf32>
  %d = lowbit.dequantize %c, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xi2>, tensor<1x1xf32>) -> tensor<2x1xf32>
  %r = linalg.matmul {lowbit.site = "fc", lowbit.original_weight = dense<[[0.4], [1.0]]> : tensor<2x1xf32>} ins(%x, %d : tensor<2x2xf32>, tensor<2x1xf32>) outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32>
  return %r : tensor<2x1xf32>
}
