// One row, as in a classifier at batch one: its scale and zero point are buffers of one element.
// RUN: %python %S/Inputs/whole_numbers.py %t.npz x=1x20
// RUN: quant-opt %s --lowbit-quantize=recipe=w8a8-dynamic -o %t.q.mlir
// RUN: quant-run %t.q.mlir --inputs %t.npz --output %t.reference.npz --target reference
// RUN: quant-run %t.q.mlir --inputs %t.npz --output %t.host.npz && cmp %t.reference.npz %t.host.npz
func.func @main(%x: tensor<1x20xf32> {lowbit.name = "x"}) -> (tensor<1x10xf32> {lowbit.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %w = arith.constant dense<0.5> : tensor<20x10xf32>
  %e = tensor.empty() : tensor<1x10xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1x10xf32>) -> tensor<1x10xf32>
  %r = linalg.matmul ins(%x, %w : tensor<1x20xf32>, tensor<20x10xf32>) outs(%z : tensor<1x10xf32>) -> tensor<1x10xf32>
  return %r : tensor<1x10xf32>
}
