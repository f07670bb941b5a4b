// RUN: quant-opt %s --lowbit-verify-gpu=target=nvptx:sm_75 --split-input-file --verify-diagnostics

func.func @left(%a: memref<4x16xi8>, %b: memref<6x16xi8>, %r: memref<4x6xi32>) {
  // expected-error @+1 {{is left without a kernel}}
  lowbit.matmul lhs(%a : memref<4x16xi8>) rhs(%b : memref<6x16xi8>) outs(%r : memref<4x6xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}

// -----

// LLVM would end the process.
gpu.module @kernels {
  gpu.func @copies() kernel {
    // expected-error @+1 {{needs cp.async, which sm_75 does not have}}
    nvvm.cp.async.commit.group
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @+1 {{has static shared memory; expected `gpu.dynamic_shared_memory`}}
  gpu.func @static() workgroup(%shared: memref<16xi8, #gpu.address_space<workgroup>>) kernel {
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @stack(%i: index) kernel {
    // expected-error @+1 {{'memref.alloca' op has memory of a thread, which is local memory; expected values, which are in registers}}
    %0 = memref.alloca() : memref<4xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @stack_of_llvm(%size: i32) kernel {
    // expected-error @+1 {{'llvm.alloca' op has memory of a thread}}
    %0 = llvm.alloca %size x f32 : (i32) -> !llvm.ptr
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @heap() kernel {
    // expected-error @+1 {{'memref.alloc' op has memory of a thread}}
    %0 = memref.alloc() : memref<4xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @+1 {{'gpu.func' op has memory of a thread}}
  gpu.func @private() private(%own: memref<4xf32, #gpu.address_space<private>>) kernel {
    gpu.return
  }
}

// -----

// What the host allocates is nobody's stack.
func.func @host() {
  %0 = memref.alloca() : memref<4xf32>
  return
}

// -----

gpu.module @kernels {
  gpu.func @apart(%p: !llvm.ptr<1>) kernel {
    // expected-error @+1 {{has 'vector<4xf32>' at an alignment of 4; expected 16, or it would be taken apart}}
    %0 = llvm.load %p {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xf32>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @library(%x: f32) kernel {
    // expected-error @+1 {{is no instruction of a GPU; expected `lowbit-approximate-math` to have expanded it}}
    %0 = math.exp %x : f32
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @product(%a: i32) kernel {
    // expected-error @+1 {{is a product of bytes that sm_75 does not have}}
    %0 = nvvm.mma.sync A[%a, %a, %a, %a] B[%a, %a] C[%a, %a, %a, %a]
      {intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
       multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 32>}
      : (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
    gpu.return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @much() kernel {
      gpu.return
    }
  }
  func.func @launch() {
    %c1 = arith.constant 1 : index
    %c2048 = arith.constant 2048 : index
    %bytes = arith.constant 70000 : i32
    // expected-error @+1 {{takes 70000 bytes of shared memory; a block of sm_75 has 65536}}
    gpu.launch_func @kernels::@much blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) dynamic_shared_memory_size %bytes
    // expected-error @+1 {{has blocks of 2048 threads; expected at most 1024}}
    gpu.launch_func @kernels::@much blocks in (%c1, %c1, %c1) threads in (%c2048, %c1, %c1)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @tall() kernel {
      gpu.return
    }
  }
  func.func @launch() {
    %one = arith.constant 1 : index
    %many = arith.constant 65536 : index
    // expected-error @+1 {{has 65536 blocks along y or z; expected at most 65535: split its rows}}
    gpu.launch_func @kernels::@tall blocks in (%one, %many, %one) threads in (%one, %one, %one)
    return
  }
}
