// What is wrong with a call is said with its place, the exit code is 1, and an output that is there stays as it was.

// RUN: %python %S/Inputs/arrays.py %t.npz 'x=float32:2x3:1,2,3,4,5,6' && echo before > %t.out.npz && cp %t.out.npz %t.kept
// RUN: not quant-run %t.missing.mlir 2>&1 | FileCheck %s --check-prefix=NOFILE
// NOFILE: error: cannot open input file
// RUN: not quant-run %s --entry main 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: error: no public function `main` with a body; the module has `copy`, `dynamic`, `vectors`, `names`
// RUN: not quant-run %s --entry hidden 2>&1 | FileCheck %s --check-prefix=PRIVATE
// PRIVATE: error: no public function `hidden`
// RUN: not quant-run %s --entry copy --target pdp-11 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: error: unknown target `pdp-11`; expected `host`, {{.*}}`reference`
// RUN: not quant-run %s --entry copy --threads 0 2>&1 | FileCheck %s --check-prefix=THREADS
// THREADS: error: `threads` is 0; expected at least 1
// RUN: not quant-run %s --entry copy --threads many 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: 'many' value invalid
// RUN: not quant-run %s --entry copy --wings 2 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: Unknown command line argument '--wings'
// RUN: not quant-run %s --entry copy --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=NOINPUT
// NOINPUT: error: without --inputs: input `x` is missing; expected float32 of shape [2, 3]
// RUN: not quant-run %s --entry copy --inputs %t.none.npz --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=NODATA
// NODATA: none.npz: No such file
// RUN: not quant-run %s --entry copy --inputs %s --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=NOTNPZ
// NOTNPZ: is not in .npy form
// RUN: %python %S/Inputs/arrays.py %t.a.npz 'x=float64:2x3:1,2,3,4,5,6'
// RUN: not quant-run %s --entry copy --inputs %t.a.npz --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=DTYPE
// DTYPE: input `x` has elements of float64; expected float32
// RUN: %python %S/Inputs/arrays.py %t.a.npz 'x=float32:3x2:1,2,3,4,5,6'
// RUN: not quant-run %s --entry copy --inputs %t.a.npz --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: input `x` has shape [3, 2]; expected [2, 3]
// RUN: %python %S/Inputs/arrays.py %t.a.npz 'x=float32:6:1,2,3,4,5,6'
// RUN: not quant-run %s --entry copy --inputs %t.a.npz --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: input `x` has shape [6]; expected [2, 3]
// RUN: %python %S/Inputs/arrays.py %t.a.npz 'x=float32:2x3:1,2,3,4,5,6' 'z=int8:1:1'
// RUN: not quant-run %s --entry copy --inputs %t.a.npz --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=EXTRA
// EXTRA: array `z` is no input of function `copy`
// RUN: not quant-run %s --entry dynamic --inputs %t.npz --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// DYNAMIC: output `result0` has shape [?, 3]; expected sizes that are known
// RUN: not quant-run %s --entry vectors --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=VECTOR
// VECTOR: function `vectors` cannot be called from outside: input `arg0` has type vector<4xf32>
// RUN: not quant-run %s --entry names --output %t.out.npz 2>&1 | FileCheck %s --check-prefix=NAMES
// NAMES: cannot be called from outside: input name `a` is there twice
// RUN: not quant-run %s --entry copy --inputs %t.npz --output %t.none/out.npz 2>&1 | FileCheck %s --check-prefix=NOFOLDER
// NOFOLDER: out.npz': No such file or directory
// RUN: cmp %t.out.npz %t.kept

func.func @copy(%x: tensor<2x3xf32> {lowbit.name = "x"}) -> (tensor<2x3xf32> {lowbit.name = "y"}) {
  %empty = tensor.empty() : tensor<2x3xf32>
  %0 = linalg.copy ins(%x : tensor<2x3xf32>) outs(%empty : tensor<2x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

func.func @dynamic(%x: tensor<?x3xf32> {lowbit.name = "x"}) -> tensor<?x3xf32> {
  %c0 = arith.constant 0 : index
  %size = tensor.dim %x, %c0 : tensor<?x3xf32>
  %empty = tensor.empty(%size) : tensor<?x3xf32>
  %0 = linalg.copy ins(%x : tensor<?x3xf32>) outs(%empty : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

func.func @vectors(%x: vector<4xf32>) {
  return
}

func.func @names(%x: tensor<2xf32> {lowbit.name = "a"}, %y: tensor<2xf32> {lowbit.name = "a"}) {
  return
}

func.func private @hidden(%x: tensor<2xf32>) {
  return
}
