// RUN: quant-opt %s --lowbit-keep-loop-buffers --split-input-file | FileCheck %s

// A state that is computed anew each time is copied to where the loop keeps it.
// CHECK-LABEL: func @state
//       CHECK:   scf.for {{.*}} iter_args(%[[H:.*]] = %{{.*}})
//       CHECK:     %[[NEXT:.*]] = linalg.exp
//       CHECK:     %[[KEPT:.*]] = bufferization.materialize_in_destination %[[NEXT]] in %[[H]]
//       CHECK:     scf.yield %[[KEPT]]
func.func @state(%h: tensor<4xf32>, %n: index) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%state = %h) -> tensor<4xf32> {
    %e = tensor.empty() : tensor<4xf32>
    %1 = linalg.exp ins(%state : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %1 : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

// What was written into the carried tensor, by whatever chain of ops, loops and branches, is where it shall be; numbers have no buffer.
// CHECK-LABEL: func @written
//   CHECK-NOT:   materialize_in_destination
func.func @written(%y: tensor<4x8xf32>, %n: index, %b: i1, %v: f32) -> (tensor<4x8xf32>, f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0:2 = scf.for %i = %c0 to %n step %c1 iter_args(%t = %y, %s = %v) -> (tensor<4x8xf32>, f32) {
    %filled = linalg.fill ins(%s : f32) outs(%t : tensor<4x8xf32>) -> tensor<4x8xf32>
    %inner = scf.for %j = %c0 to %n step %c1 iter_args(%u = %filled) -> tensor<4x8xf32> {
      %1 = tensor.insert %v into %u[%c0, %j] : tensor<4x8xf32>
      scf.yield %1 : tensor<4x8xf32>
    }
    %2 = scf.if %b -> tensor<4x8xf32> {
      %3 = tensor.insert %s into %inner[%c1, %c1] : tensor<4x8xf32>
      scf.yield %3 : tensor<4x8xf32>
    } else {
      scf.yield %inner : tensor<4x8xf32>
    }
    %4 = arith.addf %s, %v : f32
    scf.yield %2, %4 : tensor<4x8xf32>, f32
  }
  return %0#0, %0#1 : tensor<4x8xf32>, f32
}

// -----

// Tensors that change places are both copied; bufferization keeps one of them meanwhile.
// CHECK-LABEL: func @swap
//       CHECK:   scf.for {{.*}} iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}})
//   CHECK-DAG:     materialize_in_destination %[[B]] in %[[A]]
//   CHECK-DAG:     materialize_in_destination %[[A]] in %[[B]]
func.func @swap(%x: tensor<4xf32>, %y: tensor<4xf32>, %n: index) -> (tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0:2 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x, %b = %y) -> (tensor<4xf32>, tensor<4xf32>) {
    scf.yield %b, %a : tensor<4xf32>, tensor<4xf32>
  }
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xf32>
}
