// A small file is read, not mapped, and its constants still lie where bytecode wants them.
// RUN: quant-opt %s --emit-bytecode -o %t.mlir
// RUN: quant-run %t.mlir --output %t.npz && %python -c "import numpy, sys; print(numpy.load(sys.argv[1])['y'])" %t.npz | FileCheck %s

// CHECK: [1. 2.]
func.func @main() -> (tensor<2xf32> {lowbit.name = "y"}) {
  %w = arith.constant dense_resource<w> : tensor<2xf32>
  return %w : tensor<2xf32>
}
{-# dialect_resources: { builtin: { w: "0x400000000000803F00000040" } } #-}
