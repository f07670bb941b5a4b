// The mean of x is [0.5, 1]. 0.4 becomes 0 and 1 stays, so every output lacks 0.2.
// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x2x2:0,1,1,1'
// RUN: quant-run %s --inputs %t.npz --observe %t.json --observe-moments '*'
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "two", "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-bias-correction='stats=%t.json sites=*' | FileCheck %s

// The bias that is there takes it; without one, there is an addition. A sum of two activations is no bias.
// CHECK-LABEL: func @main
//       CHECK:   %[[FIRST:.*]] = linalg.matmul {{.*}}"first"
//       CHECK:   %[[BIAS:.*]] = arith.constant dense<1.200000e+00> : tensor<1xf32>
//       CHECK:   linalg.generic {{.*}} ins(%[[FIRST]], %[[BIAS]] :
//       CHECK:   %[[SECOND:.*]] = linalg.matmul {{.*}}"second"
//       CHECK:   %[[SHIFT:.*]] = arith.constant {lowbit.added} dense<2.000000e-01> : tensor<1xf32>
//       CHECK:   %[[SHIFTED:.*]] = linalg.generic {{.*}} ins(%[[SECOND]], %[[SHIFT]] :
//       CHECK:   return %{{.*}}, %[[SHIFTED]]
func.func @main(%x: tensor<2x2xf32> {lowbit.name = "x"}) -> (tensor<2x1xf32>, tensor<2x1xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.4], [1.0]]> : tensor<2x1xf32>
  %b = arith.constant dense<[1.0]> : tensor<1xf32>
  %e = tensor.empty() : tensor<2x1xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2x1xf32>) -> tensor<2x1xf32>
  %r = linalg.matmul ins(%x, %w : tensor<2x2xf32>, tensor<2x1xf32>) outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32> loc("first")
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                       iterator_types = ["parallel", "parallel"]} ins(%r, %b : tensor<2x1xf32>, tensor<1xf32>) outs(%e : tensor<2x1xf32>) {
  ^bb0(%a: f32, %shift: f32, %o: f32):
    %sum = arith.addf %a, %shift : f32
    linalg.yield %sum : f32
  } -> tensor<2x1xf32>
  %s = linalg.matmul ins(%x, %w : tensor<2x2xf32>, tensor<2x1xf32>) outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32> loc("second")
  return %y, %s : tensor<2x1xf32>, tensor<2x1xf32>
}
