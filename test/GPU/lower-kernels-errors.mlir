// RUN: quant-opt %s --lowbit-lower-kernels=target=amdgcn:gfx942 --split-input-file --verify-diagnostics

// A kernel of a file declares its shared memory, so that its size has to be known.
gpu.module @kernels {
  gpu.func @nobody() kernel {
    // expected-error @+1 {{has a size that no launch gives as a constant; expected one, as this machine's kernels declare it}}
    %0 = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    gpu.return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @element(%i: index) kernel {
      // expected-error @+1 {{is not used by its address alone}}
      %0 = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
      %1 = memref.load %0[%i] : memref<?xi8, #gpu.address_space<workgroup>>
      gpu.return
    }
  }
  func.func @f(%i: index) {
    %one = arith.constant 1 : index
    %bytes = arith.constant 64 : i32
    gpu.launch_func @kernels::@element blocks in (%one, %one, %one) threads in (%one, %one, %one) dynamic_shared_memory_size %bytes args(%i : index)
    return
  }
}
