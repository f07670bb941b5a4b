// What stops a GPU, or hangs it, ends the launch with a report.
// RUN: not gpu-sim-run %s --kernel deadlock --block 64 | FileCheck %s --check-prefix=DEADLOCK
// RUN: not gpu-sim-run %s --kernel fewer --block 64 | FileCheck %s --check-prefix=FEWER
// RUN: gpu-sim-run %s --kernel left --block 64
// RUN: not gpu-sim-run %s --kernel divergence --block 32 | FileCheck %s --check-prefix=DIVERGENCE
// RUN: not gpu-sim-run %s --kernel ended --block 32 | FileCheck %s --check-prefix=ENDED
// RUN: gpu-sim-run %s --kernel masks --block 32
// RUN: not gpu-sim-run %s --kernel masks --block 16 | FileCheck %s --check-prefix=PARTIAL
// RUN: not gpu-sim-run %s --kernel beyond --block 32 --shared 64 | FileCheck %s --check-prefix=BEYOND
// RUN: not gpu-sim-run %s --kernel before --block 32 --shared 64 | FileCheck %s --check-prefix=BEFORE
// RUN: not gpu-sim-run %s --kernel outside --block 32 bytes=124 | FileCheck %s --check-prefix=OUTSIDE
// RUN: not gpu-sim-run %s --kernel misaligned --block 32 --shared 64 | FileCheck %s --check-prefix=MISALIGNED
// RUN: not gpu-sim-run %s --kernel matrix --block 32 --shared 1024 | FileCheck %s --check-prefix=MATRIX
// RUN: not gpu-sim-run %s --kernel left --block 2048 | FileCheck %s --check-prefix=THREADS
// RUN: not gpu-sim-run %s --kernel left --block 32 --shared 300000 | FileCheck %s --check-prefix=SHARED
// RUN: not gpu-sim-run %s --kernel assertion --block 32 | FileCheck %s --check-prefix=ASSERTION
// THREADS: illegal (1): kernel `left`: 2048 threads in a block; expected 1 to 1024
// SHARED: illegal (1): kernel `left`: 300000 bytes of shared memory; a block has at most 232448

gpu.module @kernels {
  // DEADLOCK: deadlock (1): kernel `deadlock`: deadlock in block (0, 0, 0): 32 threads from thread 0 on wait for a barrier, `nvvm.barrier` at {{.*}}; 32 threads from thread 32 on wait for a barrier, `nvvm.barrier` at
  gpu.func @deadlock() kernel {
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c32 = arith.constant 32 : i32
    %c64 = arith.constant 64 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %isLow = arith.cmpi ult, %thread, %c32 : i32
    scf.if %isLow {
      nvvm.barrier id = %c1 number_of_threads = %c64
    } else {
      nvvm.barrier id = %c2 number_of_threads = %c64
    }
    gpu.return
  }

  // FEWER: deadlock (1): {{.*}} 32 threads from thread 0 on wait for a barrier, {{.*}}; 32 have ended
  gpu.func @fewer() kernel {
    %c0 = arith.constant 0 : i32
    %c32 = arith.constant 32 : i32
    %c64 = arith.constant 64 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %comes = arith.cmpi ult, %thread, %c32 : i32
    scf.if %comes {
      nvvm.barrier id = %c0 number_of_threads = %c64
    }
    gpu.return
  }

  // Threads that have ended are not waited for by a barrier of all.
  gpu.func @left() kernel {
    %c32 = arith.constant 32 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %comes = arith.cmpi ult, %thread, %c32 : i32
    scf.if %comes {
      gpu.barrier
    }
    gpu.return
  }

  // DIVERGENCE: divergence (1): kernel `divergence`: `nvvm.shfl.sync` at {{.*}}, thread 16: threads that must come here together are at `nvvm.shfl.sync` at
  gpu.func @divergence() kernel {
    %c0 = arith.constant 0 : i32
    %c16 = arith.constant 16 : i32
    %c31 = arith.constant 31 : i32
    %all = arith.constant -1 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %isLow = arith.cmpi ult, %thread, %c16 : i32
    scf.if %isLow {
      %a = nvvm.shfl.sync idx %all, %thread, %c0, %c31 : i32 -> i32
    } else {
      %b = nvvm.shfl.sync idx %all, %thread, %c16, %c31 : i32 -> i32
    }
    gpu.return
  }

  // ENDED: divergence (1): kernel `ended`: `nvvm.shfl.sync` {{.*}}: lanes of {{.*}} ended
  gpu.func @ended() kernel {
    %c0 = arith.constant 0 : i32
    %c31 = arith.constant 31 : i32
    %all = arith.constant -1 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %comes = arith.cmpi ne, %thread, %c0 : i32
    scf.if %comes {
      %a = nvvm.shfl.sync idx %all, %thread, %c0, %c31 : i32 -> i32
    }
    gpu.return
  }

  // Halves of a warp may go apart if they say so.
  // PARTIAL: divergence (1): kernel `masks`: {{.*}} lanes that the block does not have are to take part
  gpu.func @masks() kernel {
    %c0 = arith.constant 0 : i32
    %c16 = arith.constant 16 : i32
    %c31 = arith.constant 31 : i32
    %low = arith.constant 0xFFFF : i32
    %high = arith.constant 0xFFFF0000 : i32
    %all = arith.constant -1 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %isLow = arith.cmpi ult, %thread, %c16 : i32
    scf.if %isLow {
      %a = nvvm.shfl.sync idx %low, %thread, %c0, %c31 : i32 -> i32
    } else {
      %b = nvvm.shfl.sync idx %high, %thread, %c16, %c31 : i32 -> i32
    }
    nvvm.bar.warp.sync %all : i32
    gpu.return
  }

  // BEYOND: out of bounds (1): kernel `beyond`: `llvm.store` at {{.*}}, block (0, 0, 0), thread 16: the access: bytes 64 to 67 of shared memory, and the launch gave it 64
  gpu.func @beyond() kernel {
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<3>
    gpu.return
  }

  // BEFORE: out of bounds (1): kernel `before`: {{.*}}: bytes -4 to -1 of shared memory
  gpu.func @before() kernel {
    %base = arith.constant 1020 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %value = llvm.load %shared : !llvm.ptr<3> -> i32
    gpu.return
  }

  // OUTSIDE: out of bounds (1): kernel `outside`: `llvm.store` {{.*}}, thread 31: 4 bytes of global memory at 0x{{[0-9a-f]+}} belong to no array
  gpu.func @outside(%to: !llvm.ptr<1>) kernel {
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<1>
    gpu.return
  }

  // MISALIGNED: misaligned (1): kernel `misaligned`: `llvm.load` {{.*}}: its address is 0x404, no multiple of 16
  gpu.func @misaligned() kernel {
    %base = arith.constant 1028 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %value = llvm.load %shared {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
    gpu.return
  }

  // MATRIX: misaligned (1): kernel `matrix`: `nvvm.ldmatrix` {{.*}}: the row of lane 1 is at 1032, no multiple of 16
  gpu.func @matrix() kernel {
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %row = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
    %a = nvvm.ldmatrix %row {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    gpu.return
  }

  // ASSERTION: illegal (1): kernel `assertion`: `cf.assert` {{.*}}, thread 20: an assertion does not hold: less than 20
  gpu.func @assertion() kernel {
    %twenty = arith.constant 20 : index
    %x = gpu.thread_id x
    %isLess = arith.cmpi ult, %x, %twenty : index
    cf.assert %isLess, "less than 20"
    gpu.return
  }
}
