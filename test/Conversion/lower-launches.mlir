// RUN: quant-opt %s --lowbit-lower-launches --split-input-file | FileCheck %s

// Each argument has a place in memory, taken once for the function even in a loop; the kernel is called by a global that its compiler defines.
// CHECK-DAG: llvm.mlir.global external @kernels.f() {{.*}}: !llvm.array<0 x i8>
// CHECK-DAG: llvm.mlir.global external @lowbit.program() {{.*}}: !llvm.ptr
// CHECK-DAG: llvm.func @lowbit_gpu_launch(!llvm.ptr, i32, i32, i32, i32, i32, i32, i32, !llvm.ptr, i32) -> i32
// CHECK-LABEL: func @arguments
//  CHECK-SAME:   %[[POINTER:.*]]: !llvm.ptr<1>, %[[SIZE:.*]]: index, %[[SCALE:.*]]: f32, %[[BYTES:.*]]: i32
//   CHECK-DAG:   %[[PARAMETERS:.*]] = llvm.alloca %{{.*}} x !llvm.array<3 x ptr>
//   CHECK-DAG:   %[[POINTER_SLOT:.*]] = llvm.alloca %{{.*}} x !llvm.ptr<1>
//   CHECK-DAG:   %[[SIZE_SLOT:.*]] = llvm.alloca %{{.*}} x i64
//   CHECK-DAG:   %[[SCALE_SLOT:.*]] = llvm.alloca %{{.*}} x f32
//       CHECK:   scf.for
//   CHECK-NOT:     llvm.alloca
//       CHECK:     %[[KERNEL:.*]] = llvm.mlir.addressof @kernels.f
//       CHECK:     %[[GRID:.*]] = arith.index_cast %[[SIZE]] : index to i32
//       CHECK:     llvm.store %[[POINTER]], %[[POINTER_SLOT]]
//       CHECK:     %[[FIRST:.*]] = llvm.getelementptr %[[PARAMETERS]][0]
//       CHECK:     llvm.store %[[POINTER_SLOT]], %[[FIRST]]
//       CHECK:     %[[WIDE:.*]] = arith.index_cast %[[SIZE]] : index to i64
//       CHECK:     llvm.store %[[WIDE]], %[[SIZE_SLOT]]
//       CHECK:     llvm.store %[[SCALE]], %[[SCALE_SLOT]]
//       CHECK:     llvm.call @lowbit_gpu_launch(%[[KERNEL]], %[[GRID]], {{.*}}, %[[BYTES]], %[[PARAMETERS]], %{{.*}})
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @f(%pointer: !llvm.ptr<1>, %size: index, %scale: f32) kernel { gpu.return }
  }
  func.func @arguments(%pointer: !llvm.ptr<1>, %size: index, %scale: f32, %bytes: i32) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    scf.for %i = %c0 to %size step %c1 {
      gpu.launch_func @kernels::@f blocks in (%size, %c1, %c1) threads in (%c32, %c1, %c1) dynamic_shared_memory_size %bytes
        args(%pointer : !llvm.ptr<1>, %size : index, %scale : f32)
    }
    return
  }
}

// -----

// A tensor map is handed on where it lies: the kernel takes its bytes.
// CHECK-LABEL: func @tensor_map
//  CHECK-SAME:   %[[MAP:.*]]: !llvm.ptr
//       CHECK:   %[[PARAMETERS:.*]] = llvm.alloca %{{.*}} x !llvm.array<1 x ptr>
//       CHECK:   %[[FIRST:.*]] = llvm.getelementptr %[[PARAMETERS]][0]
//       CHECK:   llvm.store %[[MAP]], %[[FIRST]]
module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @f(%map: !llvm.ptr {llvm.byval = !llvm.array<16 x i64>, llvm.align = 64 : i64}) kernel { gpu.return }
  }
  func.func @tensor_map(%map: !llvm.ptr) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @kernels::@f blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%map : !llvm.ptr)
    return
  }
}

// -----

// A constant is where the device has it; elements of less than a byte take one each.
// CHECK-DAG: llvm.mlir.global internal @codes.device() {{.*}}: !llvm.struct<(ptr, ptr)>
// CHECK-LABEL: func @constant
//       CHECK:   %[[HOST:.*]] = memref.get_global @codes
//       CHECK:   %[[INDEX:.*]] = memref.extract_aligned_pointer_as_index %[[HOST]]
//       CHECK:   %[[HANDLE:.*]] = llvm.mlir.addressof @codes.device
//       CHECK:   %[[BYTES:.*]] = llvm.mlir.constant(6 : i64)
//       CHECK:   %[[DEVICE:.*]] = llvm.call @lowbit_gpu_constant(%[[HANDLE]], %{{.*}}, %[[BYTES]])
//       CHECK:   llvm.insertvalue %[[DEVICE]], %{{.*}}[1]
//       CHECK:   %[[CONSTANT:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<2x3xi4>
//       CHECK:   memref.extract_aligned_pointer_as_index %[[CONSTANT]]
module {
  memref.global "private" constant @codes : memref<2x3xi4> = dense<1>
  func.func @constant() -> index {
    %codes = memref.get_global @codes : memref<2x3xi4>
    %index = memref.extract_aligned_pointer_as_index %codes : memref<2x3xi4> -> index
    return %index : index
  }
}
