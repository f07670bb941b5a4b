// RUN: gpu-sim-run %s --kernel ordered --block 64 --shared 256 bytes=256
// RUN: not gpu-sim-run %s --kernel unordered --block 64 --shared 256 bytes=256 | FileCheck %s --check-prefix=UNORDERED
// RUN: not gpu-sim-run %s --kernel overwritten --block 64 --shared 256 bytes=256 | FileCheck %s --check-prefix=OVERWRITTEN
// RUN: not gpu-sim-run %s --kernel half --block 64 --shared 256 bytes=256 | FileCheck %s --check-prefix=HALF
// RUN: not gpu-sim-run %s --kernel global --block 64 --grid 2 bytes=256 | FileCheck %s --check-prefix=GLOBAL
// RUN: not gpu-sim-run %s --kernel global_read --block 64 --grid 2 bytes=512 | FileCheck %s --check-prefix=READ
// RUN: not gpu-sim-run %s --kernel global_overwritten --block 64 bytes=256 | FileCheck %s --check-prefix=GLOBAL_OVERWRITTEN
// RUN: gpu-sim-run %s --kernel global_ordered --block 64 bytes=256
// RUN: not gpu-sim-run %s --kernel global_ordered --block 64 --grid 2 bytes=256 | FileCheck %s --check-prefix=OTHER_BLOCK
// RUN: not gpu-sim-run %s --kernel global_read_before --block 64 --grid 2 bytes=256 | FileCheck %s --check-prefix=READ_BEFORE
// RUN: not gpu-sim-run %s --kernel global_copied --block 32 --shared 512 bytes=512 | FileCheck %s --check-prefix=COPIED
// RUN: gpu-sim-run %s --kernel global_bytes --block 64 bytes=64
// RUN: gpu-sim-run %s --kernel atomic --block 64 --grid 2 bytes=4
// RUN: gpu-sim-run %s --kernel bytes --block 64 --shared 64 bytes=64
// RUN: gpu-sim-run %s --kernel warps --block 64 --shared 256
// RUN: not gpu-sim-run %s --kernel no_warps --block 64 --shared 256 | FileCheck %s --check-prefix=NO_WARPS
// RUN: gpu-sim-run %s --kernel named --block 96 --shared 256
// RUN: not gpu-sim-run %s --kernel unnamed --block 96 --shared 256 | FileCheck %s --check-prefix=UNNAMED
// Whatever the order of threads:
// RUN: not gpu-sim-run %s --kernel unordered --block 64 --shared 256 --order reverse bytes=256 | FileCheck %s --check-prefix=ANY
// RUN: not gpu-sim-run %s --kernel overwritten --block 64 --shared 256 --order random --seed 7 bytes=256 | FileCheck %s --check-prefix=ANY
// ANY: race

gpu.module @kernels {
  // A thread reads what its neighbour wrote, after a barrier.
  gpu.func @ordered(%to: !llvm.ptr<1>) kernel {
    %c1 = arith.constant 1 : i32
    %c64 = arith.constant 64 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %sum = arith.addi %thread, %c1 : i32
    %next = arith.remui %sum, %c64 : i32
    %other = llvm.getelementptr %shared[%next] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<3>
    gpu.barrier
    %value = llvm.load %other : !llvm.ptr<3> -> i32
    %result = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %value, %result : i32, !llvm.ptr<1>
    gpu.return
  }

  // The same without the barrier.
  // UNORDERED: race ({{.*}}): kernel `unordered`: `llvm.load` at {{.*}}races.mlir:[[#@LINE+11]]:14, block (0, 0, 0), thread 1: reads what `llvm.store` at {{.*}}races.mlir:[[#@LINE+10]]:5 by thread 0 writes, and nothing says which comes first; byte 0 of shared memory
  gpu.func @unordered(%to: !llvm.ptr<1>) kernel {
    %c1 = arith.constant 1 : i32
    %c64 = arith.constant 64 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %other = llvm.getelementptr %shared[0] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<3>
    %value = llvm.load %other : !llvm.ptr<3> -> i32
    %result = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %value, %result : i32, !llvm.ptr<1>
    gpu.return
  }

  // A write must also wait for those who still read, though the result is right in every order of whole threads.
  // OVERWRITTEN: race ({{.*}}): kernel `overwritten`: `llvm.store` {{.*}} writes what `llvm.load` {{.*}} reads, and nothing says which comes first
  gpu.func @overwritten(%to: !llvm.ptr<1>) kernel {
    %c1 = arith.constant 1 : i32
    %c64 = arith.constant 64 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %sum = arith.addi %thread, %c1 : i32
    %next = arith.remui %sum, %c64 : i32
    %other = llvm.getelementptr %shared[%next] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<3>
    gpu.barrier
    %value = llvm.load %other : !llvm.ptr<3> -> i32
    llvm.store %value, %own : i32, !llvm.ptr<3>
    gpu.return
  }

  // A barrier of one warp says nothing to the other.
  // HALF: race ({{.*}}): kernel `half`: {{.*}} by thread {{.*}} writes
  gpu.func @half(%to: !llvm.ptr<1>) kernel {
    %c1 = arith.constant 1 : i32
    %c32 = arith.constant 32 : i32
    %c64 = arith.constant 64 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %sum = arith.addi %thread, %c1 : i32
    %next = arith.remui %sum, %c64 : i32
    %other = llvm.getelementptr %shared[%next] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<3>
    %warp = arith.divui %thread, %c32 : i32
    nvvm.barrier id = %warp number_of_threads = %c32
    %value = llvm.load %other : !llvm.ptr<3> -> i32
    gpu.return
  }

  // Two blocks write one place; whoever is last wins.
  // GLOBAL: race ({{.*}}): kernel `global`: `llvm.store` {{.*}}, block (1, 0, 0), thread 0: writes what `llvm.store` {{.*}} by thread 0 writes, {{.*}} of global memory, the other in block (0, 0, 0)
  gpu.func @global(%to: !llvm.ptr<1>) kernel {
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<1>
    gpu.return
  }

  // A block reads what another has written.
  // READ: race ({{.*}}): kernel `global_read`: `llvm.load` {{.*}}, block (1, 0, 0), thread 0: reads what `llvm.store` {{.*}} by thread 0 writes, {{.*}} the other in block (0, 0, 0)
  gpu.func @global_read(%to: !llvm.ptr<1>) kernel {
    %x = gpu.thread_id x
    %b = gpu.block_id x
    %c64 = arith.constant 64 : index
    %begin = arith.muli %b, %c64 : index
    %place = arith.addi %begin, %x : index
    %thread = arith.index_cast %x : index to i32
    %index = arith.index_cast %place : index to i32
    %other = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %own = llvm.getelementptr %to[%index] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %value = llvm.load %other : !llvm.ptr<1> -> i32
    llvm.store %value, %own : i32, !llvm.ptr<1>
    gpu.return
  }

  // A write to global memory must wait for those who still read, too.
  // GLOBAL_OVERWRITTEN: race ({{.*}}): kernel `global_overwritten`: `llvm.store` {{.*}} writes what `llvm.load` {{.*}} reads, and nothing says which comes first; byte {{.*}} of global memory, the other in block (0, 0, 0)
  gpu.func @global_overwritten(%to: !llvm.ptr<1>) kernel {
    %c1 = arith.constant 1 : i32
    %c64 = arith.constant 64 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %sum = arith.addi %thread, %c1 : i32
    %next = arith.remui %sum, %c64 : i32
    %other = llvm.getelementptr %to[%next] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %value = llvm.load %other : !llvm.ptr<1> -> i32
    llvm.store %value, %own : i32, !llvm.ptr<1>
    gpu.return
  }

  // A barrier puts it in order; but not what another block reads.
  // OTHER_BLOCK: race ({{.*}}): kernel `global_ordered`: `llvm.load` {{.*}}, block (1, 0, 0), thread 0: reads what `llvm.store` {{.*}} the other in block (0, 0, 0)
  // OTHER_BLOCK: race ({{.*}}): kernel `global_ordered`: `llvm.store` {{.*}}, block (1, 0, 0), {{.*}} writes what `llvm.store` {{.*}} the other in block (0, 0, 0)
  gpu.func @global_ordered(%to: !llvm.ptr<1>) kernel {
    %c1 = arith.constant 1 : i32
    %c64 = arith.constant 64 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %sum = arith.addi %thread, %c1 : i32
    %next = arith.remui %sum, %c64 : i32
    %other = llvm.getelementptr %to[%next] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %value = llvm.load %other : !llvm.ptr<1> -> i32
    gpu.barrier
    llvm.store %value, %own : i32, !llvm.ptr<1>
    gpu.return
  }

  // The first block reads what the second writes, which nobody wrote before.
  // READ_BEFORE: race ({{.*}}): kernel `global_read_before`: `llvm.store` {{.*}}, block (1, 0, 0), thread 0: writes what `llvm.load` {{.*}} by thread 0 reads, {{.*}} the other in block (0, 0, 0)
  gpu.func @global_read_before(%to: !llvm.ptr<1>) kernel {
    %c0 = arith.constant 0 : index
    %b = gpu.block_id x
    %is_first = arith.cmpi eq, %b, %c0 : index
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %place = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    scf.if %is_first {
      %value = llvm.load %place : !llvm.ptr<1> -> i32
    } else {
      llvm.store %thread, %place : i32, !llvm.ptr<1>
    }
    gpu.return
  }

  // A copy reads until its thread has waited for it.
  // COPIED: race ({{.*}}): kernel `global_copied`: `llvm.store` {{.*}}, thread 0: writes what a copy of thread 0, `nvvm.cp.async.shared.global` {{.*}} reads
  gpu.func @global_copied(%to: !llvm.ptr<1>) kernel {
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %target = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    %own = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    nvvm.cp.async.shared.global %target, %own, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    llvm.store %thread, %own : i32, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    llvm.store %thread, %own : i32, !llvm.ptr<1>
    gpu.return
  }

  // Each thread reads and writes a byte of its own.
  gpu.func @global_bytes(%to: !llvm.ptr<1>) kernel {
    %c1 = arith.constant 1 : i8
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
    %value = llvm.load %own : !llvm.ptr<1> -> i8
    %more = arith.addi %value, %c1 : i8
    llvm.store %more, %own : i8, !llvm.ptr<1>
    gpu.return
  }

  // Atomic updates need no order.
  gpu.func @atomic(%to: !llvm.ptr<1>) kernel {
    %c1 = arith.constant 1 : i32
    %old = llvm.atomicrmw add %to, %c1 monotonic : !llvm.ptr<1>, i32
    gpu.return
  }

  // Neighbours in a word are not one place.
  gpu.func @bytes(%to: !llvm.ptr<1>) kernel {
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i8
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i8) -> !llvm.ptr<3>, i8
    llvm.store %thread, %own : i8, !llvm.ptr<3>
    %global = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i8) -> !llvm.ptr<1>, i8
    llvm.store %thread, %global : i8, !llvm.ptr<1>
    gpu.return
  }

  // Lanes of a warp have a barrier of their own.
  gpu.func @warps() kernel {
    %c1 = arith.constant 1 : i32
    %all = arith.constant -1 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %neighbour = arith.xori %thread, %c1 : i32
    %other = llvm.getelementptr %shared[%neighbour] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<3>
    nvvm.bar.warp.sync %all : i32
    %value = llvm.load %other : !llvm.ptr<3> -> i32
    gpu.return
  }

  // That they are in one warp alone orders nothing.
  // NO_WARPS: race
  gpu.func @no_warps() kernel {
    %c1 = arith.constant 1 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %neighbour = arith.xori %thread, %c1 : i32
    %other = llvm.getelementptr %shared[%neighbour] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<3>
    %value = llvm.load %other : !llvm.ptr<3> -> i32
    gpu.return
  }

  // One warp writes and goes on; two read once it has come to the barrier.
  gpu.func @named() kernel {
    %c1 = arith.constant 1 : i32
    %c32 = arith.constant 32 : i32
    %c96 = arith.constant 96 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %writes = arith.cmpi ult, %thread, %c32 : i32
    scf.if %writes {
      %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
      llvm.store %thread, %own : i32, !llvm.ptr<3>
      nvvm.barrier.arrive id = %c1 number_of_threads = %c96
    } else {
      nvvm.barrier id = %c1 number_of_threads = %c96
      %value = llvm.load %shared : !llvm.ptr<3> -> i32
    }
    gpu.return
  }

  // It writes after it has come.
  // UNNAMED: race
  gpu.func @unnamed() kernel {
    %c1 = arith.constant 1 : i32
    %c32 = arith.constant 32 : i32
    %c96 = arith.constant 96 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %writes = arith.cmpi ult, %thread, %c32 : i32
    scf.if %writes {
      nvvm.barrier.arrive id = %c1 number_of_threads = %c96
      %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
      llvm.store %thread, %own : i32, !llvm.ptr<3>
    } else {
      nvvm.barrier id = %c1 number_of_threads = %c96
      %value = llvm.load %shared : !llvm.ptr<3> -> i32
    }
    gpu.return
  }
}
