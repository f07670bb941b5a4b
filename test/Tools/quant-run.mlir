// RUN: %python %S/Inputs/arrays.py %t.npz 'x=float32:2x3:1,2,3,4,5,6' 'y=float32:2x3:10,20,30,40,50,60'
// RUN: quant-run %s --entry add --inputs %t.npz --output %t.out.npz --target reference
// RUN: %python %S/Inputs/arrays.py --print %t.out.npz | FileCheck %s
// RUN: quant-run %s --entry add --inputs %t.npz --output %t.host.npz --time 3 | FileCheck %s --check-prefix=TIME
// RUN: cmp %t.out.npz %t.host.npz

// Bytecode and a module that is lowered already run alike.
// RUN: quant-opt %s --emit-bytecode -o %t.mlirbc && quant-run %t.mlirbc --entry add --inputs %t.npz --output %t.out2.npz
// RUN: cmp %t.out.npz %t.out2.npz
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-compile)' -o %t.lowered.mlir
// RUN: quant-run %t.lowered.mlir --entry add --inputs %t.npz --output %t.out3.npz
// RUN: cmp %t.out.npz %t.out3.npz

// Names are those of `lowbit.name`; the archive is what numpy reads.
// CHECK: sum float32 [2, 3] [11.0, 22.0, 33.0, 44.0, 55.0, 66.0]
// TIME: median 0.{{[0-9]+}} s, minimum 0.{{[0-9]+}} s
func.func @add(%x: tensor<2x3xf32> {lowbit.name = "x"}, %y: tensor<2x3xf32> {lowbit.name = "y"}) -> (tensor<2x3xf32> {lowbit.name = "sum"}) {
  %empty = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.add ins(%x, %y : tensor<2x3xf32>, tensor<2x3xf32>) outs(%empty : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
