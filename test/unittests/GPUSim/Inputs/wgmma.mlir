// C = A * B^T of s8, with i32 sums: blocks of 64x16 by one warpgroup, 32 bytes of K a step, three stages of tensor copies that an mbarrier
// each counts. Tensor maps bring zeros from outside; stores are masked.
!sums = !llvm.struct<(i32, i32, i32, i32, i32, i32, i32, i32)>
gpu.module @kernels {
  gpu.func @matmul(%c: !llvm.ptr<1>, %rows: i32, %columns: i32, %steps: i32,
                   %a: !llvm.ptr {llvm.byval = !llvm.array<16 x i64>, llvm.align = 64 : i64},
                   %b: !llvm.ptr {llvm.byval = !llvm.array<16 x i64>, llvm.align = 64 : i64}) kernel {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c8 = arith.constant 8 : i32
    %c16 = arith.constant 16 : i32
    %c32 = arith.constant 32 : i32
    %c64 = arith.constant 64 : i32
    %ticks = arith.constant 1000 : i32
    %aBytes = arith.constant 2048 : i32
    %stageBytes = arith.constant 3072 : i32
    %boxBytes = arith.constant 2560 : i32
    %barriersAt = arith.constant 9216 : i32
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %bx = gpu.block_id x
    %blockX = arith.index_cast %bx : index to i32
    %by = gpu.block_id y
    %blockY = arith.index_cast %by : index to i32
    %memory = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %place = memref.extract_aligned_pointer_as_index %memory : memref<?xi8, #gpu.address_space<workgroup>> -> index
    %address = arith.index_cast %place : index to i64
    %shared = llvm.inttoptr %address : i64 to !llvm.ptr<3>
    %barriers = llvm.getelementptr %shared[%barriersAt] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %firstRow = arith.muli %blockY, %c64 : i32
    %firstColumn = arith.muli %blockX, %c16 : i32
    %isFirst = arith.cmpi eq, %thread, %c0 : i32
    scf.if %isFirst {
      scf.for %stage = %c0 to %c3 step %c1 : i32 {
        %barrier = llvm.getelementptr %barriers[%stage] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
        nvvm.mbarrier.init %barrier, %c1 : !llvm.ptr<3>, i32
      }
      nvvm.fence.mbarrier.init
      scf.for %stage = %c0 to %c3 step %c1 : i32 {
        %more = arith.cmpi ult, %stage, %steps : i32
        scf.if %more {
          %barrier = llvm.getelementptr %barriers[%stage] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
          %stagePlace = arith.muli %stage, %stageBytes : i32
          %aTo = llvm.getelementptr %shared[%stagePlace] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          %bTo = llvm.getelementptr %aTo[%aBytes] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
          %k = arith.muli %stage, %c32 : i32
          nvvm.mbarrier.arrive.expect_tx %barrier, %boxBytes : !llvm.ptr<3>, i32
          nvvm.cp.async.bulk.tensor.shared.cluster.global %aTo, %a, %barrier, box[%k, %firstRow] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
          nvvm.cp.async.bulk.tensor.shared.cluster.global %bTo, %b, %barrier, box[%k, %firstColumn] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
        }
      }
    }
    gpu.barrier

    // Rows of 32 bytes, swizzled; eight of them are 256 bytes.
    %layout = arith.constant 0xC000001000010000 : i64
    %window = arith.constant 0x3FFFF : i64
    %four = arith.constant 4 : i64
    %none = llvm.mlir.zero : !sums
    %sums = scf.for %step = %c0 to %steps step %c1 iter_args(%sum = %none) -> (!sums) : i32 {
      %stage = arith.remui %step, %c3 : i32
      %round = arith.divui %step, %c3 : i32
      %parity = arith.andi %round, %c1 : i32
      %barrier = llvm.getelementptr %barriers[%stage] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i64
      nvvm.mbarrier.try_wait.parity %barrier, %parity, %ticks : !llvm.ptr<3>, i32, i32
      %stagePlace = arith.muli %stage, %stageBytes : i32
      %aAt = llvm.getelementptr %shared[%stagePlace] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      %bAt = llvm.getelementptr %aAt[%aBytes] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      %aNumber = llvm.ptrtoint %aAt : !llvm.ptr<3> to i64
      %bNumber = llvm.ptrtoint %bAt : !llvm.ptr<3> to i64
      %aInside = arith.andi %aNumber, %window : i64
      %bInside = arith.andi %bNumber, %window : i64
      %aStart = arith.shrui %aInside, %four : i64
      %bStart = arith.shrui %bInside, %four : i64
      %aDescriptor = arith.ori %aStart, %layout : i64
      %bDescriptor = arith.ori %bStart, %layout : i64
      nvvm.wgmma.fence.aligned
      %product = nvvm.wgmma.mma_async %aDescriptor, %bDescriptor, %sum, <m = 64, n = 16, k = 32>, D[<s32>, <one>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>] : !sums -> !sums
      nvvm.wgmma.commit.group.sync.aligned
      nvvm.wgmma.wait.group.sync.aligned 0
      gpu.barrier
      %next = arith.addi %step, %c3 : i32
      %more = arith.cmpi ult, %next, %steps : i32
      %loads = arith.andi %isFirst, %more : i1
      scf.if %loads {
        %k = arith.muli %next, %c32 : i32
        nvvm.mbarrier.arrive.expect_tx %barrier, %boxBytes : !llvm.ptr<3>, i32
        nvvm.cp.async.bulk.tensor.shared.cluster.global %aAt, %a, %barrier, box[%k, %firstRow] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
        nvvm.cp.async.bulk.tensor.shared.cluster.global %bAt, %b, %barrier, box[%k, %firstColumn] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
      }
      scf.yield %product : !sums
    }

    %warp = arith.divui %thread, %c32 : i32
    %lane = arith.remui %thread, %c32 : i32
    %quad = arith.divui %lane, %c4 : i32
    %inQuad = arith.remui %lane, %c4 : i32
    %pair = arith.muli %inQuad, %c2 : i32
    %warpRow = arith.muli %warp, %c16 : i32
    %rowOfWarp = arith.addi %firstRow, %warpRow : i32
    %upper = arith.addi %rowOfWarp, %quad : i32
    %lower = arith.addi %upper, %c8 : i32
    %left = arith.addi %firstColumn, %pair : i32
    %right = arith.addi %left, %c8 : i32
    %s0 = llvm.extractvalue %sums[0] : !sums
    %s1 = llvm.extractvalue %sums[1] : !sums
    %s2 = llvm.extractvalue %sums[2] : !sums
    %s3 = llvm.extractvalue %sums[3] : !sums
    %s4 = llvm.extractvalue %sums[4] : !sums
    %s5 = llvm.extractvalue %sums[5] : !sums
    %s6 = llvm.extractvalue %sums[6] : !sums
    %s7 = llvm.extractvalue %sums[7] : !sums
    %hasUpper = arith.cmpi ult, %upper, %rows : i32
    %hasLower = arith.cmpi ult, %lower, %rows : i32
    %hasLeft = arith.cmpi ult, %left, %columns : i32
    %hasRight = arith.cmpi ult, %right, %columns : i32
    %upperPitch = arith.muli %upper, %columns : i32
    %lowerPitch = arith.muli %lower, %columns : i32
    %e0 = arith.addi %upperPitch, %left : i32
    %e1 = arith.addi %lowerPitch, %left : i32
    %p0 = llvm.getelementptr %c[%e0] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p1 = llvm.getelementptr %c[%e1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p2 = llvm.getelementptr %p0[8] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %p3 = llvm.getelementptr %p1[8] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    %v0 = vector.from_elements %s0, %s1 : vector<2xi32>
    %v1 = vector.from_elements %s2, %s3 : vector<2xi32>
    %v2 = vector.from_elements %s4, %s5 : vector<2xi32>
    %v3 = vector.from_elements %s6, %s7 : vector<2xi32>
    %m0 = arith.andi %hasUpper, %hasLeft : i1
    %m1 = arith.andi %hasLower, %hasLeft : i1
    %m2 = arith.andi %hasUpper, %hasRight : i1
    %m3 = arith.andi %hasLower, %hasRight : i1
    scf.if %m0 {
      llvm.store %v0, %p0 {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
    }
    scf.if %m1 {
      llvm.store %v1, %p1 {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
    }
    scf.if %m2 {
      llvm.store %v2, %p2 {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
    }
    scf.if %m3 {
      llvm.store %v3, %p3 {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
    }
    gpu.return
  }
}
