// RUN: not quant-opt %s --lowbit-name-sites --lowbit-ptq-rotate=block=3 2>&1 | FileCheck %s --check-prefix=POWER
// POWER: error: rotate: block is 3; expected a power of two from 2 on, or 0 for the largest that divides the inputs
// RUN: not quant-opt %s --lowbit-name-sites --lowbit-ptq-rotate=tolerance=-1 2>&1 | FileCheck %s --check-prefix=TOLERANCE
// TOLERANCE: error: rotate: tolerance is {{.*}}; expected a number from 0 on
// RUN: not quant-opt %s --lowbit-name-sites --lowbit-ptq-rotate=block=8 2>&1 | FileCheck %s --check-prefix=BLOCK
// BLOCK: error: {{.*}}'linalg.matmul' op site `fc` has 4 inputs, which blocks of 8 do not divide; choose a `block` that does, or exclude the site by `match`
// RUN: not quant-opt %s --lowbit-name-sites --lowbit-ptq-rotate='sites=f*d' 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: error: rotate: pattern "f*d" matches no linear with a constant weight
// NAME: note: they are named `fc`

// A static scale is of what was read before.
// RUN: %python %S/../Tools/Inputs/arrays.py %t.npz 'x=float32:1x3x4:8,-2,1,1,0,0,-3,0.5,1,2,3,4'
// RUN: quant-run %s --inputs %t.npz --observe %t.json
// RUN: not quant-opt %s --lowbit-name-sites --lowbit-assign-schemes='recipe={"version": 1, "name": "s", "rules": [{"activation": {"format": "int<4>", "mode": "static"}}]} stats=%t.json' --lowbit-insert-qdq --lowbit-ptq-rotate 2>&1 | FileCheck %s --check-prefix=STATIC
// STATIC: error: {{.*}}'linalg.matmul' op site `fc` cannot be rotated: the scale of its activation is fixed already, from statistics of what it read before; rotate before

// Statistics of what was read before are refused, and those of what the recipe has rotated are taken: the range of 8 and -3 is smaller then.
// RUN: echo '{"version": 1, "name": "r", "algorithms": ["rotate"], "rules": [{"weight": {"format": "int<4>"}, "activation": {"format": "int<4>", "mode": "static"}}]}' > %t.recipe.json
// RUN: not quant-opt %s --lowbit-quantize="recipe=%t.recipe.json stats=%t.json" 2>&1 | FileCheck %s --check-prefix=STALE
// STALE: error: statistics are of this model before algorithms of the recipe changed its activations; calibrate with the recipe
// RUN: quant-run %s --inputs %t.npz --observe %t.rotated.json --observe-recipe %t.recipe.json
// RUN: quant-opt %s --lowbit-quantize="recipe=%t.recipe.json stats=%t.rotated.json" | FileCheck %s --check-prefix=FRESH
// FRESH: lowbit.quantize %{{.*}}, %{{.*}} <#lowbit.int<4>> : (tensor<3x4xf32>, tensor<f32>) -> tensor<3x4xi4>
// And the other way round.
// RUN: not quant-opt %s --lowbit-quantize='recipe={"version": 1, "name": "p", "rules": [{"activation": {"format": "int<4>", "mode": "static"}}]} stats=%t.rotated.json' 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: error: statistics are of another model: its sites have other names or operand types, or an algorithm has changed what they read
// A site that the recipe leaves in float is not rotated.
// RUN: quant-opt %s --lowbit-quantize='recipe={"version": 1, "name": "k", "algorithms": ["rotate"], "rules": [{"keep": "float"}]}' | FileCheck %s --check-prefix=KEPT
// KEPT-NOT: tensor.expand_shape
// KEPT:     linalg.matmul
func.func @main(%x: tensor<3x4xf32> {lowbit.name = "x"}) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<[[8.0, 0.0], [0.0, 8.0], [1.0, 0.0], [0.0, 0.0]]> : tensor<4x2xf32>
  %e = tensor.empty() : tensor<3x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<3x2xf32>) -> tensor<3x2xf32>
  %r = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32> loc("fc")
  return %r : tensor<3x2xf32>
}
