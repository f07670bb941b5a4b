// RUN: gpu-sim-run %s --kernel words --block 64 --shared 8192 --counts 2>&1 | FileCheck %s --check-prefix=WORDS
// RUN: gpu-sim-run %s --kernel bytes --block 64 --shared 8192 --counts 2>&1 | FileCheck %s --check-prefix=BYTES
// RUN: gpu-sim-run %s --kernel pairs --block 64 --shared 8192 --counts 2>&1 | FileCheck %s --check-prefix=PAIRS
// RUN: gpu-sim-run %s --kernel columns --block 64 --shared 8192 --counts 2>&1 | FileCheck %s --check-prefix=COLUMNS
// RUN: gpu-sim-run %s --kernel quarters --block 64 --shared 8192 --counts 2>&1 | FileCheck %s --check-prefix=QUARTERS
// RUN: gpu-sim-run %s --kernel rows --block 64 --shared 8192 --counts 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: gpu-sim-run %s --kernel one_word --block 64 --shared 8192 --counts bytes=256 2>&1 | FileCheck %s --check-prefix=ONE_WORD
// RUN: gpu-sim-run %s --kernel times --block 33 --shared 8192 --counts 2>&1 | FileCheck %s --check-prefix=TIMES

// Plain accesses to shared memory, and how often its banks are needed for them.
gpu.module @kernels {
  // Neighbours: all banks, once for each of two warps.
  // WORDS: 2 accesses in 2 phases
  gpu.func @words() kernel {
    %factor = arith.constant 1 : i32
    %value = arith.constant 1 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %place = arith.muli %thread, %factor : i32
    %own = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %value, %own {alignment = 4 : i64} : i32, !llvm.ptr<3>
    gpu.return
  }

  // Four lanes have one word.
  // BYTES: 2 accesses in 2 phases
  gpu.func @bytes() kernel {
    %factor = arith.constant 1 : i32
    %value = arith.constant 1 : i8
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %place = arith.muli %thread, %factor : i32
    %own = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    llvm.store %value, %own {alignment = 1 : i64} : i8, !llvm.ptr<3>
    gpu.return
  }

  // Every other word: half of the banks have two.
  // PAIRS: 2 accesses in 4 phases
  gpu.func @pairs() kernel {
    %factor = arith.constant 2 : i32
    %value = arith.constant 1 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %place = arith.muli %thread, %factor : i32
    %own = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %value, %own {alignment = 4 : i64} : i32, !llvm.ptr<3>
    gpu.return
  }

  // A column of a matrix with rows of 128 bytes is all in one bank.
  // COLUMNS: 2 accesses in 64 phases
  gpu.func @columns() kernel {
    %factor = arith.constant 32 : i32
    %value = arith.constant 1 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %place = arith.muli %thread, %factor : i32
    %own = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %value, %own {alignment = 4 : i64} : i32, !llvm.ptr<3>
    gpu.return
  }

  // Sixteen bytes a lane take four times, as they must.
  // QUARTERS: 8 accesses in 8 phases
  gpu.func @quarters() kernel {
    %factor = arith.constant 1 : i32
    %value = arith.constant dense<1> : vector<4xi32>
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %place = arith.muli %thread, %factor : i32
    %own = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    llvm.store %value, %own {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    gpu.return
  }

  // Half of the banks have sixteen bytes of every other lane, two of them.
  // ROWS: 8 accesses in 16 phases
  gpu.func @rows() kernel {
    %factor = arith.constant 2 : i32
    %value = arith.constant dense<1> : vector<4xi32>
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %place = arith.muli %thread, %factor : i32
    %own = llvm.getelementptr %shared[%place] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    llvm.store %value, %own {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
    gpu.return
  }

  // All lanes read one word, which is given to all at once.
  // ONE_WORD: 2 accesses in 2 phases
  gpu.func @one_word(%to: !llvm.ptr<1>) kernel {
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %value = llvm.load %shared : !llvm.ptr<3> -> i32
    gpu.return
  }

  // Three times at one place, with 32 lanes and one: each time of each warp is one access.
  // TIMES: 6 accesses in 6 phases
  gpu.func @times() kernel {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c3 = arith.constant 3 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    scf.for %i = %c0 to %c3 step %c1 : i32 {
      llvm.store %i, %own : i32, !llvm.ptr<3>
    }
    gpu.return
  }
}
