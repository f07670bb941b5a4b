// Tensor memory of a block: who may use it, and when.
// RUN: gpu-sim-run %s --kernel right --block 128 --shared 16640
// RUN: gpu-sim-run %s --kernel right --block 128 --shared 16640 --order random
// RUN: not gpu-sim-run %s --kernel unallocated --block 128 --shared 16640 | FileCheck %s --check-prefix=UNALLOCATED
// RUN: not gpu-sim-run %s --kernel kept --block 128 --shared 16640 | FileCheck %s --check-prefix=KEPT
// RUN: not gpu-sim-run %s --kernel full --block 32 --shared 16640 | FileCheck %s --check-prefix=FULL
// RUN: not gpu-sim-run %s --kernel late --block 32 --shared 16640 | FileCheck %s --check-prefix=LATE
// RUN: not gpu-sim-run %s --kernel odd --block 32 --shared 16640 | FileCheck %s --check-prefix=ODD
// RUN: not gpu-sim-run %s --kernel part --block 32 --shared 16640 | FileCheck %s --check-prefix=PART
// RUN: not gpu-sim-run %s --kernel lanes --block 128 --shared 16640 | FileCheck %s --check-prefix=LANES
// RUN: not gpu-sim-run %s --kernel unwritten --block 128 --shared 16640 | FileCheck %s --check-prefix=UNWRITTEN
// RUN: not gpu-sim-run %s --kernel unwaited --block 128 --shared 16640 | FileCheck %s --check-prefix=UNWAITED
// RUN: not gpu-sim-run %s --kernel uncommitted --block 128 --shared 16640 | FileCheck %s --check-prefix=UNCOMMITTED
// RUN: not gpu-sim-run %s --kernel descriptor --block 128 --shared 16640 | FileCheck %s --check-prefix=DESCRIPTOR

gpu.module @kernels {
  // 128 rows by 16 of zeros: four warps load their lanes. The mbarrier and the address lie behind them.
  gpu.func @right() kernel {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c5 = arith.constant 5 : i32
    %c32 = arith.constant 32 : i32
    %ticks = arith.constant 100 : i32
    %base = arith.constant 1024 : i64
    %false = arith.constant false
    // Eight rows of 128 bytes after one another, swizzled; s8 by s8 of N = 16, M = 128.
    %matrix = arith.constant 0x4000404000010040 : i64
    %instruction = arith.constant 0x80404A0 : i32
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %barrier = llvm.getelementptr %shared[16384] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %slot = llvm.getelementptr %shared[16392] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %warp = arith.shrui %thread, %c5 : i32
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    %isFirstWarp = arith.cmpi eq, %warp, %c0 : i32
    scf.if %isFirst {
      nvvm.mbarrier.init %barrier, %c1 : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
    }
    scf.if %isFirstWarp {
      nvvm.tcgen05.alloc %slot, %c32 : !llvm.ptr<3>, i32
    }
    gpu.barrier
    %address = llvm.load %slot : !llvm.ptr<3> -> i32
    %sums = llvm.inttoptr %address : i32 to !llvm.ptr<6>
    scf.if %isFirst {
      nvvm.tcgen05.fence <after>
      nvvm.tcgen05.mma %sums, %matrix, %matrix, %instruction, %false {kind = #nvvm.tcgen05_mma_kind<i8>, ctaGroup = #nvvm.cta_group<cta_1>} : (!llvm.ptr<6>, i64, i64, i32, i1)
      nvvm.tcgen05.commit %barrier : !llvm.ptr<3>
    }
    nvvm.mbarrier.try_wait.parity %barrier, %c0, %ticks : !llvm.ptr<3>, i32, i32
    nvvm.tcgen05.fence <after>
    %c21 = arith.constant 21 : i32
    %lanes = arith.shli %warp, %c21 : i32
    %own = arith.addi %address, %lanes : i32
    %place = llvm.inttoptr %own : i32 to !llvm.ptr<6>
    %loaded = nvvm.tcgen05.ld %place {shape = #nvvm.tcgen05_ldst_shape<shape_32x32b>} : vector<16xi32>
    nvvm.tcgen05.wait <load>
    %sum = vector.extract %loaded[3] : i32 from vector<16xi32>
    nvvm.tcgen05.fence <before>
    gpu.barrier
    scf.if %isFirstWarp {
      nvvm.tcgen05.fence <after>
      nvvm.tcgen05.dealloc %sums, %c32 : !llvm.ptr<6>, i32
    }
    gpu.return
  }

  // UNALLOCATED: out of bounds (1): kernel `unallocated`: `nvvm.tcgen05.ld` at {{.*}}: columns 0 to 15 of tensor memory are not allocated
  gpu.func @unallocated() kernel {
    %c21 = arith.constant 21 : i32
    %c5 = arith.constant 5 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %warp = arith.shrui %thread, %c5 : i32
    %lanes = arith.shli %warp, %c21 : i32
    %place = llvm.inttoptr %lanes : i32 to !llvm.ptr<6>
    %loaded = nvvm.tcgen05.ld %place {shape = #nvvm.tcgen05_ldst_shape<shape_32x32b>} : vector<16xi32>
    gpu.return
  }

  // KEPT: illegal (1): kernel `kept`: `nvvm.tcgen05.alloc` at {{.*}}: the block ends and has not given back 64 columns of tensor memory
  gpu.func @kept() kernel {
    %c0 = arith.constant 0 : i32
    %c5 = arith.constant 5 : i32
    %c64 = arith.constant 64 : i32
    %base = arith.constant 1024 : i64
    %slot = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %warp = arith.shrui %thread, %c5 : i32
    %isFirstWarp = arith.cmpi eq, %warp, %c0 : i32
    scf.if %isFirstWarp {
      nvvm.tcgen05.alloc %slot, %c64 : !llvm.ptr<3>, i32
    }
    gpu.return
  }

  // FULL: deadlock (1): kernel `full`: `nvvm.tcgen05.alloc` at {{.*}}: so many columns are not free, and it waits for the block itself to give them back
  gpu.func @full() kernel {
    %c32 = arith.constant 32 : i32
    %c512 = arith.constant 512 : i32
    %base = arith.constant 1024 : i64
    %slot = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %other = llvm.getelementptr %slot[4] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    nvvm.tcgen05.alloc %slot, %c512 : !llvm.ptr<3>, i32
    nvvm.tcgen05.alloc %other, %c32 : !llvm.ptr<3>, i32
    gpu.return
  }

  // LATE: illegal (1): kernel `late`: `nvvm.tcgen05.alloc` at {{.*}}: the block has given up allocating
  gpu.func @late() kernel {
    %c32 = arith.constant 32 : i32
    %base = arith.constant 1024 : i64
    %slot = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    nvvm.tcgen05.relinquish_alloc_permit
    nvvm.tcgen05.alloc %slot, %c32 : !llvm.ptr<3>, i32
    gpu.return
  }

  // ODD: illegal (1): kernel `odd`: `nvvm.tcgen05.alloc` at {{.*}}: 96 columns; expected a power of two from 32 to 512
  gpu.func @odd() kernel {
    %c96 = arith.constant 96 : i32
    %base = arith.constant 1024 : i64
    %slot = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    nvvm.tcgen05.alloc %slot, %c96 : !llvm.ptr<3>, i32
    gpu.return
  }

  // PART: illegal (1): kernel `part`: `nvvm.tcgen05.dealloc` at {{.*}}: 32 columns at 448 were not allocated together
  gpu.func @part() kernel {
    %c32 = arith.constant 32 : i32
    %c64 = arith.constant 64 : i32
    %base = arith.constant 1024 : i64
    %slot = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    nvvm.tcgen05.alloc %slot, %c64 : !llvm.ptr<3>, i32
    %address = llvm.load %slot : !llvm.ptr<3> -> i32
    %sums = llvm.inttoptr %address : i32 to !llvm.ptr<6>
    nvvm.tcgen05.dealloc %sums, %c32 : !llvm.ptr<6>, i32
    gpu.return
  }

  // LANES: illegal (1): kernel `lanes`: `nvvm.tcgen05.ld` at {{.*}}: warp 1 reads lanes 32 to 63 of tensor memory, not from 0 on
  gpu.func @lanes() kernel {
    %c32 = arith.constant 32 : i32
    %c0 = arith.constant 0 : i32
    %c5 = arith.constant 5 : i32
    %c1 = arith.constant 1 : i32
    %base = arith.constant 1024 : i64
    %slot = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %warp = arith.shrui %thread, %c5 : i32
    %isSecond = arith.cmpi eq, %warp, %c1 : i32
    %place = llvm.inttoptr %c0 : i32 to !llvm.ptr<6>
    scf.if %isSecond {
      nvvm.tcgen05.alloc %slot, %c32 : !llvm.ptr<3>, i32
      %loaded = nvvm.tcgen05.ld %place {shape = #nvvm.tcgen05_ldst_shape<shape_16x256b>} : vector<8xi32>
    }
    gpu.return
  }

  // UNWRITTEN: in flight ({{.*}}): kernel `unwritten`: `nvvm.tcgen05.ld` at {{.*}}: reads columns of tensor memory that nothing has written
  gpu.func @unwritten() kernel {
    %c32 = arith.constant 32 : i32
    %c0 = arith.constant 0 : i32
    %c5 = arith.constant 5 : i32
    %base = arith.constant 1024 : i64
    %slot = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %warp = arith.shrui %thread, %c5 : i32
    %isFirst = arith.cmpi eq, %warp, %c0 : i32
    scf.if %isFirst {
      nvvm.tcgen05.alloc %slot, %c32 : !llvm.ptr<3>, i32
      %address = llvm.load %slot : !llvm.ptr<3> -> i32
      %place = llvm.inttoptr %address : i32 to !llvm.ptr<6>
      %loaded = nvvm.tcgen05.ld %place {shape = #nvvm.tcgen05_ldst_shape<shape_16x256b>} : vector<8xi32>
      nvvm.tcgen05.wait <load>
      nvvm.tcgen05.fence <before>
      nvvm.tcgen05.dealloc %place, %c32 : !llvm.ptr<6>, i32
    }
    gpu.return
  }

  // UNWAITED: in flight ({{.*}}): kernel `unwaited`: `vector.extract` at {{.*}}: uses a register that `tcgen05.ld` fills, without a `tcgen05.wait::ld` before
  gpu.func @unwaited() kernel {
    %c32 = arith.constant 32 : i32
    %c0 = arith.constant 0 : i32
    %c5 = arith.constant 5 : i32
    %base = arith.constant 1024 : i64
    %slot = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %warp = arith.shrui %thread, %c5 : i32
    %isFirst = arith.cmpi eq, %warp, %c0 : i32
    scf.if %isFirst {
      nvvm.tcgen05.alloc %slot, %c32 : !llvm.ptr<3>, i32
      %address = llvm.load %slot : !llvm.ptr<3> -> i32
      %place = llvm.inttoptr %address : i32 to !llvm.ptr<6>
      %loaded = nvvm.tcgen05.ld %place {shape = #nvvm.tcgen05_ldst_shape<shape_16x256b>} : vector<8xi32>
      %sum = vector.extract %loaded[3] : i32 from vector<8xi32>
      nvvm.tcgen05.wait <load>
    }
    gpu.return
  }

  // UNCOMMITTED: in flight (1): kernel `uncommitted`: `nvvm.tcgen05.mma` at {{.*}}: the block ends and nobody has waited for this product
  // DESCRIPTOR: illegal (1): kernel `descriptor`: `nvvm.tcgen05.mma` at {{.*}}: products of other than 128 rows have no model
  gpu.func @uncommitted() kernel {
    %c0 = arith.constant 0 : i32
    %c32 = arith.constant 32 : i32
    %c5 = arith.constant 5 : i32
    %base = arith.constant 1024 : i64
    %false = arith.constant false
    %matrix = arith.constant 0x4000404000010040 : i64
    %instruction = arith.constant 0x80404A0 : i32
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %slot = llvm.getelementptr %shared[16392] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %warp = arith.shrui %thread, %c5 : i32
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    %isFirstWarp = arith.cmpi eq, %warp, %c0 : i32
    scf.if %isFirstWarp {
      nvvm.tcgen05.alloc %slot, %c32 : !llvm.ptr<3>, i32
      %address = llvm.load %slot : !llvm.ptr<3> -> i32
      %sums = llvm.inttoptr %address : i32 to !llvm.ptr<6>
      scf.if %isFirst {
        nvvm.tcgen05.mma %sums, %matrix, %matrix, %instruction, %false {kind = #nvvm.tcgen05_mma_kind<i8>, ctaGroup = #nvvm.cta_group<cta_1>} : (!llvm.ptr<6>, i64, i64, i32, i1)
      }
    }
    gpu.return
  }

  gpu.func @descriptor() kernel {
    %c0 = arith.constant 0 : i32
    %c32 = arith.constant 32 : i32
    %c5 = arith.constant 5 : i32
    %base = arith.constant 1024 : i64
    %false = arith.constant false
    %matrix = arith.constant 0x4000404000010040 : i64
    %instruction = arith.constant 0x40404A0 : i32
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %slot = llvm.getelementptr %shared[16392] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %warp = arith.shrui %thread, %c5 : i32
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    %isFirstWarp = arith.cmpi eq, %warp, %c0 : i32
    scf.if %isFirstWarp {
      nvvm.tcgen05.alloc %slot, %c32 : !llvm.ptr<3>, i32
      %address = llvm.load %slot : !llvm.ptr<3> -> i32
      %sums = llvm.inttoptr %address : i32 to !llvm.ptr<6>
      scf.if %isFirst {
        nvvm.tcgen05.mma %sums, %matrix, %matrix, %instruction, %false {kind = #nvvm.tcgen05_mma_kind<i8>, ctaGroup = #nvvm.cta_group<cta_1>} : (!llvm.ptr<6>, i64, i64, i32, i1)
      }
    }
    gpu.return
  }
}
