// A small file is read, not mapped, and its constants still lie where bytecode wants them; so do those from standard input.
// RUN: quant-opt %s --emit-bytecode -o %t.mlir
// RUN: quant-run %t.mlir --output %t.npz && %python -c "import numpy, sys; print(numpy.load(sys.argv[1])['y'])" %t.npz | FileCheck %s
// RUN: quant-opt %t.mlir | FileCheck %s --check-prefix=TEXT
// RUN: cat %t.mlir | quant-opt | FileCheck %s --check-prefix=TEXT
// RUN: not quant-opt %t.none.mlir 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: quant-opt --show-dialects | FileCheck %s --check-prefix=DIALECTS

// CHECK: [1. 2.]
// TEXT: w: "0x400000000000803F00000040"
// NONE: cannot open input file '{{.*}}.none.mlir': No such file or directory
// DIALECTS: lowbit

func.func @main() -> (tensor<2xf32> {lowbit.name = "y"}) {
  %w = arith.constant dense_resource<w> : tensor<2xf32>
  return %w : tensor<2xf32>
}
{-# dialect_resources: { builtin: { w: "0x400000000000803F00000040" } } #-}
