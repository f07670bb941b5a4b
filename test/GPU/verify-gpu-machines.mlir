// RUN: quant-opt %s --lowbit-verify-gpu=target=amdgcn:gfx90a --split-input-file --verify-diagnostics -o /dev/null
// RUN: not quant-opt %s --lowbit-verify-gpu=target=spirv:opencl --split-input-file -o /dev/null 2>&1 | FileCheck %s

// CHECK: error: 'nvvm.ldmatrix' op is an instruction of another machine than opencl
gpu.module @kernels {
  gpu.func @matrices(%p: !llvm.ptr<3>) kernel {
    // expected-error @+1 {{is an instruction of another machine than gfx90a}}
    %0 = nvvm.ldmatrix %p {eltType = #nvvm.ld_st_matrix_elt_type<b16>, layout = #nvvm.mma_layout<row>, num = 1 : i32, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>}
      : (!llvm.ptr<3>) -> i32
    gpu.return
  }
}

// -----

// CHECK: error: 'rocdl.mfma.i32.16x16x32.i8' op is an instruction of another machine than opencl
gpu.module @kernels {
  gpu.func @product(%a: i64, %c: vector<4xi32>, %zero: i32) kernel {
    // expected-error @+1 {{takes 32 bytes of the reduction; expected the instruction of gfx90a, which takes 16}}
    %0 = rocdl.mfma.i32.16x16x32.i8 %a, %a, %c, %zero, %zero, %zero : (i64, i64, vector<4xi32>, i32, i32, i32) -> vector<4xi32>
    gpu.return
  }
}

// -----

// AMD's waves exchange values, too; of the sizes of SPIR-V's subgroups nothing is known.
// CHECK: error: 'nvvm.shfl.sync' op needs threads that read each other's registers, which opencl does not have
gpu.module @kernels {
  gpu.func @exchange(%x: i32) kernel {
    %all = arith.constant -1 : i32
    %distance = arith.constant 16 : i32
    %last = arith.constant 31 : i32
    %0 = nvvm.shfl.sync bfly %all, %x, %distance, %last : i32 -> i32
    gpu.return
  }
}

// -----

// CHECK: error: 'arith.extf' op is of bf16, which opencl does not have; expected f16 or f32
gpu.module @kernels {
  gpu.func @brain(%x: bf16) kernel {
    %0 = arith.extf %x : bf16 to f32
    gpu.return
  }
}
