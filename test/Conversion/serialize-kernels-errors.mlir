// RUN: quant-opt %s --lowbit-serialize-kernels=assemble=false --split-input-file --verify-diagnostics

// expected-error@+1 {{has no `#nvvm.target` or `#rocdl.target`; expected the GPU that its kernels are for}}
gpu.module @kernels {
}

// -----

gpu.module @kernels [#nvvm.target<chip = "sm_80">] {
  // expected-error@+1 {{is not in the LLVM dialect; expected kernels that are lowered}}
  gpu.func @f() kernel { gpu.return }
}

// -----

// Nothing is linked to kernels.
// expected-error@+1 {{a kernel calls `__nv_expf`, which no library for GPUs is linked for; expected code of its own}}
gpu.module @kernels [#nvvm.target<chip = "sm_80">] {
  llvm.func @__nv_expf(f32) -> f32
  llvm.func @f(%x: f32, %p: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %0 = llvm.call @__nv_expf(%x) : (f32) -> f32
    llvm.store %0, %p : f32, !llvm.ptr<1>
    llvm.return
  }
}

// -----

// The code generator would end the process.
// expected-error@+1 {{a kernel calls `llvm.exp.f32`}}
gpu.module @kernels [#nvvm.target<chip = "sm_80">] {
  llvm.func @f(%x: f32, %p: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
    %0 = llvm.intr.exp(%x) : (f32) -> f32
    llvm.store %0, %p : f32, !llvm.ptr<1>
    llvm.return
  }
}
