// RUN: quant-opt %s --lowbit-launch-loops | FileCheck %s

// Where threads cannot read each other's registers, one thread has the whole reduction.
//   CHECK-LABEL: gpu.func @loops(
//     CHECK-NOT:   nvvm.shfl
//         CHECK:   scf.for
//         CHECK:     arith.maxsi
// CHECK-COUNT-1:   llvm.store
//     CHECK-NOT:   nvvm.shfl
//   CHECK-LABEL: func.func @largest
module attributes {lowbit.target = #lowbit.spirv_opencl} {
  func.func @largest(%x: memref<3x64xi32>, %y: memref<3xi32>) {
    linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<3x64xi32>) outs(%y : memref<3xi32>) {
    ^bb0(%e: i32, %sum: i32):
      %0 = arith.maxsi %e, %sum : i32
      linalg.yield %0 : i32
    }
    return
  }
}
