// C = A * B^T of s8, with i32 sums: blocks of 32x32 by four warps, 32 bytes of K a step, three stages of cp.async. Rows in shared memory are
// 48 bytes apart, which needs no swizzle. The sizes are multiples of 32.
gpu.module @kernels {
  gpu.func @matmul(%a: !llvm.ptr<1>, %b: !llvm.ptr<1>, %c: !llvm.ptr<1>, %columns: i32, %depth: i32) kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c3 = arith.constant 3 : i32
    %c4 = arith.constant 4 : i32
    %c8 = arith.constant 8 : i32
    %c16 = arith.constant 16 : i32
    %c32 = arith.constant 32 : i32
    %c48 = arith.constant 48 : i32
    %c64 = arith.constant 64 : i32
    %tileBytes = arith.constant 1536 : i32
    %stageBytes = arith.constant 3072 : i32
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

    // What a thread copies: one piece of 16 bytes of A or B.
    %side = arith.divui %thread, %c64 : i32
    %isA = arith.cmpi eq, %side, %c0 : i32
    %from = arith.select %isA, %a, %b : !llvm.ptr<1>
    %blockRow = arith.select %isA, %blockY, %blockX : i32
    %piece = arith.remui %thread, %c64 : i32
    %copyRow = arith.divui %piece, %c2 : i32
    %copyPiece = arith.remui %piece, %c2 : i32
    %copyByte = arith.muli %copyPiece, %c16 : i32
    %firstRow = arith.muli %blockRow, %c32 : i32
    %globalRow = arith.addi %firstRow, %copyRow : i32
    %globalPitch = arith.muli %globalRow, %depth : i32
    %globalByte = arith.addi %globalPitch, %copyByte : i32
    %sideByte = arith.muli %side, %tileBytes : i32
    %rowByte = arith.muli %copyRow, %c48 : i32
    %inTile = arith.addi %rowByte, %copyByte : i32
    %sharedByte = arith.addi %inTile, %sideByte : i32

    // What a lane loads.
    %warp = arith.divui %thread, %c32 : i32
    %lane = arith.remui %thread, %c32 : i32
    %warpY = arith.divui %warp, %c2 : i32
    %warpX = arith.remui %warp, %c2 : i32
    %warpRow = arith.muli %warpY, %c16 : i32
    %warpColumn = arith.muli %warpX, %c16 : i32
    %lane16 = arith.remui %lane, %c16 : i32
    %aRow = arith.addi %warpRow, %lane16 : i32
    %half = arith.divui %lane, %c16 : i32
    %aByte = arith.muli %half, %c16 : i32
    %aPitch = arith.muli %aRow, %c48 : i32
    %aPlace = arith.addi %aPitch, %aByte : i32
    %lane8 = arith.remui %lane, %c8 : i32
    %halfRows = arith.muli %half, %c8 : i32
    %bRowInWarp = arith.addi %halfRows, %lane8 : i32
    %bRow = arith.addi %warpColumn, %bRowInWarp : i32
    %eighth = arith.divui %lane, %c8 : i32
    %bHalf = arith.remui %eighth, %c2 : i32
    %bByte = arith.muli %bHalf, %c16 : i32
    %bPitch = arith.muli %bRow, %c48 : i32
    %bInTile = arith.addi %bPitch, %bByte : i32
    %bPlace = arith.addi %bInTile, %tileBytes : i32

    scf.for %stage = %c0 to %c2 step %c1 : i32 {
      %k = arith.muli %stage, %c32 : i32
      %rest = arith.cmpi ult, %k, %depth : i32
      %read = arith.select %rest, %c16, %c0 : i32
      %kInside = arith.select %rest, %k, %c0 : i32
      %byte = arith.addi %globalByte, %kInside : i32
      %source = llvm.getelementptr %from[%byte] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %stagePlace = arith.muli %stage, %stageBytes : i32
      %to = arith.addi %stagePlace, %sharedByte : i32
      %target = llvm.getelementptr %shared[%to] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      nvvm.cp.async.shared.global %target, %source, 16, cache = cg, %read : !llvm.ptr<3>, !llvm.ptr<1>, i32
      nvvm.cp.async.commit.group
    }
    %zero = arith.constant 0 : i32
    %steps = arith.divui %depth, %c32 : i32
    %sums:8 = scf.for %step = %c0 to %steps step %c1
        iter_args(%s0 = %zero, %s1 = %zero, %s2 = %zero, %s3 = %zero, %s4 = %zero, %s5 = %zero, %s6 = %zero, %s7 = %zero)
        -> (i32, i32, i32, i32, i32, i32, i32, i32) : i32 {
      nvvm.cp.async.wait.group 1
      gpu.barrier
      %next = arith.addi %step, %c2 : i32
      %k = arith.muli %next, %c32 : i32
      %rest = arith.cmpi ult, %k, %depth : i32
      %read = arith.select %rest, %c16, %c0 : i32
      %kInside = arith.select %rest, %k, %c0 : i32
      %byte = arith.addi %globalByte, %kInside : i32
      %source = llvm.getelementptr %from[%byte] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i8
      %nextStage = arith.remui %next, %c3 : i32
      %nextPlace = arith.muli %nextStage, %stageBytes : i32
      %to = arith.addi %nextPlace, %sharedByte : i32
      %target = llvm.getelementptr %shared[%to] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      nvvm.cp.async.shared.global %target, %source, 16, cache = cg, %read : !llvm.ptr<3>, !llvm.ptr<1>, i32
      nvvm.cp.async.commit.group
      %stage = arith.remui %step, %c3 : i32
      %stagePlace = arith.muli %stage, %stageBytes : i32
      %aOffset = arith.addi %stagePlace, %aPlace : i32
      %aFrom = llvm.getelementptr %shared[%aOffset] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      %aTile = nvvm.ldmatrix %aFrom {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
      %bOffset = arith.addi %stagePlace, %bPlace : i32
      %bFrom = llvm.getelementptr %shared[%bOffset] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
      %bTile = nvvm.ldmatrix %bFrom {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
      %a0 = llvm.extractvalue %aTile[0] : !llvm.struct<(i32, i32, i32, i32)>
      %a1 = llvm.extractvalue %aTile[1] : !llvm.struct<(i32, i32, i32, i32)>
      %a2 = llvm.extractvalue %aTile[2] : !llvm.struct<(i32, i32, i32, i32)>
      %a3 = llvm.extractvalue %aTile[3] : !llvm.struct<(i32, i32, i32, i32)>
      %b0 = llvm.extractvalue %bTile[0] : !llvm.struct<(i32, i32, i32, i32)>
      %b1 = llvm.extractvalue %bTile[1] : !llvm.struct<(i32, i32, i32, i32)>
      %b2 = llvm.extractvalue %bTile[2] : !llvm.struct<(i32, i32, i32, i32)>
      %b3 = llvm.extractvalue %bTile[3] : !llvm.struct<(i32, i32, i32, i32)>
      %left = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%s0, %s1, %s2, %s3]
        {intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
         multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 32>}
        : (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
      %right = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b2, %b3] C[%s4, %s5, %s6, %s7]
        {intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
         multiplicandAPtxType = #nvvm.mma_type<s8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 32>}
        : (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
      %r0 = llvm.extractvalue %left[0] : !llvm.struct<(i32, i32, i32, i32)>
      %r1 = llvm.extractvalue %left[1] : !llvm.struct<(i32, i32, i32, i32)>
      %r2 = llvm.extractvalue %left[2] : !llvm.struct<(i32, i32, i32, i32)>
      %r3 = llvm.extractvalue %left[3] : !llvm.struct<(i32, i32, i32, i32)>
      %r4 = llvm.extractvalue %right[0] : !llvm.struct<(i32, i32, i32, i32)>
      %r5 = llvm.extractvalue %right[1] : !llvm.struct<(i32, i32, i32, i32)>
      %r6 = llvm.extractvalue %right[2] : !llvm.struct<(i32, i32, i32, i32)>
      %r7 = llvm.extractvalue %right[3] : !llvm.struct<(i32, i32, i32, i32)>
      scf.yield %r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7 : i32, i32, i32, i32, i32, i32, i32, i32
    }
    nvvm.cp.async.wait.group 0

    %quad = arith.divui %lane, %c4 : i32
    %inQuad = arith.remui %lane, %c4 : i32
    %pair = arith.muli %inQuad, %c2 : i32
    %tileRow = arith.muli %blockY, %c32 : i32
    %rowOfWarp = arith.addi %tileRow, %warpRow : i32
    %row = arith.addi %rowOfWarp, %quad : i32
    %tileColumn = arith.muli %blockX, %c32 : i32
    %columnOfWarp = arith.addi %tileColumn, %warpColumn : i32
    %column = arith.addi %columnOfWarp, %pair : i32
    %pitch = arith.muli %row, %columns : i32
    %element0 = arith.addi %pitch, %column : i32
    %down = arith.muli %columns, %c8 : i32
    %element1 = arith.addi %element0, %down : i32
    %element2 = arith.addi %element0, %c8 : i32
    %element3 = arith.addi %element1, %c8 : i32
    %v0 = vector.from_elements %sums#0, %sums#1 : vector<2xi32>
    %v1 = vector.from_elements %sums#2, %sums#3 : vector<2xi32>
    %v2 = vector.from_elements %sums#4, %sums#5 : vector<2xi32>
    %v3 = vector.from_elements %sums#6, %sums#7 : vector<2xi32>
    %p0 = llvm.getelementptr %c[%element0] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p1 = llvm.getelementptr %c[%element1] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p2 = llvm.getelementptr %c[%element2] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %p3 = llvm.getelementptr %c[%element3] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %v0, %p0 {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
    llvm.store %v1, %p1 {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
    llvm.store %v2, %p2 {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
    llvm.store %v3, %p3 {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
    gpu.return
  }
}
