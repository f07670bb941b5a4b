//===- Passes.td - passes that make kernels -------------------------------===//

#ifndef LOWBIT_GPU_PASSES_TD
#define LOWBIT_GPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def FormMatmulsPass : Pass<"lowbit-form-matmuls"> {
  let summary = "Contractions become products of bytes or f32, in the form that kernels take";
  let description = [{
    Products of f32 with at least 16 rows and columns become `lowbit.contract`, unless they are defined to the bit (`lowbit.exact`). Elementwise
    ops join the epilogue of the contraction they read alone; then a contraction of f32, or of integers that fit bytes, becomes
    `lowbit.matmul`, with one axis of batches where both sides have some. Scales and zero points move into the epilogue, where they are operands
    along rows or columns:
    `sum (l - zl) * (r - zr) = sum l * r - zr * sum l - zl * sum r + K * zl * zr`, exact in 32 bits that wrap, because the whole is proved to
    fit. Both sides get the reduction as their last axis, filled with zeros to a multiple of 16; constants are turned, decoded and filled
    here, and their sums are taken here. Where the target multiplies bits, codes of one bit that are signs become bits, eight in a byte.

    Constant weights whose numbers fit two or four bits, or whose codes do and stand for any reals, become `lowbit.grouped_matmul`, in the order
    of lanes, where they meet f16 or bf16, where their scales change along the reduction, and, by signed bytes, where there are up to 16 rows.
    Left codes that meet codes of reals, or zero points in groups, become f16 first, less their zero points, where dots of groups of integers fit 24 bits.

    Two sides of 8-bit floats (f8E4M3FN, f8E5M2) become `lowbit.matmul`, too, where the target multiplies those and scales do not change along
    the reduction: its sums keep fewer bits than f32 (see there). With `lowbit.exact` they stay.

    Either side of f32 may lie along its rows; what transposes it before is not needed. A contraction whose result has its axes in another order is
    transposed after the product.

    Left as they are, with a remark that says why: other contractions of floats, sums that may not fit 32 bits, other scales that change
    along the reduction.

    ```mlir
    func.func @before(%a: tensor<16x64xi8>, %sa: tensor<16x1xf32>, %b: tensor<32x64xi8>, %sb: tensor<32x1xf32>,
                      %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
      %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
        lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<16x64xi8>, tensor<16x1xf32>)
        rhs(%b scales %sb <#lowbit.int<8>, block = [1, 0]> : tensor<32x64xi8>, tensor<32x1xf32>)
        outs(%init : tensor<16x32xf32>) -> tensor<16x32xf32>
      return %r : tensor<16x32xf32>
    }
    // ==>
    func.func @after(%a: tensor<16x64xi8>, %sa: tensor<16x1xf32>, %b: tensor<32x64xi8>, %sb: tensor<1x32xf32>,
                     %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
      %r = lowbit.matmul lhs(%a : tensor<16x64xi8>) rhs(%b : tensor<32x64xi8>) outs(%init : tensor<16x32xf32>)
        operands(%sa, %sb : tensor<16x1xf32>, tensor<1x32xf32>) {
      ^bb0(%sum: i32, %left: f32, %right: f32):
        %0 = arith.sitofp %sum : i32 to f32
        %1 = arith.mulf %0, %left : f32
        %2 = arith.mulf %1, %right : f32
        lowbit.yield %2 : f32
      } -> tensor<16x32xf32>
      return %r : tensor<16x32xf32>
    }
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The machine; by default the module's `lowbit.target`">,
  ];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "LowbitDialect", "math::MathDialect", "tensor::TensorDialect"];
}

def LaunchMatmulsPass : Pass<"lowbit-launch-matmuls", "::mlir::ModuleOp"> {
  let summary = "Every product on buffers becomes the launch of a kernel";
  let description = [{
    For each `lowbit.matmul` the cheapest schedule that the target's GPU has the instructions for writes a `gpu.func`, in the one `gpu.module`
    that all kernels share; products that differ in their sizes alone share a kernel, because sizes are arguments. The op becomes
    `gpu.launch_func`. `schedule` names the only schedule to ask, for tests; the attribute `lowbit.plan = "mma_sync_64x64x64x5"` of a
    product the only plan, and where it does not fit the product is an error. With `every-plan` a product becomes one launch for each plan there
    is, all of which write the same result: so tests go through tiles that they need not know. A `lowbit.grouped_matmul` has one way: weights are decoded in
    registers, for mma.sync. Its kernel begins before those before it have ended, where the GPU has dependent launches and its weights are
    constants, or arguments of a function with the attribute `lowbit.constant`: nothing that is under way may write them.

    ```text
    lowbit.matmul lhs(%a : memref<16x64xi8>) rhs(%b : memref<32x64xi8>) outs(%c : memref<16x32xi32>) { … }
    // ==>
    gpu.launch_func @kernels::@matmul_mma_sync_16x32x128x8 blocks in (%blocks, %one, %one) threads in (%threads, %one, %one)
      dynamic_shared_memory_size %bytes args(%a_pointer : !llvm.ptr<1>, …, %m : i32, %n : i32, %k : i32, …)
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The machine to launch on; by default the module's `lowbit.target`">,
    Option<"schedule", "schedule", "std::string", /*default=*/"", "The only schedule to ask, such as `mma.sync`">,
    Option<"tile", "tile", "std::string", /*default=*/"", "The only plan to take, by the part of its name after `matmul_`">,
    Option<"everyPlan", "every-plan", "bool", /*default=*/"false", "Launch all plans of a product, one after another, and not the cheapest alone">,
  ];
  let dependentDialects = ["arith::ArithDialect", "gpu::GPUDialect", "LLVM::LLVMDialect", "memref::MemRefDialect", "NVVM::NVVMDialect",
                           "ROCDL::ROCDLDialect", "scf::SCFDialect", "vector::VectorDialect"];
}

def SplitMatmulsPass : Pass<"lowbit-split-matmuls", "::mlir::ModuleOp"> {
  let summary = "Products of few tiles and a long reduction are split along it";
  let description = [{
    A `lowbit.matmul` of codes on buffers becomes one of batches, each a part of the reduction, read where it lies, and an elementwise op that adds
    up their sums and computes the epilogue. Sums are i32 that wrap, so that any order gives the same. It is done where the plans that
    `lowbit-launch-matmuls` would take say that it is faster: the result has too few tiles for all multiprocessors. Kernels share no memory
    that one of them must find as another call left it, and none waits for another block.

    Parts are 2 to 32, all of the same length, a multiple of 16 bytes; what is left behind them is a product of its own. Left as they are: products whose sizes are not known, with batches, with
    `lowbit.plan`, or inside of a loop. The sums take `parts * M * N` i32, which become part of the workspace.

    ```text
    lowbit.matmul lhs(%a : memref<16x4096xi8>) rhs(%b : memref<64x4096xi8>) outs(%c : memref<16x64xf32>) { ^bb0(%sum: i32): … }
    // ==>
    %sums = memref.alloc() : memref<8x16x64xi32>
    %l = memref.reinterpret_cast %a to … : memref<16x4096xi8> to memref<8x16x512xi8, strided<[512, 4096, 1]>>
    %r = memref.reinterpret_cast %b to … : memref<64x4096xi8> to memref<8x64x512xi8, strided<[512, 4096, 1]>>
    lowbit.matmul lhs(%l : …) rhs(%r : …) outs(%sums : memref<8x16x64xi32>) { ^bb0(%sum: i32): lowbit.yield %sum : i32 }
    linalg.generic … ins(%part0, …, %part7 : …) outs(%c : memref<16x64xf32>) { arith.addi …; … }
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The machine to launch on; by default the module's `lowbit.target`">,
    Option<"parts", "parts", "int64_t", /*default=*/"0", "So many parts wherever that is possible, for tests; 0: as many as pay">,
  ];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "memref::MemRefDialect"];
}

def NarrowEarlyPass : Pass<"lowbit-narrow-early"> {
  let summary = "Conversions to narrower numbers go before transposes and reshapes";
  let description = [{
    What only moves elements moves narrower ones then, and a conversion next to the contraction that made the numbers joins its epilogue.

    ```mlir
    func.func @before(%x: tensor<4x6xf32>) -> tensor<6x4xbf16> {
      %e = tensor.empty() : tensor<6x4xf32>
      %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<4x6xf32>) outs(%e : tensor<6x4xf32>) {
      ^bb0(%a: f32, %o: f32):
        linalg.yield %a : f32
      } -> tensor<6x4xf32>
      %b = tensor.empty() : tensor<6x4xbf16>
      %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%t : tensor<6x4xf32>) outs(%b : tensor<6x4xbf16>) {
      ^bb0(%a: f32, %o: bf16):
        %0 = arith.truncf %a : f32 to bf16
        linalg.yield %0 : bf16
      } -> tensor<6x4xbf16>
      return %r : tensor<6x4xbf16>
    }
    ```
    ```text
    // ==>
    %c = linalg.generic … ins(%x : tensor<4x6xf32>) { … arith.truncf } -> tensor<4x6xbf16>
    %r = linalg.generic … ins(%c : tensor<4x6xbf16>) { linalg.yield } -> tensor<6x4xbf16>
    ```
  }];
  let dependentDialects = ["linalg::LinalgDialect", "tensor::TensorDialect"];
}

def SumScatteredRowsPass : Pass<"lowbit-sum-scattered-rows"> {
  let summary = "Loops that add rows where numbers say become sums over all rows";
  let description = [{
    The gradient of a table of embeddings: the host's loops add each row of the cotangent to the row that a number names, one after the other. A device
    has a thread for each element of the table, which goes through all rows in the order of the loops and adds those that are its own: the same
    sums, and nothing is written by two threads. A step more for each row and element of the table is what that costs. Other loops stay.

    ```text
    %r = scf.for %i = %c0 to %c16 step %c1 iter_args(%sum = %zeros) -> (tensor<20x32xf32>) {
      %id = tensor.extract %ids[%i]
      %row = arith.index_cast %id
      … insert_slice(extract_slice %sum[%row, 0] [1, 32] + extract_slice %given[%i, 0] [1, 32]) into %sum[%row, 0]
    }
    // ==>
    %r = linalg.generic {iterator_types = ["parallel", "parallel", "reduction"]} ins(%given) outs(%zeros) {
      … arith.select (%row == linalg.index 0), %sum + %g, %sum
    }
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect"];
}

def ScalarsToTensorsPass : Pass<"lowbit-scalars-to-tensors"> {
  let summary = "Scalars that are computed from elements of tensors become tensors of rank 0";
  let description = [{
    A host that launches kernels cannot read the device's memory, nor does it need to: what is computed from elements of tensors, such as
    a step's learning rate and its corrections, is one op of rank 0 for each scalar that loops take. They take it as an operand. What
    decides what is executed (conditions and bounds) stays, and is an error later.

    ```mlir
    func.func @before(%rate: tensor<f32>, %x: tensor<8xf32>) -> tensor<8xf32> {
      %half = arith.constant 0.5 : f32
      %0 = tensor.extract %rate[] : tensor<f32>
      %1 = arith.mulf %0, %half : f32
      %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%x : tensor<8xf32>) {
      ^bb0(%a: f32):
        %2 = arith.mulf %a, %1 : f32
        linalg.yield %2 : f32
      } -> tensor<8xf32>
      return %r : tensor<8xf32>
    }
    // ==>
    func.func @after(%rate: tensor<f32>, %x: tensor<8xf32>) -> tensor<8xf32> {
      %half = arith.constant 0.5 : f32
      %e = tensor.empty() : tensor<f32>
      %0 = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
          ins(%rate : tensor<f32>) outs(%e : tensor<f32>) {
      ^bb0(%a: f32, %o: f32):
        %1 = arith.mulf %a, %half : f32
        linalg.yield %1 : f32
      } -> tensor<f32>
      %r = linalg.generic {indexing_maps = [affine_map<(i) -> ()>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%0 : tensor<f32>) outs(%x : tensor<8xf32>) {
      ^bb0(%f: f32, %a: f32):
        %1 = arith.mulf %a, %f : f32
        linalg.yield %1 : f32
      } -> tensor<8xf32>
      return %r : tensor<8xf32>
    }
    ```
  }];
  let dependentDialects = ["linalg::LinalgDialect", "tensor::TensorDialect"];
}

def EmulateBFloat16Pass : Pass<"lowbit-emulate-bfloat16", "::mlir::ModuleOp"> {
  let summary = "Numbers of bf16 are 16 bits and floats of 32 in kernels for machines without the type";
  let description = [{
    Kernels for SPIR-V have no bf16. Loads, stores and choices take its bits; widening is a shift, narrowing rounds to nearest, ties to even;
    arithmetic is done in f32 and narrowed after each op, which gives the bits that bf16 has. Other machines' kernels stay as they are.

    ```text
    %x = llvm.load %p : !llvm.ptr<1> -> bf16
    %y = arith.extf %x : bf16 to f32
    // ==>
    %b = llvm.load %p : !llvm.ptr<1> -> i16
    %w = arith.extui %b : i16 to i32
    %s = arith.shli %w, %c16 : i32
    %y = arith.bitcast %s : i32 to f32
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The machine; by default the module's `lowbit.target`">,
  ];
  let dependentDialects = ["arith::ArithDialect", "LLVM::LLVMDialect"];
}

def SplitSumsPass : Pass<"lowbit-split-sums"> {
  let summary = "Long reductions to few elements take two steps";
  let description = [{
    The derivative by a scale is one number for a whole tensor, and that by a bias one for each column: too few threads for a GPU. Where
    the order of a reduction makes no difference (`fastmath<reassoc>`, integers), its outer axes are kept first and are reduced in
    a second op; a single axis becomes two. Reductions of fewer than 1024 elements, or to 4096 and more, stay, and so do products.

    ```mlir
    func.func @before(%x: tensor<1024x384xf32>, %init: tensor<f32>) -> tensor<f32> {
      %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
          ins(%x : tensor<1024x384xf32>) outs(%init : tensor<f32>) {
      ^bb0(%a: f32, %s: f32):
        %0 = arith.addf %s, %a fastmath<reassoc> : f32
        linalg.yield %0 : f32
      } -> tensor<f32>
      return %r : tensor<f32>
    }
    ```
    ```text
    // ==>
    %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<1024xf32>) -> tensor<1024xf32>
    %parts = linalg.generic … ["parallel", "reduction"] ins(%x : tensor<1024x384xf32>) outs(%zeros : tensor<1024xf32>)
    %r = linalg.generic … ["reduction"] ins(%parts : tensor<1024xf32>) outs(%init : tensor<f32>)
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect"];
}

def JoinMatmulsPass : Pass<"lowbit-join-matmuls"> {
  let summary = "Products that share their left side become one";
  let description = [{
    `lowbit.matmul` ops that read the same left side, whose right sides and operands along columns are constants and whose epilogues are the same,
    become one product of all columns; their results are parts of its result. Three products of a few rows take as long as one. Results that
    other products read or a function returns, themselves or reshaped, stay apart: there the rows of a part would have to be next to one another.

    ```text
    %q = lowbit.matmul lhs(%x : tensor<128x384xi8>) rhs(%wq : tensor<384x384xi8>) …
    %k = lowbit.matmul lhs(%x : tensor<128x384xi8>) rhs(%wk : tensor<384x384xi8>) …
    // ==>
    %both = lowbit.matmul lhs(%x : tensor<128x384xi8>) rhs(%w : tensor<768x384xi8>) …
    %q = tensor.extract_slice %both[0, 0] [128, 384] [1, 1]
    %k = tensor.extract_slice %both[0, 384] [128, 384] [1, 1]
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "tensor::TensorDialect"];
}

def FormRowsPass : Pass<"lowbit-form-rows"> {
  let summary = "Chains of ops over the same rows become loops whose bodies one kernel computes";
  let description = [{
    The groups of `lowbit-fuse-rows`, such as a layer norm with the quantization of its result, or the scores of attention, their softmax and
    its product with the values, as loops that run at once. A group is formed only if `lowbit-launch-rows` can keep all that passes between its
    members in registers; others stay as they are. Before it, contractions take transposes of what they read, in any order: a kernel reads rows
    or columns alike. `lowbit.row` is the loop of a member that runs along the rows, `lowbit.order` the order in which the kernel will combine
    elements of it. Where a division by what is the same along a row may be by the reciprocal, that is computed once a row.

    Ops that read one another and have no rows, such as the mean over the tokens of one sentence and its norm, get a first axis of size one: they
    are then a row, and a block. What is returned keeps its axes, as its place is the caller's. A sum that reads rows with more axes than the op that made them reads them with as many, and joins it.

    Without `loops`, members get these attributes and stay where they are: what is computed, without how it is shared out.

    ```text
    %s = linalg.generic … ins(%x) outs(%zeros) { … arith.addf … } -> tensor<32xf32>
    %r = linalg.generic … ins(%x, %s) { … arith.divf … } -> tensor<32x64xf32>
    // ==>
    %r = scf.forall (%i) = (0) to (32) step (4) shared_outs(%out = %empty) -> (tensor<32x64xf32>) {
      %rows = tensor.extract_slice %x[%i, 0] [4, 64] [1, 1]
      %s = linalg.generic … ins(%rows) outs(tensor<4xf32>) {lowbit.row = 0}
      %d = linalg.generic … ins(%rows, %s) outs(tensor<4x64xf32>) {lowbit.row = 0}
      scf.forall.in_parallel {
        tensor.parallel_insert_slice %d into %out[%i, 0] [4, 64] [1, 1]
      }
    } {mapping = [#gpu.block<linear_dim_0>]}
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The machine; by default the module's `lowbit.target`">,
    Option<"loops", "loops", "bool", /*default=*/"true", "Whether loops are made">,
  ];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "gpu::GPUDialect", "linalg::LinalgDialect", "scf::SCFDialect",
                           "tensor::TensorDialect"];
}

def LaunchRowsPass : Pass<"lowbit-launch-rows", "::mlir::ModuleOp"> {
  let summary = "Every loop over rows becomes the launch of a kernel";
  let description = [{
    What `lowbit-form-rows` made, on buffers. A warp takes a row and its lanes the columns, or, where there is a product, 16 rows, in the places
    of the accumulators of `mma.sync`: f16 or bf16 by f16 or bf16, sums in f32. What passes from one op to the next stays in registers; the
    right sides of products come to shared memory by `cp.async`. A lane combines its own elements of a reduction in the order of their columns,
    then lanes combine what they have with the lane that differs in the highest bit, and so on down.

    ```text
    scf.forall (%i) = (0) to (32) step (4) { linalg.generic …  linalg.generic … }
    // ==>
    gpu.launch_func @kernels::@rows blocks in (%c8, %c1, %c1) threads in (%c128, %c1, %c1) args(%x_pointer : !llvm.ptr<1>, %r_pointer : !llvm.ptr<1>)
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The machine to launch on; by default the module's `lowbit.target`">,
  ];
  let dependentDialects = ["arith::ArithDialect", "gpu::GPUDialect", "linalg::LinalgDialect", "LLVM::LLVMDialect", "memref::MemRefDialect",
                           "NVVM::NVVMDialect", "scf::SCFDialect", "vector::VectorDialect"];
}

def OrderSumsPass : Pass<"lowbit-order-sums"> {
  let summary = "Reductions that a warp will share say in which order";
  let description = [{
    Where a reduction may be combined in any order (integers, largest and smallest, sums of floats that may be reordered), it is the only one of its
    op, and has 32 elements or more, `lowbit-launch-loops` gives it to a warp: lane l takes the elements l, l + 32, …, one after the other; then
    lanes combine what they have with those 16, 8, 4, 2 and 1 further on. The attribute `lowbit.order` says so before there are kernels, so that
    whoever computes the same ops otherwise gets the same bits (`lowbit-expand-orders`). Ops in rows have their order from `lowbit-form-rows`.
    Products of floats of 8 bits, and of floats with weights of few bits, get the order of the kernels that this GPU has, which keep to it.

    ```text
    linalg.generic … ins(%x : tensor<40x64xf32>) outs(%y : tensor<40xf32>) { … arith.addf … fastmath<reassoc> }
    // ==>
    linalg.generic … ins(%x : tensor<40x64xf32>) outs(%y : tensor<40xf32>) attrs = {lowbit.order = {lanes = 32 : i64, neighbours = 1 : i64}} …
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The machine; by default the module's `lowbit.target`">,
  ];
}

def SettleFloatsPass : Pass<"lowbit-settle-floats"> {
  let summary = "How floats are computed is said in operations, and nothing after them chooses";
  let description = [{
    In regions of linalg ops, in epilogues of products, in kernels. Where arithmetic may be contracted, a product and the sum that alone reads it
    become `math.fma`; where a division may be by the reciprocal and its divisor is a constant, it becomes a product. A sum with a constant, scaled by
    a power of two, is `math.fma` with the same bits. Then every `fastmath` flag
    goes, but for those by which a reduction with `lowbit.order` may have this order. So all that is compiled from the same module computes the
    same bits: what follows has no choice left. A sum on a matrix unit, whose order says what becomes of its products, stays as it is.

    ```mlir
    func.func @before(%x: f32, %y: f32, %z: f32) -> f32 {
      %0 = arith.mulf %x, %y fastmath<contract> : f32
      %1 = arith.addf %0, %z fastmath<contract> : f32
      return %1 : f32
    }
    // ==>
    func.func @after(%x: f32, %y: f32, %z: f32) -> f32 {
      %0 = math.fma %x, %y, %z : f32
      return %0 : f32
    }
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect"];
}

def LaunchLoopsPass : Pass<"lowbit-launch-loops", "::mlir::ModuleOp"> {
  let summary = "Every linalg op and copy on buffers becomes the launch of a kernel";
  let description = [{
    What is no product of integers: each element of the result is computed by one thread, which runs through the reduction in row-major
    order, as the loops of the host would; so results are the same to the bit. Shapes are constants of the kernel.

    Threads next to one another compute elements next to one another. Where there are enough elements for all multiprocessors, a thread
    computes 2 to 16 neighbours, as many as fit in an access of 16 bytes, if they divide the row: what lies next to one another is read and
    written at once, what they share is read and computed once.

    Where the order of a reduction makes no difference (integers, largest and smallest, sums of floats that may be reordered) and it runs
    along the last axis, a warp shares it.

    ```text
    linalg.generic … ins(%x : memref<16x64xf32>) outs(%y : memref<16x64xi8>) { … }
    // ==>
    gpu.launch_func @kernels::@loops blocks in (%c1, %c1, %c1) threads in (%c256, %c1, %c1) args(%x_pointer : !llvm.ptr<1>, %y_pointer : !llvm.ptr<1>)
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "gpu::GPUDialect", "linalg::LinalgDialect", "LLVM::LLVMDialect", "memref::MemRefDialect",
                           "NVVM::NVVMDialect", "scf::SCFDialect", "vector::VectorDialect"];
}

def RoundByAdditionPass : Pass<"lowbit-round-by-addition", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Numbers that become codes in kernels are rounded by an addition";
  let description = [{
    In kernels. A GPU rounds and converts a quarter as often as it adds. `clamp(roundeven(x), a, b)` as an integer, with integers a and b below 2^22, is
    `clamp(x, a, b) + 1.5 * 2^23` in its low bits, for every x: a NaN becomes `a` in both. An integer added to what was rounded is added to the
    code. Where x is a quotient by a constant, it is computed by products, as no number of extreme size is left: by the fewest of one, three and five operations
    that give the same codes for all x, which is known of a constant by looking at both sides of each step between two codes.

    ```mlir
    func.func @before(%x: f32) -> i32 {
      %low = arith.constant -128.0 : f32
      %high = arith.constant 127.0 : f32
      %r = math.roundeven %x : f32
      %above = arith.cmpf ogt, %r, %low : f32
      %raised = arith.select %above, %r, %low : f32
      %below = arith.cmpf olt, %raised, %high : f32
      %clamped = arith.select %below, %raised, %high : f32
      %code = arith.fptosi %clamped : f32 to i32
      return %code : i32
    }
    // ==>
    func.func @after(%x: f32) -> i32 {
      %low = arith.constant -128.0 : f32
      %high = arith.constant 127.0 : f32
      %shift = arith.constant 12582912.0 : f32
      %bits = arith.constant 1262485504 : i32
      %raised = arith.maxnumf %x, %low : f32
      %clamped = arith.minnumf %raised, %high : f32
      %sum = arith.addf %clamped, %shift : f32
      %word = arith.bitcast %sum : f32 to i32
      %code = arith.subi %word, %bits : i32
      return %code : i32
    }
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect"];
}

def DivideByProductsPass : Pass<"lowbit-divide-by-products"> {
  let summary = "Divisions whose operands are of ordinary size are computed by products, without a branch";
  let description = [{
    A GPU's division of f32 takes another way for numbers of extreme size, and elements are then computed one after the other. Where a division
    may be by the reciprocal (`fastmath<arcp>`), and the ops that make its operands show them to be of ordinary size (the divisor between 2^-60
    and 2^60), it becomes a reciprocal by two steps, a product, and the correction by its remainder: the quotient of `arith.divf`, or, for one of
    3 * 10^8 random pairs, next to it. Runs on tensors, so that all that is compiled from the module divides alike.

    ```text
    %high = arith.minimumf …, %y = math.fma %square, %c, %one, %q = arith.divf %x, %y fastmath<arcp>
    // ==>
    %guess = arith.subi %magic, %bits_of_y
    %r = … fma …
    %q0 = arith.mulf %x, %r
    %rest = math.fma %negative_y, %q0, %x
    %q = math.fma %rest, %r, %q0
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect"];
}

def LowerKernelsPass : Pass<"lowbit-lower-kernels", "::mlir::ModuleOp"> {
  let summary = "The code of kernels becomes what LLVM's backend for the machine takes";
  let description = [{
    Upstream's conversions inside of every `gpu.module`: `gpu.func` becomes `llvm.func`, math becomes arithmetic or the few instructions that are
    exact. `lowbit-verify-gpu` before it says what would not arrive.

    For AMD's GPUs and SPIR-V, shared memory becomes a global as large as launches make it, and shuffles and dot products of bytes get the names
    that they have there.

    ```text
    gpu.module @kernels { gpu.func @f(…) kernel { … } }
    // ==>
    gpu.module @kernels [#nvvm.target<chip = "sm_80">] { llvm.func @f(…) attributes {nvvm.kernel} { … } }
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The machine; by default the module's `lowbit.target`">,
  ];
}

def VerifyGPUPass : Pass<"lowbit-verify-gpu", "::mlir::ModuleOp"> {
  let summary = "Check that nothing is left that a GPU has no code for";
  let description = [{
    LLVM ends the process where it meets an instruction that the architecture lacks, and upstream conversions skip in silence what they do not
    know. So, an error with a location for each of:
    - `lowbit.matmul` or `lowbit.contract` that no kernel took;
    - shared memory that is not dynamic, which has no alignment and is limited to 48 KiB;
    - memory of a thread, which is local memory: what a thread has is in registers;
    - warp-wide and asynchronous instructions that the GPU of the module's target lacks;
    - vector accesses of global or shared memory with less than their own alignment;
    - more shared memory, or more threads, than a block can have;
    - instructions of another maker's machine, and bf16 where its backend does not know it.
    It changes nothing.

    ```text
    gpu.func @f(%p: !llvm.ptr<1>) kernel { nvvm.cp.async.commit.group … }   // error for sm_75: it has no cp.async
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The machine; by default the module's `lowbit.target`">,
  ];
}

#endif
