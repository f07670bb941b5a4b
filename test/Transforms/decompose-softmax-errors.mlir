// RUN: quant-opt %s --lowbit-decompose-softmax --verify-diagnostics

func.func @buffers(%x: memref<4x8xf32>, %y: memref<4x8xf32>) {
  // expected-error @below {{`linalg.softmax` of buffers cannot be decomposed; expected tensors}}
  linalg.softmax dimension(1) ins(%x : memref<4x8xf32>) outs(%y : memref<4x8xf32>)
  return
}
