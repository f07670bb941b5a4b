// Levels of int<2> are -2 to 1. A block whose large values are above zero gets a negative scale, by which all of its values are exact.
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "two", "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-scale-search='smallest=0.5 steps=1' | FileCheck %s
// Left to positive scales, as one of powers of two is in any case, it loses some.
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "two", "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-scale-search='smallest=0.5 steps=1 mirrored=false' | FileCheck %s --check-prefix=POSITIVE
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "two", "rules": [{"weight": {"format": "int<2>", "per": "channel", "scale": "f8E8M0FNU"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-scale-search='smallest=0.5 steps=1' | FileCheck %s --check-prefix=POSITIVE
// The codes are those of the mirrored values, and the model computes what it did.
// RUN: quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "two", "rules": [{"weight": {"format": "int<2>", "per": "channel"}}]}' \
// RUN:   --lowbit-insert-qdq --lowbit-ptq-scale-search='smallest=0.5 steps=1' --lowbit-fold-weights | FileCheck %s --check-prefix=FOLDED

//    CHECK-LABEL: func @main
//          CHECK:   %[[SCALES:.*]] = arith.constant {lowbit.added} dense<-1.000000e+00> : tensor<1x1xf32>
//          CHECK:   %[[CODES:.*]] = lowbit.quantize %{{.*}}, %[[SCALES]]
//          CHECK:   lowbit.dequantize %[[CODES]], %[[SCALES]]
// POSITIVE-LABEL: func @main
//   POSITIVE-NOT:   dense<-1
//   FOLDED-LABEL: func @main
//         FOLDED:   arith.constant {{.*}} dense<{{\[\[}}-2], [1], [0], [-2]]> : tensor<4x1xi2>
func.func @main(%x: tensor<2x4xf32> {lowbit.name = "x"}) -> tensor<2x1xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[2.0], [-1.0], [0.0], [2.0]]> : tensor<4x1xf32>
  %e = tensor.empty() : tensor<2x1xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2x1xf32>) -> tensor<2x1xf32>
  %r = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x1xf32>) outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32> loc("fc")
  return %r : tensor<2x1xf32>
}
