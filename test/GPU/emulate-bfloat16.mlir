// RUN: quant-opt %s --lowbit-emulate-bfloat16=target=spirv:opencl | FileCheck %s
// RUN: quant-opt %s --lowbit-emulate-bfloat16=target=nvptx:sm_80 | FileCheck %s --check-prefix=SAME

// Sixteen bits in memory, f32 where numbers are computed with.
// CHECK-LABEL: gpu.func @kernel
//   CHECK-NOT:   bf16
//       CHECK:   %[[A:.*]] = llvm.load %{{.*}} {alignment = 2 : i64} : !llvm.ptr<1> -> i16
//       CHECK:   %[[W:.*]] = arith.extui %[[A]] : i16 to i32
//       CHECK:   %[[S:.*]] = arith.shli %[[W]], %{{.*}} : i32
//       CHECK:   arith.bitcast %[[S]] : i32 to f32
//   CHECK-NOT:   bf16
//       CHECK:   arith.addf %{{.*}}, %{{.*}} : f32
//   CHECK-NOT:   bf16
//       CHECK:   arith.select %{{.*}}, %{{.*}}, %{{.*}} : i16
//   CHECK-NOT:   bf16
//       CHECK:   llvm.store %{{.*}}, %{{.*}} {alignment = 2 : i64} : i16, !llvm.ptr<1>
//   CHECK-NOT:   bf16
//       CHECK:   gpu.return
// SAME: llvm.load {{.*}} -> bf16
// SAME: arith.addf {{.*}} : bf16
gpu.module @kernels {
  gpu.func @kernel(%p: !llvm.ptr<1>, %q: !llvm.ptr<1>, %c: i1) kernel {
    %half = arith.constant 0.5 : bf16
    %a = llvm.load %p {alignment = 2 : i64} : !llvm.ptr<1> -> bf16
    %b = arith.addf %a, %half : bf16
    %d = arith.select %c, %a, %b : bf16
    llvm.store %d, %q {alignment = 2 : i64} : bf16, !llvm.ptr<1>
    gpu.return
  }
}
