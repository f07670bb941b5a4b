// RUN: quant-opt %s --lowbit-lower-launches --split-input-file --verify-diagnostics

// The host would read the device's memory.
func.func @load(%x: memref<4xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  // expected-error@+1 {{is left for the host, which cannot read or write the device's memory; expected a kernel}}
  %v = memref.load %x[%c0] : memref<4xf32>
  return %v : f32
}

// -----

func.func @elementwise(%x: memref<4xf32>, %y: memref<4xf32>) {
  // expected-error@+1 {{is left for the host}}
  linalg.exp ins(%x : memref<4xf32>) outs(%y : memref<4xf32>)
  return
}

// -----

// Memory that the host takes is not the device's.
func.func @allocation() {
  // expected-error@+1 {{is left for the host}}
  %x = memref.alloc() : memref<4xf32>
  return
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @f(%x: memref<4xf32>) kernel { gpu.return }
  }
  func.func @buffer(%x: memref<4xf32>) {
    %c1 = arith.constant 1 : index
    // expected-error@+1 {{argument 0 of kernel @kernels::@f has type 'memref<4xf32>'; expected a number or an `!llvm.ptr`}}
    gpu.launch_func @kernels::@f blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<4xf32>)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @f() kernel { gpu.return }
  }
  func.func @asynchronous() {
    %c1 = arith.constant 1 : index
    // expected-error@+1 {{is asynchronous; expected launches in the order in which they run}}
    %t = gpu.launch_func async @kernels::@f blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
    return
  }
}

// -----

module attributes {gpu.container_module} {
  gpu.module @kernels {
    gpu.func @f() kernel { gpu.return }
  }
  func.func @clusters() {
    %c1 = arith.constant 1 : index
    // expected-error@+1 {{has a size of clusters; expected it on the kernel, as `nvvm.cluster_dim`}}
    gpu.launch_func @kernels::@f clusters in (%c1, %c1, %c1) blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
    return
  }
}
