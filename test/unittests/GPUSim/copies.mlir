// Copies and products that go on after the thread that started them.
// RUN: gpu-sim-run %s --kernel waited --block 32 --shared 512 bytes=512
// RUN: not gpu-sim-run %s --kernel early --block 32 --shared 512 bytes=512 | FileCheck %s --check-prefix=EARLY
// RUN: not gpu-sim-run %s --kernel others --block 64 --shared 512 bytes=512 | FileCheck %s --check-prefix=OTHERS
// RUN: not gpu-sim-run %s --kernel never --block 32 --shared 512 bytes=512 | FileCheck %s --check-prefix=NEVER
// RUN: gpu-sim-run %s --kernel bulk --block 32 --shared 512 bytes=512
// RUN: not gpu-sim-run %s --kernel unfenced --block 32 --shared 512 bytes=512 | FileCheck %s --check-prefix=UNFENCED
// RUN: not gpu-sim-run %s --kernel parity --block 32 --shared 512 bytes=512 | FileCheck %s --check-prefix=PARITY
// RUN: not gpu-sim-run %s --kernel fewer_bytes --block 32 --shared 512 bytes=512 | FileCheck %s --check-prefix=FEWER
// RUN: not gpu-sim-run %s --kernel no_mbarrier --block 32 --shared 512 | FileCheck %s --check-prefix=NONE
// RUN: gpu-sim-run %s --kernel store --block 32 --shared 512 bytes=512
// RUN: not gpu-sim-run %s --kernel store_unfenced --block 32 --shared 512 bytes=512 | FileCheck %s --check-prefix=STORE
// RUN: not gpu-sim-run %s --kernel store_left --block 32 --shared 512 bytes=512 | FileCheck %s --check-prefix=LEFT
// RUN: gpu-sim-run %s --kernel product --block 128 --shared 4096
// RUN: not gpu-sim-run %s --kernel product_early --block 128 --shared 4096 | FileCheck %s --check-prefix=PRODUCT
// RUN: not gpu-sim-run %s --kernel product_written --block 128 --shared 4096 | FileCheck %s --check-prefix=WRITTEN
// RUN: not gpu-sim-run %s --kernel product_unfenced --block 128 --shared 4096 | FileCheck %s --check-prefix=REGISTERS

!sums = !llvm.struct<(i32, i32, i32, i32)>
gpu.module @kernels {
  gpu.func @waited(%from: !llvm.ptr<1>) kernel {
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %source = llvm.getelementptr %from[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %target = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    nvvm.cp.async.shared.global %target, %source, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 0
    %value = llvm.load %target : !llvm.ptr<3> -> i32
    gpu.return
  }

  // EARLY: race (32): kernel `early`: `llvm.load` {{.*}}, thread 0: reads what a copy of thread 0, `nvvm.cp.async.shared.global` {{.*}} writes, and nothing says which comes first
  gpu.func @early(%from: !llvm.ptr<1>) kernel {
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %source = llvm.getelementptr %from[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %target = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    nvvm.cp.async.shared.global %target, %source, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    %value = llvm.load %target : !llvm.ptr<3> -> i32
    nvvm.cp.async.wait.group 0
    gpu.return
  }

  // A barrier says nothing of copies that their threads have not waited for.
  // OTHERS: race (32): kernel `others`: `llvm.load` {{.*}}: reads what a copy of thread 0
  gpu.func @others(%from: !llvm.ptr<1>) kernel {
    %c32 = arith.constant 32 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %copies = arith.cmpi ult, %thread, %c32 : i32
    scf.if %copies {
      %source = llvm.getelementptr %from[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
      %target = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
      nvvm.cp.async.shared.global %target, %source, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    }
    gpu.barrier
    scf.if %copies {
      nvvm.cp.async.commit.group
      nvvm.cp.async.wait.group 0
    } else {
      %value = llvm.load %shared : !llvm.ptr<3> -> i32
    }
    gpu.return
  }

  // NEVER: in flight (32): kernel `never`: `nvvm.cp.async.shared.global` {{.*}}: the thread ends and has not waited for this copy
  gpu.func @never(%from: !llvm.ptr<1>) kernel {
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %source = llvm.getelementptr %from[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
    %target = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, vector<4xi32>
    nvvm.cp.async.shared.global %target, %source, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    gpu.return
  }

  // One thread copies, all wait for the mbarrier.
  gpu.func @bulk(%from: !llvm.ptr<1>) kernel {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %bytes = arith.constant 256 : i32
    %ticks = arith.constant 1000 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %barrier = llvm.getelementptr %shared[256] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    scf.if %isFirst {
      nvvm.mbarrier.init %barrier, %c1 : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
      nvvm.mbarrier.arrive.expect_tx %barrier, %bytes : !llvm.ptr<3>, i32
      nvvm.cp.async.bulk.shared.cluster.global %cluster, %from, %barrier, %bytes : !llvm.ptr<7>, !llvm.ptr<1>
    }
    gpu.barrier
    nvvm.mbarrier.try_wait.parity %barrier, %c0, %ticks : !llvm.ptr<3>, i32, i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %value = llvm.load %own : !llvm.ptr<3> -> i32
    gpu.return
  }

  // UNFENCED: unfenced (1): kernel `unfenced`: `nvvm.cp.async.bulk.shared.cluster.global` {{.*}}: its mbarrier was made by `nvvm.mbarrier.init` {{.*}} by thread 0 without a `fence.mbarrier.init`
  gpu.func @unfenced(%from: !llvm.ptr<1>) kernel {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %bytes = arith.constant 256 : i32
    %ticks = arith.constant 1000 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %barrier = llvm.getelementptr %shared[256] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    scf.if %isFirst {
      nvvm.mbarrier.init %barrier, %c1 : !llvm.ptr<3>, i32
      nvvm.mbarrier.arrive.expect_tx %barrier, %bytes : !llvm.ptr<3>, i32
      nvvm.cp.async.bulk.shared.cluster.global %cluster, %from, %barrier, %bytes : !llvm.ptr<7>, !llvm.ptr<1>
      nvvm.mbarrier.try_wait.parity %barrier, %c0, %ticks : !llvm.ptr<3>, i32, i32
    }
    gpu.return
  }

  // The phase before the first has ended, so the wait is none.
  // PARITY: race ({{.*}}): kernel `parity`: `llvm.load` {{.*}}: reads what a bulk copy, `nvvm.cp.async.bulk.shared.cluster.global`
  // PARITY: in flight (1): {{.*}}: the block ends and nobody has waited for this copy
  gpu.func @parity(%from: !llvm.ptr<1>) kernel {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %bytes = arith.constant 256 : i32
    %ticks = arith.constant 1000 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %barrier = llvm.getelementptr %shared[256] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    scf.if %isFirst {
      nvvm.mbarrier.init %barrier, %c1 : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
      nvvm.mbarrier.arrive.expect_tx %barrier, %bytes : !llvm.ptr<3>, i32
      nvvm.cp.async.bulk.shared.cluster.global %cluster, %from, %barrier, %bytes : !llvm.ptr<7>, !llvm.ptr<1>
    }
    gpu.barrier
    nvvm.mbarrier.try_wait.parity %barrier, %c1, %ticks : !llvm.ptr<3>, i32, i32
    %value = llvm.load %shared : !llvm.ptr<3> -> i32
    gpu.return
  }

  // FEWER: deadlock (1): kernel `fewer_bytes`: deadlock in block (0, 0, 0): 32 threads from thread 0 on wait for an mbarrier, `nvvm.mbarrier.try_wait.parity` at
  gpu.func @fewer_bytes(%from: !llvm.ptr<1>) kernel {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %bytes = arith.constant 256 : i32
    %fewer = arith.constant 240 : i32
    %ticks = arith.constant 1000 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %barrier = llvm.getelementptr %shared[256] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i8
    %cluster = llvm.addrspacecast %shared : !llvm.ptr<3> to !llvm.ptr<7>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    scf.if %isFirst {
      nvvm.mbarrier.init %barrier, %c1 : !llvm.ptr<3>, i32
      nvvm.fence.mbarrier.init
      nvvm.mbarrier.arrive.expect_tx %barrier, %bytes : !llvm.ptr<3>, i32
      nvvm.cp.async.bulk.shared.cluster.global %cluster, %from, %barrier, %fewer : !llvm.ptr<7>, !llvm.ptr<1>
    }
    gpu.barrier
    nvvm.mbarrier.try_wait.parity %barrier, %c0, %ticks : !llvm.ptr<3>, i32, i32
    gpu.return
  }

  // NONE: illegal (1): kernel `no_mbarrier`: `nvvm.mbarrier.try_wait.parity` {{.*}}: there is no mbarrier at 1024; `mbarrier.init` makes one
  gpu.func @no_mbarrier() kernel {
    %c0 = arith.constant 0 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    nvvm.mbarrier.try_wait.parity %shared, %c0, %c0 : !llvm.ptr<3>, i32, i32
    gpu.return
  }

  // What a bulk copy stores was written by ordinary stores: a fence between them, and a barrier.
  gpu.func @store(%to: !llvm.ptr<1>) kernel {
    %c0 = arith.constant 0 : i32
    %bytes = arith.constant 128 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<3>
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
    gpu.barrier
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    scf.if %isFirst {
      nvvm.cp.async.bulk.global.shared.cta %to, %shared, %bytes : !llvm.ptr<1>, !llvm.ptr<3>
      nvvm.cp.async.bulk.commit.group
      nvvm.cp.async.bulk.wait_group 0 {read}
    }
    gpu.return
  }

  // STORE: unfenced (1): kernel `store_unfenced`: `nvvm.cp.async.bulk.global.shared.cta` {{.*}}: an asynchronous read of what `llvm.store` {{.*}} by thread 0 wrote, without a `fence.proxy.async` between them
  gpu.func @store_unfenced(%to: !llvm.ptr<1>) kernel {
    %c0 = arith.constant 0 : i32
    %bytes = arith.constant 128 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = llvm.getelementptr %shared[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %thread, %own : i32, !llvm.ptr<3>
    gpu.barrier
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    scf.if %isFirst {
      nvvm.cp.async.bulk.global.shared.cta %to, %shared, %bytes : !llvm.ptr<1>, !llvm.ptr<3>
      nvvm.cp.async.bulk.commit.group
      nvvm.cp.async.bulk.wait_group 0 {read}
    }
    gpu.return
  }

  // LEFT: in flight (1): kernel `store_left`: `nvvm.cp.async.bulk.global.shared.cta` {{.*}}: the thread ends and has not waited until this copy has read shared memory
  gpu.func @store_left(%to: !llvm.ptr<1>) kernel {
    %c0 = arith.constant 0 : i32
    %bytes = arith.constant 128 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    scf.if %isFirst {
      nvvm.cp.async.bulk.global.shared.cta %to, %shared, %bytes : !llvm.ptr<1>, !llvm.ptr<3>
      nvvm.cp.async.bulk.commit.group
    }
    gpu.return
  }

  // A product is waited for before its sums are looked at.
  gpu.func @product() kernel {
    %descriptor = arith.constant 0xC000001000010040 : i64
    %none = llvm.mlir.zero : !sums
    nvvm.wgmma.fence.aligned
    %sums = nvvm.wgmma.mma_async %descriptor, %descriptor, %none, <m = 64, n = 8, k = 32>, D[<s32>, <one>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>] : !sums -> !sums
    nvvm.wgmma.commit.group.sync.aligned
    nvvm.wgmma.wait.group.sync.aligned 0
    %x = llvm.extractvalue %sums[0] : !sums
    gpu.return
  }

  // PRODUCT: in flight (128): kernel `product_early`: `llvm.extractvalue` {{.*}}: accumulators are read, and the thread has not waited for the product that writes them
  gpu.func @product_early() kernel {
    %descriptor = arith.constant 0xC000001000010040 : i64
    %none = llvm.mlir.zero : !sums
    nvvm.wgmma.fence.aligned
    %sums = nvvm.wgmma.mma_async %descriptor, %descriptor, %none, <m = 64, n = 8, k = 32>, D[<s32>, <one>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>] : !sums -> !sums
    nvvm.wgmma.commit.group.sync.aligned
    %x = llvm.extractvalue %sums[0] : !sums
    nvvm.wgmma.wait.group.sync.aligned 0
    gpu.return
  }

  // WRITTEN: unfenced (128): kernel `product_written`: `nvvm.wgmma.mma_async` {{.*}}: the thread has read or written the accumulators, without a `wgmma.fence` after that
  gpu.func @product_written() kernel {
    %c1 = arith.constant 1 : i32
    %descriptor = arith.constant 0xC000001000010040 : i64
    %none = llvm.mlir.zero : !sums
    nvvm.wgmma.fence.aligned
    %start = llvm.insertvalue %c1, %none[0] : !sums
    %sums = nvvm.wgmma.mma_async %descriptor, %descriptor, %start, <m = 64, n = 8, k = 32>, D[<s32>, <one>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>] : !sums -> !sums
    nvvm.wgmma.commit.group.sync.aligned
    nvvm.wgmma.wait.group.sync.aligned 0
    gpu.return
  }

  // REGISTERS: unfenced (128): kernel `product_unfenced`: `nvvm.wgmma.mma_async` {{.*}}: the first product of a warpgroup comes without a `wgmma.fence` before it
  gpu.func @product_unfenced() kernel {
    %descriptor = arith.constant 0xC000001000010040 : i64
    %none = llvm.mlir.zero : !sums
    %sums = nvvm.wgmma.mma_async %descriptor, %descriptor, %none, <m = 64, n = 8, k = 32>, D[<s32>, <one>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>] : !sums -> !sums
    nvvm.wgmma.commit.group.sync.aligned
    nvvm.wgmma.wait.group.sync.aligned 0
    gpu.return
  }
}
