// RUN: quant-opt %s --lowbit-serialize-kernels=assemble=false | FileCheck %s

// The binary, here text that ends with a zero, and what the host calls the kernel by: program, image, bytes, architecture, name, and
// whether it waits itself for what was launched before it.
//       CHECK: llvm.mlir.global internal constant @kernels.image("//{{.*}}.target sm_90{{.*}}.visible .entry f({{.*}}\00")
//  CHECK-SAME:   lowbit.assembly = "
//       CHECK: llvm.mlir.global internal constant @kernels.chip("sm_90\00")
//       CHECK: llvm.mlir.global internal constant @kernels.f.name("f\00")
//       CHECK: llvm.mlir.global internal constant @kernels.f.parameters("p\00")
//       CHECK: llvm.mlir.global internal @kernels.f() {{.*}}: !llvm.struct<(ptr, ptr, i64, ptr, ptr, ptr, i64, ptr)>
//       CHECK:   %[[PROGRAM:.*]] = llvm.mlir.addressof @lowbit.program
//       CHECK:   llvm.insertvalue %[[PROGRAM]], %{{.*}}[0]
//       CHECK:   %[[IMAGE:.*]] = llvm.mlir.addressof @kernels.image
//       CHECK:   llvm.insertvalue %[[IMAGE]], %{{.*}}[1]
//       CHECK:   %[[EARLY:.*]] = llvm.mlir.constant(0 : i64)
//       CHECK:   llvm.insertvalue %[[EARLY]], %{{.*}}[6]
//       CHECK: llvm.mlir.global internal @kernels.early()
//       CHECK:   %[[EARLY:.*]] = llvm.mlir.constant(1 : i64)
//       CHECK:   llvm.insertvalue %[[EARLY]], %{{.*}}[6]
//   CHECK-NOT: gpu.module
//   CHECK-NOT: @kernels.unused
module {
  llvm.mlir.global external @lowbit.program() : !llvm.ptr {
    %0 = llvm.mlir.zero : !llvm.ptr
    llvm.return %0 : !llvm.ptr
  }
  llvm.mlir.global external @kernels.f() : !llvm.array<0 x i8>
  llvm.mlir.global external @kernels.early() : !llvm.array<0 x i8>
  gpu.module @kernels [#nvvm.target<chip = "sm_90", features = "+ptx80">] {
    llvm.func @f(%x: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
      %c = llvm.mlir.constant(1.0 : f32) : f32
      llvm.store %c, %x : f32, !llvm.ptr<1>
      llvm.return
    }
    llvm.func @early(%x: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
      nvvm.griddepcontrol wait
      llvm.return
    }
    llvm.func @unused() attributes {gpu.kernel, nvvm.kernel} { llvm.return }
  }
}
