// RUN: split-file %s %t
// RUN: not quant-opt %t/main.mlir --lowbit-add-loss=loss=nonsense 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not quant-opt %t/main.mlir --lowbit-add-loss=function=other 2>&1 | FileCheck %s --check-prefix=FUNCTION
// RUN: not quant-opt %t/main.mlir --lowbit-add-loss=result=3 2>&1 | FileCheck %s --check-prefix=RESULT
// RUN: not quant-opt %t/main.mlir --lowbit-add-loss=loss=lsq 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not quant-opt %t/main.mlir --lowbit-add-loss=name=main 2>&1 | FileCheck %s --check-prefix=TAKEN
// RUN: not quant-opt %t/vector.mlir --lowbit-add-loss 2>&1 | FileCheck %s --check-prefix=CLASSES
// RUN: not quant-opt %t/vector.mlir --lowbit-add-loss=loss=divergence 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not quant-opt %t/number.mlir --lowbit-add-loss=loss=cosine 2>&1 | FileCheck %s --check-prefix=DIRECTION
// RUN: not quant-opt %t/integers.mlir --lowbit-add-loss 2>&1 | FileCheck %s --check-prefix=INTEGERS
// RUN: not quant-opt %t/dynamic.mlir --lowbit-add-loss 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// RUN: not quant-opt %t/main.mlir "--lowbit-add-loss=loss=divergence<temperature=0>" 2>&1 | FileCheck %s --check-prefix=TEMPERATURE
// RUN: not quant-opt %t/declared.mlir --lowbit-add-loss 2>&1 | FileCheck %s --check-prefix=BODY

// UNKNOWN: main.mlir:1:1: error: there is no loss `nonsense`; expected one such as `cross_entropy`, `squared_error` or `cosine`
// FUNCTION: error: has no function `other`; expected the name of one of its functions
// RESULT: main.mlir:1:1: error: has 1 results, but number 3 is to be compared
// KIND: error: there is no loss `lsq`
// TAKEN: error: the module has `main` already; expected a name that is free
// CLASSES: error: result 0 of type 'tensor<4xf32>' has no loss `cross_entropy`: it has no axis of classes behind one of samples
// ROWS: error: result 0 of type 'tensor<4xf32>' has no loss `divergence`: it has no axis of classes behind one of samples
// DIRECTION: error: result 0 of type 'tensor<f32>' has no loss `cosine`: it is one number, which has no direction
// INTEGERS: error: result 0 is 'tensor<4x3xi32>'; a loss needs a tensor of f32 of a static shape
// DYNAMIC: error: result 0 is 'tensor<?x3xf32>'; a loss needs a tensor of f32 of a static shape
// TEMPERATURE: error: there is no loss `divergence<temperature=0>`
// BODY: error: `main` has no body of one block

//--- main.mlir
func.func @main(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
  return %x : tensor<4x3xf32>
}
//--- vector.mlir
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
//--- number.mlir
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}
//--- integers.mlir
func.func @main(%x: tensor<4x3xi32>) -> tensor<4x3xi32> {
  return %x : tensor<4x3xi32>
}
//--- dynamic.mlir
func.func @main(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  return %x : tensor<?x3xf32>
}
//--- declared.mlir
func.func private @main(%x: tensor<4x3xf32>) -> tensor<4x3xf32>
