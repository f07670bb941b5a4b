// Static ranges come from a file of statistics; smoothing moves the spread of channels into the weights first.
// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:2x2x4:1,2,30,4,-1,2,-30,4,1,2,3,-4,0.5,0.25,9,0'
// RUN: quant-run %s --inputs %t.npz --observe %t.json
// RUN: quant-opt %s --lowbit-quantize="recipe=w8a8 stats=%t.json" | FileCheck %s --check-prefix=SMOOTH
// RUN: quant-opt %s --lowbit-quantize='recipe={"version": 1, "name": "plain", "rules": [{"activation": {"format": "int<8>", "mode": "static"}}]} stats=%t.json' | FileCheck %s --check-prefix=PLAIN

// SMOOTH-LABEL: func @main
//   SMOOTH-DAG:   %[[SCALE:.*]] = arith.constant dense<{{.*}}> : tensor<f32>
//   SMOOTH-DAG:   %[[ZERO:.*]] = arith.constant dense<{{.*}}> : tensor<i8>
//       SMOOTH:   %[[DIVIDED:.*]] = linalg.generic
//       SMOOTH:     arith.mulf
//       SMOOTH:   %[[CODES:.*]] = lowbit.quantize %[[DIVIDED]], %[[SCALE]], %[[ZERO]] <#lowbit.uint<8>, zero = i8>
//       SMOOTH:   lowbit.contract {{.*}} lhs(%[[CODES]] scales %[[SCALE]] zeros %[[ZERO]]

// 30 / 127: the largest magnitude seen.
// PLAIN-LABEL: func @main
//       PLAIN:   %[[SCALE:.*]] = arith.constant dense<0.236220479> : tensor<f32>
//       PLAIN:   lowbit.quantize %{{.*}}, %[[SCALE]] <#lowbit.int<8>>
func.func @main(%x: tensor<2x4xf32> {lowbit.name = "x"}) -> (tensor<2x3xf32> {lowbit.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [0.5, 0.25, 0.125], [1.0, -1.0, 2.0]]> : tensor<4x3xf32>
  %empty = tensor.empty() : tensor<2x3xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x3xf32>) -> tensor<2x3xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x3xf32>) outs(%zeros : tensor<2x3xf32>) -> tensor<2x3xf32> loc("fc")
  return %0 : tensor<2x3xf32>
}

// Every way in which statistics do not fit the recipe or the model is an error.
// RUN: not quant-opt %s --lowbit-quantize=recipe=w8a8 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: recipe `w8a8` smooths activations, which needs statistics; calibrate first, and give `stats`
// RUN: not quant-opt %s --lowbit-quantize='recipe={"version": 1, "name": "plain", "rules": [{"activation": {"format": "int<8>", "mode": "static"}}]}' 2>&1 | FileCheck %s --check-prefix=PLAINNONE
// PLAINNONE: error: recipe `plain` has static activations, which need statistics; calibrate first, and give `stats`
// RUN: not quant-opt %s --lowbit-quantize="recipe=w8a8 stats=%t.absent.json" 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: error: {{.*}}absent.json{{.*}}No such file
// RUN: quant-run %s --inputs %t.npz --observe %t.tensor.json --observe-axes tensor
// RUN: not quant-opt %s --lowbit-quantize="recipe=w8a8 stats=%t.tensor.json" 2>&1 | FileCheck %s --check-prefix=AXES
// AXES: error: {{.*}}smoothing needs statistics of `fc` with a state for each channel; calibrate with axes `channel`
// RUN: not quant-opt %s --lowbit-quantize='recipe={"version": 1, "name": "plain", "rules": [{"activation": {"format": "int<8>", "mode": "static", "observer": "percentile<99.0>"}}]} stats=%t.json' 2>&1 | FileCheck %s --check-prefix=OBSERVER
// OBSERVER: error: {{.*}}the recipe wants observer #lowbit.percentile<99.0> at site `fc`, but the statistics are of #lowbit.minmax; calibrate with the recipe's observer, or remove it from the recipe
