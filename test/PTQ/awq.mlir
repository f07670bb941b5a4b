// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x4x2:4,1,-4,1,4,-1,4,1'
// RUN: quant-run %s --inputs %t.npz --observe %t.json --observe-moments '*'
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "w2", "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}' --lowbit-insert-qdq --lowbit-ptq-awq='stats=%t.json' -o %t.awq.mlir
// RUN: FileCheck %s < %t.awq.mlir
// RUN: quant-opt %t.awq.mlir --lowbit-ptq-awq='stats=%t.json sites=*.scaled' | FileCheck %s --check-prefix=AGAIN

// Both linears read x, whose first column is four times as large as the second: strength 1 gives s = [2, 0.5], and all codes are exact. One
// multiplication serves both.
// CHECK-LABEL: func @main
//  CHECK-SAME:   %[[X:.*]]: tensor<4x2xf32>
//   CHECK-DAG:   %[[FACTORS:.*]] = arith.constant dense<[5.000000e-01, 2.000000e+00]> : tensor<2xf32>
//       CHECK:   %[[SCALED:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[FACTORS]] :
//       CHECK:     arith.mulf
//   CHECK-NOT:   linalg.generic
//   CHECK-DAG:   arith.constant dense<5.000000e-01> : tensor<2x1xf32>
//       CHECK:   linalg.matmul {{.*}}lowbit.site = "query", lowbit.smoothing = array<f32: 5.000000e-01, 2.000000e+00>} ins(%[[SCALED]],
//   CHECK-NOT:   linalg.generic
//       CHECK:   linalg.matmul {{.*}}lowbit.site = "key", lowbit.smoothing = array<f32: 5.000000e-01, 2.000000e+00>} ins(%[[SCALED]],
// The second normalization's gamma takes the factors: no multiplication is added.
//       CHECK:   %[[GAMMA:.*]] = arith.constant dense<[2.000000e+00, 8.000000e+00]> : tensor<2xf32>
//       CHECK:   %[[NORMAL:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[GAMMA]] :
//   CHECK-NOT:   linalg.generic
//       CHECK:   linalg.matmul {{.*}}lowbit.site = "normalized.scaled", lowbit.smoothing = {{.*}}} ins(%[[NORMAL]],

// What is exact cannot become better; a second time changes nothing.
// AGAIN: lowbit.site = "normalized.scaled", lowbit.smoothing = array<f32: 5.000000e-01, 2.000000e+00>}
func.func @main(%x: tensor<4x2xf32> {lowbit.name = "x"}) -> (tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[0.25], [1.0]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[-0.5], [0.0]]> : tensor<2x1xf32>
  %gamma = arith.constant dense<4.0> : tensor<2xf32>
  %e = tensor.empty() : tensor<4x1xf32>
  %ex = tensor.empty() : tensor<4x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x1xf32>) -> tensor<4x1xf32>
  %q = linalg.matmul ins(%x, %w : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32> loc("query")
  %k = linalg.matmul ins(%x, %v : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32> loc("key")
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                       iterator_types = ["parallel", "parallel"]}
    ins(%x, %gamma : tensor<4x2xf32>, tensor<2xf32>) outs(%ex : tensor<4x2xf32>) {
  ^bb0(%a: f32, %f: f32, %o: f32):
    %p = arith.mulf %a, %f : f32
    linalg.yield %p : f32
  } -> tensor<4x2xf32>
  %n = linalg.matmul ins(%y, %w : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32> loc("normalized.scaled")
  return %q, %k, %n : tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x1xf32>
}
