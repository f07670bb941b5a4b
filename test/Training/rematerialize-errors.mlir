// RUN: not quant-opt %s "--lowbit-differentiate=rematerialize=some" 2>&1 | FileCheck %s --check-prefix=MODE
// RUN: not quant-opt %s "--lowbit-differentiate=rematerialize=never budget=8" 2>&1 | FileCheck %s --check-prefix=FORCED
// RUN: not quant-opt %s "--lowbit-differentiate=budget=-1" 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not quant-opt %s "--lowbit-differentiate=budget=95" 2>&1 | FileCheck %s --check-prefix=LEAST

// MODE: error: `rematerialize` is `some`; expected `cost`, `never` or `always`
// FORCED: error: `budget` is 8 and `rematerialize` is `never`; expected bytes above 0, by `cost`, which alone chooses
// NEGATIVE: error: `budget` is -1 and `rematerialize` is `cost`; expected bytes above 0
// LEAST: error: the backward pass needs 96 bytes of the forward pass that cannot be computed again; expected a `budget` of at least that
func.func @loss(%x: tensor<4x8xf32>, %w: tensor<8x6xf32> {lowbit.name = "w", lowbit.parameter = "weight"}, %start: tensor<f32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %p = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%p : tensor<4x6xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %square = arith.mulf %a, %a : f32
    %0 = arith.addf %acc, %square : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}
