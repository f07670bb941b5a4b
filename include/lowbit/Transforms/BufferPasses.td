//===- BufferPasses.td - passes around and after bufferization ------------===//

#ifndef LOWBIT_TRANSFORMS_BUFFERPASSES_TD
#define LOWBIT_TRANSFORMS_BUFFERPASSES_TD

include "mlir/Pass/PassBase.td"

def ResultsToArgumentsPass : Pass<"lowbit-results-to-arguments", "::mlir::ModuleOp"> {
  let summary = "Entry points write their results where the caller says";
  let description = [{
    A public function with a body becomes `void`: each result becomes a trailing memref argument, with the result's attributes and
    `lowbit.result`. Tensor arguments are marked as not writable, so that no buffer of the caller is used for
    anything else. Private functions stay as they are; a call of an entry point is refused.

    ```mlir
    func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {lowbit.name = "y"}) {
      return %x : tensor<4xf32>
    }
    // ==>
    func.func @f(%x: tensor<4xf32> {bufferization.writable = false},
                 %y: memref<4xf32> {lowbit.name = "y", lowbit.result}) attributes {llvm.emit_c_interface} {
      bufferization.materialize_in_destination %x in restrict writable %y : (tensor<4xf32>, memref<4xf32>) -> ()
      return
    }
    ```
  }];
  let dependentDialects = ["bufferization::BufferizationDialect", "memref::MemRefDialect", "LLVM::LLVMDialect"];
}

def PlaceResultsPass : Pass<"lowbit-place-results"> {
  let summary = "Results are computed where they shall lie";
  let description = [{
    What is written to a destination after a reshape is written before it, to a view of the destination; slices and reshapes of empty tensors
    become empty tensors. Upstream's `eliminate-empty-tensors`, which does not look through either, then gives the destination to what
    computes the result: a contraction's tiles are stored once.

    ```mlir
    func.func @f(%x: tensor<6x4xf32>, %y: memref<24xf32>) {
      %0 = tensor.collapse_shape %x [[0, 1]] : tensor<6x4xf32> into tensor<24xf32>
      bufferization.materialize_in_destination %0 in restrict writable %y : (tensor<24xf32>, memref<24xf32>) -> ()
      return
    }
    // ==>
    func.func @f(%x: tensor<6x4xf32>, %y: memref<24xf32>) {
      %0 = memref.expand_shape %y [[0, 1]] output_shape [6, 4] : memref<24xf32> into memref<6x4xf32>
      bufferization.materialize_in_destination %x in restrict writable %0 : (tensor<6x4xf32>, memref<6x4xf32>) -> ()
      return
    }
    ```
  }];
  let dependentDialects = ["memref::MemRefDialect", "tensor::TensorDialect"];
}

def KeepLoopBuffersPass : Pass<"lowbit-keep-loop-buffers"> {
  let summary = "What a loop carries stays in one buffer";
  let description = [{
    A buffer that a loop carries must be the same one after each iteration; one-shot bufferization refuses a loop that yields a tensor of another
    buffer, as the state of a recurrent network is. Such a tensor is copied to the one that the loop carries before it is yielded. Tensors that
    were made by writing into what the loop carries are not copied.

    ```mlir
    func.func @f(%h: tensor<4xf32>, %n: index) -> tensor<4xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %0 = scf.for %i = %c0 to %n step %c1 iter_args(%state = %h) -> tensor<4xf32> {
        %e = tensor.empty() : tensor<4xf32>
        %1 = linalg.exp ins(%state : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
        scf.yield %1 : tensor<4xf32>
      }
      return %0 : tensor<4xf32>
    }
    // ==>
    func.func @g(%h: tensor<4xf32>, %n: index) -> tensor<4xf32> {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %0 = scf.for %i = %c0 to %n step %c1 iter_args(%state = %h) -> tensor<4xf32> {
        %e = tensor.empty() : tensor<4xf32>
        %1 = linalg.exp ins(%state : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
        %2 = bufferization.materialize_in_destination %1 in %state : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
        scf.yield %2 : tensor<4xf32>
      }
      return %0 : tensor<4xf32>
    }
    ```
  }];
  let dependentDialects = ["bufferization::BufferizationDialect"];
}

def ExpandBFloat16Pass : Pass<"lowbit-expand-bfloat16"> {
  let summary = "Convert between f32 and bf16 by shifts and additions of integers";
  let description = [{
    Processors without bf16 call `__truncsfbf2` for every element, which libgcc has only from version 13 on. The conversion here is exact where
    `vcvtneps2bf16` makes zeros of subnormals.

    ```mlir
    func.func @before(%x: bf16) -> f32 {
      %r = arith.extf %x : bf16 to f32
      return %r : f32
    }
    // ==>
    func.func @after(%x: bf16) -> f32 {
      %c16 = arith.constant 16 : i32
      %bits = arith.bitcast %x : bf16 to i16
      %wide = arith.extui %bits : i16 to i32
      %shifted = arith.shli %wide, %c16 : i32
      %r = arith.bitcast %shifted : i32 to f32
      return %r : f32
    }
    ```
  }];
  let dependentDialects = ["arith::ArithDialect"];
}

def ExpandCopiesPass : Pass<"lowbit-expand-copies"> {
  let summary = "Turn copies between strided buffers into loops";
  let description = [{
    A copy of buffers that are not contiguous would call a function of MLIR's run time, which an object for a C program does not have.
    Contiguous ones stay: they become `memcpy`.

    ```mlir
    func.func @before(%a: memref<4x3xf32, strided<[8, 1]>>, %b: memref<4x3xf32>) {
      memref.copy %a, %b : memref<4x3xf32, strided<[8, 1]>> to memref<4x3xf32>
      return
    }
    // ==>
    func.func @after(%a: memref<4x3xf32, strided<[8, 1]>>, %b: memref<4x3xf32>) {
      linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>],
                      iterator_types = ["parallel", "parallel"]}
        ins(%a : memref<4x3xf32, strided<[8, 1]>>) outs(%b : memref<4x3xf32>) {
      ^bb0(%in: f32, %out: f32):
        linalg.yield %in : f32
      }
      return
    }
    ```
  }];
  let dependentDialects = ["linalg::LinalgDialect"];
}

def ParallelizeLoopsPass : Pass<"lowbit-parallelize-loops"> {
  let summary = "Turn outermost independent loops on buffers into scf.parallel";
  let description = [{
    A loop is independent if, for every buffer it writes, one index of all its accesses is a linear form of the loop's variable whose values
    differ between any two iterations. Each thread takes one part, so that buffers of its own are as many as threads. Neighbours that
    write nothing the other touches become one region, at whose end threads meet once. Loops with little work stay as they are. Only reads and writes of single elements and vectors are
    understood: run it after vectorization. Arguments of an entry point do not overlap (lowbit/Pipelines/Pipelines.h).

    ```text
    scf.for %i = %c0 to %c128 step %c8 { … memref.store %x, %y[%i, %j] … }
    // ==>
    scf.parallel (%thread) = (%c0) to (%c2) step (%c1) {
      %begin = affine.apply affine_map<(d0) -> (d0 * 64)>(%thread)
      %end = affine.apply affine_map<(d0) -> (d0 * 64 + 64)>(%thread)
      scf.for %i = %begin to %end step %c8 { … memref.store %x, %y[%i, %j] … }
    }
    ```
  }];
  let options = [
    Option<"threads", "threads", "unsigned", /*default=*/"2", "Parts that a loop is cut in">,
    Option<"minimumWork", "minimum-work", "int64_t", /*default=*/"20000", "Operations below which waking a thread costs more than it gives">,
  ];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "scf::SCFDialect"];
}

def PlanWorkspacePass : Pass<"lowbit-plan-workspace", "::mlir::ModuleOp"> {
  let summary = "Give the buffers of an entry point places in one that the caller hands in";
  let description = [{
    Every allocation of known size in a public function becomes a view of one workspace, a last argument `memref<Nxi8>` whose address 64
    divides, so that a call allocates nothing. Buffers that are never in use at the same time share bytes: the largest is placed first,
    each at the lowest address that is free while it lives. A buffer made in an `scf.parallel` has a place for each iteration.
    `lowbit.signature` then says `workspace = N`; a function that needs none is left alone. Buffers whose size is only known at run time, or
    that one iteration hands to the next, stay allocations, with a remark.

    ```mlir
    func.func @before(%x: memref<16xf32>) {
      %a = memref.alloc() : memref<16xf32>
      memref.copy %x, %a : memref<16xf32> to memref<16xf32>
      memref.copy %a, %x : memref<16xf32> to memref<16xf32>
      memref.dealloc %a : memref<16xf32>
      return
    }
    // ==>
    func.func @after(%x: memref<16xf32>, %workspace: memref<64xi8> {lowbit.workspace}) attributes {lowbit.signature = {workspace = 64 : i64}} {
      %c0 = arith.constant 0 : index
      %a = memref.view %workspace[%c0][] : memref<64xi8> to memref<16xf32>
      memref.copy %x, %a : memref<16xf32> to memref<16xf32>
      memref.copy %a, %x : memref<16xf32> to memref<16xf32>
      return
    }
    ```
  }];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "func::FuncDialect", "memref::MemRefDialect"];
}

def ApproximateMathPass : Pass<"lowbit-approximate-math"> {
  let summary = "Compute functions of floats by arithmetic, in vector registers";
  let description = [{
    The C library's functions take one scalar at a time; polynomials take a whole vector. Errors are at most 6 units in the last place (exp, erf,
    tanh, log, log1p, expm1); results of exp below the smallest normal number are zero. Sine and cosine are within 1 unit, tangent within 2, for
    every f32, however large: angles are reduced by integers (Payne and Hanek). Powers, cube roots, exp2, log2, log10, hyperbolic and inverse functions, atan2 and erfc are
    computed in f64 and rounded once, as C has them. Absolute values, counts of zeros and powers of integers, and questions such as `math.isnan`, become integer
    arithmetic and comparisons. Functions of f64 are left to the library, which a GPU has not. The operations
    of a polynomial are to be computed as they are; with `reciprocals` the quotient of erf may be a product with the reciprocal, where erf may.

    ```text
    %y = math.exp %x : vector<16xf32>
    // ==>
    %y = arith.mulf %polynomial, %power_of_two : vector<16xf32>
    ```
  }];
  let options = [
    Option<"reciprocals", "reciprocals", "bool", /*default=*/"false", "Whether divisions keep the `arcp` of the function">,
  ];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect", "vector::VectorDialect"];
}

def VectorizePass : Pass<"lowbit-vectorize"> {
  let summary = "Turn linalg ops on buffers into loops over vectors";
  let description = [{
    One dimension of each op becomes lanes: one along which every operand is contiguous or constant. What does not depend on it
    is computed once, before its loop. Sums over another dimension keep a tile of rows by vectors in registers, as large as
    the target of the module (`lowbit.target`) has; sums over the lanes' own dimension are reordered only where they say `fastmath<reassoc>`.
    A sum whose buffer was just set to a scalar starts from the scalar, and nothing is set.
    Sums of products of bf16 become contractions in the shape of the target's dot product, where it has one (`lowbit-lower-dot-products`).
    Transposes move square tiles through registers, converted to no larger elements on the way. Bits, or bytes, put side by side in words are registers read as words. What is left over at the end of a row takes a shorter vector, or scalars where the size is not known.

    ```text
    linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], …}
        ins(%x, %m : memref<8x32xf32>, memref<8xf32>) outs(%y : memref<8x32xf32>) { … arith.subf … }
    // ==>
    scf.for %i = %c0 to %c8 step %c1 {
      %mi = memref.load %m[%i] : memref<8xf32>
      scf.for %j = %c0 to %c32 step %c16 {
        %xs = vector.load %x[%i, %j] : memref<8x32xf32>, vector<16xf32>
        %ms = vector.broadcast %mi : f32 to vector<16xf32>
        %ys = arith.subf %xs, %ms : vector<16xf32>
        vector.store %ys, %y[%i, %j] : memref<8x32xf32>, vector<16xf32>
      }
    }
    ```
    An op that stays scalar is a remark with its reason.
  }];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "linalg::LinalgDialect", "memref::MemRefDialect", "scf::SCFDialect",
                           "vector::VectorDialect"];
}

def VerifyLoweredPass : Pass<"lowbit-verify-lowered"> {
  let summary = "Refuse what upstream conversions leave behind in silence";
  let description = [{
    Ends every pipeline. Any op or type of the dialect that is left is an error that names it and where it came from.

    ```text
    func.func @f(%m: memref<4x!lowbit.code<#lowbit.ternary>>) { return }
    // ==> error: 'func.func' op type `memref<4x!lowbit.code<#lowbit.ternary>>` was not lowered
    ```
  }];
}

def OutlineLoopsPass : Pass<"lowbit-outline-loops", "::mlir::ModuleOp"> {
  let summary = "Give each outermost loop of an entry point a function of its own";
  let description = [{
    Registers are allocated function by function. In one function with hundreds of loops, constants that many loops share are alive through all
    of them and push accumulators out of the registers; time to compile grows faster than the number of loops. Here every loop (`scf.for`,
    `scf.parallel`) of a public function's body becomes a private function that is not inlined. It is handed the arguments of the entry point
    that it uses, and makes its constants and views of them itself. Functions with one such loop, and loops that yield what they have in registers, are left alone.

    ```text
    func.func @f(%x: memref<16xf32>, %y: memref<16xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      scf.for %i = %c0 to %c16 step %c1 {
        %0 = memref.load %x[%i] : memref<16xf32>
        memref.store %0, %y[%i] : memref<16xf32>
      }
      …
    }
    // ==>
    func.func private @f_loop_0(%x: memref<16xf32>, %y: memref<16xf32>) attributes {passthrough = ["noinline"]} {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %c16 = arith.constant 16 : index
      scf.for %i = %c0 to %c16 step %c1 {
        %0 = memref.load %x[%i] : memref<16xf32>
        memref.store %0, %y[%i] : memref<16xf32>
      }
      return
    }
    func.func @f(%x: memref<16xf32>, %y: memref<16xf32>) {
      call @f_loop_0(%x, %y) : (memref<16xf32>, memref<16xf32>) -> ()
      …
    }
    ```
  }];
  let dependentDialects = ["func::FuncDialect"];
}

#endif
