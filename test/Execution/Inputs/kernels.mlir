// Kernels by hand, for tests of what compiles, loads and launches them: a sum of floats, and codes from sums by a constant scale a column.
module attributes {gpu.container_module, lowbit.target = #lowbit.nvptx_sm_80} {
  gpu.module @kernels {
    gpu.func @add(%lhs: !llvm.ptr<1>, %rhs: !llvm.ptr<1>, %sums: !llvm.ptr<1>, %size: i32)
        kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
      %block = gpu.block_id x
      %thread = gpu.thread_id x
      %c128 = arith.constant 128 : index
      %base = arith.muli %block, %c128 : index
      %i = arith.addi %base, %thread : index
      %end = arith.index_cast %size : i32 to index
      %inside = arith.cmpi slt, %i, %end : index
      scf.if %inside {
        %at = arith.index_cast %i : index to i64
        %lhs_at = llvm.getelementptr %lhs[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %rhs_at = llvm.getelementptr %rhs[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %sum_at = llvm.getelementptr %sums[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %a = llvm.load %lhs_at : !llvm.ptr<1> -> f32
        %b = llvm.load %rhs_at : !llvm.ptr<1> -> f32
        %c = arith.addf %a, %b : f32
        llvm.store %c, %sum_at : f32, !llvm.ptr<1>
      }
      gpu.return
    }

    gpu.func @requantize(%sums: !llvm.ptr<1>, %scales: !llvm.ptr<1>, %codes: !llvm.ptr<1>, %columns: i32)
        kernel attributes {known_block_size = array<i32: 128, 1, 1>} {
      %row = gpu.block_id x
      %first = gpu.thread_id x
      %c128 = arith.constant 128 : index
      %end = arith.index_cast %columns : i32 to index
      %base = arith.muli %row, %end : index
      scf.for %column = %first to %end step %c128 {
        %i = arith.addi %base, %column : index
        %at = arith.index_cast %i : index to i64
        %scale_place = arith.index_cast %column : index to i64
        %sum_at = llvm.getelementptr %sums[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %scale_at = llvm.getelementptr %scales[%scale_place] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
        %code_at = llvm.getelementptr %codes[%at] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i8
        %sum = llvm.load %sum_at : !llvm.ptr<1> -> f32
        %scale = llvm.load %scale_at : !llvm.ptr<1> -> f32
        %scaled = arith.mulf %sum, %scale : f32
        %low = arith.constant -128.0 : f32
        %high = arith.constant 127.0 : f32
        %above = arith.maximumf %scaled, %low : f32
        %clamped = arith.minimumf %above, %high : f32
        %rounded = math.roundeven %clamped : f32
        %code = arith.fptosi %rounded : f32 to i8
        llvm.store %code, %code_at : i8, !llvm.ptr<1>
      }
      gpu.return
    }
  }

  memref.global "private" constant @scales : memref<6xf32> = dense<[0.5, 1.0, 2.0, 4.0, 8.0, 16.0]> {alignment = 64 : i64}

  // The sum is kept in the workspace between the kernels; launched twice, so that the call is worth a graph.
  func.func @main(%x: memref<5x6xf32>, %y: memref<5x6xf32>, %codes: memref<5x6xi8>, %workspace: memref<128xi8>)
      attributes {llvm.emit_c_interface, lowbit.signature = {
        inputs = [{name = "x", type = tensor<5x6xf32>}, {name = "y", type = tensor<5x6xf32>}],
        outputs = [{name = "codes", type = tensor<5x6xi8>}], workspace = 128 : i64}} {
    %c1 = arith.constant 1 : index
    %c5 = arith.constant 5 : index
    %c128 = arith.constant 128 : index
    %c30 = arith.constant 30 : i32
    %c6 = arith.constant 6 : i32
    %scales = memref.get_global @scales : memref<6xf32>
    %x_index = memref.extract_aligned_pointer_as_index %x : memref<5x6xf32> -> index
    %x_word = arith.index_cast %x_index : index to i64
    %x_pointer = llvm.inttoptr %x_word : i64 to !llvm.ptr<1>
    %y_index = memref.extract_aligned_pointer_as_index %y : memref<5x6xf32> -> index
    %y_word = arith.index_cast %y_index : index to i64
    %y_pointer = llvm.inttoptr %y_word : i64 to !llvm.ptr<1>
    %codes_index = memref.extract_aligned_pointer_as_index %codes : memref<5x6xi8> -> index
    %codes_word = arith.index_cast %codes_index : index to i64
    %codes_pointer = llvm.inttoptr %codes_word : i64 to !llvm.ptr<1>
    %sums_index = memref.extract_aligned_pointer_as_index %workspace : memref<128xi8> -> index
    %sums_word = arith.index_cast %sums_index : index to i64
    %sums_pointer = llvm.inttoptr %sums_word : i64 to !llvm.ptr<1>
    %scales_index = memref.extract_aligned_pointer_as_index %scales : memref<6xf32> -> index
    %scales_word = arith.index_cast %scales_index : index to i64
    %scales_pointer = llvm.inttoptr %scales_word : i64 to !llvm.ptr<1>
    gpu.launch_func @kernels::@add blocks in (%c1, %c1, %c1) threads in (%c128, %c1, %c1)
      args(%x_pointer : !llvm.ptr<1>, %y_pointer : !llvm.ptr<1>, %sums_pointer : !llvm.ptr<1>, %c30 : i32)
    gpu.launch_func @kernels::@add blocks in (%c1, %c1, %c1) threads in (%c128, %c1, %c1)
      args(%sums_pointer : !llvm.ptr<1>, %y_pointer : !llvm.ptr<1>, %sums_pointer : !llvm.ptr<1>, %c30 : i32)
    gpu.launch_func @kernels::@requantize blocks in (%c5, %c1, %c1) threads in (%c128, %c1, %c1)
      args(%sums_pointer : !llvm.ptr<1>, %scales_pointer : !llvm.ptr<1>, %codes_pointer : !llvm.ptr<1>, %c6 : i32)
    return
  }
}
