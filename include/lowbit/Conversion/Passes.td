//===- Passes.td - passes into and out of the dialect ---------------------===//

#ifndef LOWBIT_CONVERSION_PASSES_TD
#define LOWBIT_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerReferencePass : Pass<"lowbit-lower-reference"> {
  let summary = "Lower every lowbit op to upstream dialects: the meaning of the dialect";
  let description = [{
    Each op becomes `linalg.generic`, `arith` and `math` that compute what its document says, element by element and without regard
    to speed. Every fast path is compared with it bit for bit. Tensors of `!lowbit.code` become tensors of i8.

    ```text
    %x = lowbit.dequantize %c, %s <#lowbit.int<8>> : (tensor<4xi8>, tensor<f32>) -> tensor<4xf32>
    // ==>
    %x = linalg.generic … ins(%c, %s : tensor<4xi8>, tensor<f32>) outs(%e : tensor<4xf32>) {
    ^bb0(%code: i8, %scale: f32, %out: f32):
      %0 = arith.extsi %code : i8 to i32
      %1 = arith.sitofp %0 : i32 to f32
      %2 = arith.mulf %1, %scale : f32
      linalg.yield %2 : f32
    } -> tensor<4xf32>
    ```
  }];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "linalg::LinalgDialect", "math::MathDialect",
                           "scf::SCFDialect", "tensor::TensorDialect"];
}

def FuseQuantizePass : Pass<"lowbit-fuse-quantize"> {
  let summary = "Let a contraction write the codes that its only reader would make of its result";
  let description = [{
    `lowbit.quantize` with one scale that is known now, as the only reader of a `lowbit.contract`, becomes the end of its epilogue: the reals
    never are in memory. Its arithmetic is that of the op's document, and is not relaxed with the model's own (run it after
    `lowbit-relax-float`). Integers narrower than a byte whose largest is at most 3, so that few comparisons tell them apart, are
    written as bytes, which `arith.trunci` narrows; wider ones, and scales that differ, stay with `quantize`.
    A border of one value, known now, is put around the codes instead of the reals, and codes of one scale are reshaped instead of reals.

    ```text
    %r = lowbit.contract … -> tensor<128x1536xf32>
    %c = lowbit.quantize %r, %scale <#lowbit.uint<8>> : (tensor<128x1536xf32>, tensor<f32>) -> tensor<128x1536xi8>
    // ==>
    %c = lowbit.contract … epilogue(…) { … arith.divf … math.roundeven … arith.fptosi … lowbit.yield %code : i8 } -> tensor<128x1536xi8>
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "math::MathDialect", "tensor::TensorDialect"];
}

def FoldThresholdsPass : Pass<"lowbit-fold-thresholds"> {
  let summary = "Compare sums of codes with thresholds where the epilogue makes codes of few values of them";
  let description = [{
    Where both sides of a `lowbit.contract` are codes of integers, and its scales and epilogue operands are constants that only differ along
    one axis of the result, a code is a function of the integer sum alone, for each index of that axis. If it never falls, or never rises,
    it is `codes - 1` thresholds. They are searched for by the float arithmetic itself, operation by operation, so that the code of every
    sum that the formats and the number of products allow is the same. That a function is monotone is known from its operations (sums and
    products with constants, bounds, rounding, comparisons, conversions), and otherwise found by trying every sum, where there are at most
    `tries`. Nothing of the float arithmetic is left: the scales are gone, and the epilogue compares i32. Zero points stay, as the sum is an integer with
    them, too; those that are not constant may be anything.

    ```text
    %c = lowbit.contract … lhs(%a scales %sa <#lowbit.binary> …) rhs(%b scales %sb <#lowbit.binary, block = [0, 1]> …) epilogue(%bias : tensor<32xf32>) {
    ^bb0(%real: f32, %b0: f32):
      %0 = arith.addf %real, %b0 : f32
      %1 = arith.divf %0, %scale : f32
      %2 = arith.cmpf ult, %1, %zero : f32
      %3 = arith.extui %2 : i1 to i8
      lowbit.yield %3 : i8
    }
    // ==>
    %c = lowbit.contract … lhs(%a <#lowbit.binary> …) rhs(%b <#lowbit.binary> …) epilogue(%threshold : tensor<32xi32>) {
    ^bb0(%sum: i32, %t: i32):
      %0 = arith.cmpi sge, %sum, %t : i32
      %1 = arith.select %0, %plus, %minus : i8
      lowbit.yield %1 : i8
    }
    ```

    Channels along which codes fall where others rise have their sums' bits inverted first (`-1 - sum`), by an operand of 0 or -1. Left as they
    are: more codes than `codes`, sums of more than 32 bits, scales that change along the reduction or are computed, and functions that are not monotone
    or give NaN. Run it behind `lowbit-fuse-quantize`.
  }];
  let options = [
    Option<"codes", "codes", "int64_t", /*default=*/"4", "The most codes that are told apart by comparisons">,
    Option<"tries", "tries", "int64_t", /*default=*/"1 << 22", "The most sums that are tried to find that a function is monotone">,
  ];
  let dependentDialects = ["arith::ArithDialect"];
}

def FormContractsPass : Pass<"lowbit-form-contracts"> {
  let summary = "Turn products of floats into lowbit.contract, so that they are cut for the target as products of codes are";
  let description = [{
    A matmul of f32, f16 or bf16 (a named op or a generic of that form) that the target has register tiles for becomes `lowbit.contract` without
    schemes, and what reads it elementwise becomes its epilogue. Constant right sides are packed when the contraction is cut; others are
    transposed at run time. Where both sides lie along the reduction and there are few rows, the sides are swapped and the result is transposed,
    so that less moves.

    Left as they are: what is marked `lowbit.exact`; convolutions; and products of two activations whose right side is small for each step
    of the outer loops, as in attention: `lowbit-fuse-rows` computes them row by row with the softmax between them.

    ```text
    %0 = linalg.generic {… matmul …} ins(%x, %w : tensor<128x384xf32>, tensor<384x1536xf32>) outs(%zeros : tensor<128x1536xf32>) …
    %1 = linalg.generic … ins(%0, %bias : tensor<128x1536xf32>, tensor<1536xf32>) … arith.addf
    // ==>
    %1 = lowbit.contract … lhs(%x : tensor<128x384xf32>) rhs(%w : tensor<384x1536xf32>) … epilogue(%bias : tensor<1536xf32>) { … arith.addf }
    ```

    ```text
    %0 = linalg.generic {… (m, k), (n, k), (m, n) …} ins(%x, %y : tensor<64x384xf32>, tensor<1536x384xf32>) …
    // ==>
    %t = lowbit.contract [… (n, k), (m, k), (n, m) …] lhs(%y : tensor<1536x384xf32>) rhs(%x : tensor<64x384xf32>) … -> tensor<1536x64xf32>
    %0 = linalg.transpose ins(%t : tensor<1536x64xf32>) outs(… : tensor<64x1536xf32>) permutation = [1, 0]
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"\"", "Target to form them for; without it the module's `lowbit.target`.">];
  let dependentDialects = ["LowbitDialect", "arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect"];
}

def GatherBitsPass : Pass<"lowbit-gather-bits"> {
  let summary = "Take the windows of convolutions of signs as words";
  let description = [{
    A contraction of codes of one bit, the sign, whose left codes are indexed by sums of loops: channels, the last axis of the left codes and
    the innermost of the window, become words once, and windows are copied as words, a thirty-second of the codes. Reals that are padded
    before they are quantized by one known scale are not: words are, with the code of the padding. No product changes. Runs before
    `lowbit-unfold-windows`, which makes a matmul of the rest; `lowbit-lower-contract` takes the words as they are.

    Left alone, with a remark that says why: channels that do not fill words or are not innermost, and dynamic sizes. For targets without
    vectors nothing is done.

    ```text
    %x = tensor.pad %reals … : tensor<7x5x64xf32> to tensor<9x7x64xf32>
    %q = lowbit.quantize %x, %one <#lowbit.binary> … -> tensor<9x7x64x!lowbit.code<#lowbit.binary>>
    %r = lowbit.contract [affine_map<(h, w, o, i, j, c) -> (h + i, w + j, c)>, …] lhs(%q …) rhs(%w … : tensor<3x3x64x8x!lowbit.code<#lowbit.binary>>) …
    // ==>
    %codes = lowbit.quantize %reals, %one <#lowbit.binary> … -> tensor<7x5x64x!lowbit.code<#lowbit.binary>>
    %planes = lowbit.to_bits %codes … -> tensor<1x7x5x2xi32>
    %words = tensor.insert_slice … into %border[1, 1, 0] … : tensor<7x5x2xi32> into tensor<9x7x2xi32>
    %windows = linalg.generic … ins(%image : tensor<9x14xi32>) outs(… : tensor<7x5x3x6xi32>) { … linalg.yield %in : i32 }
    %flat = lowbit.from_bits … -> tensor<35x576x!lowbit.code<#lowbit.binary>>
    %lhs = tensor.expand_shape %flat … into tensor<7x5x3x3x64x!lowbit.code<#lowbit.binary>>
    %r = lowbit.contract [affine_map<(h, w, o, i, j, c) -> (h, w, i, j, c)>, …] lhs(%lhs …) rhs(%w …) …
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"\"", "Target to compile for; without it the module's `lowbit.target`.">];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect", "LowbitDialect"];
}

def MoveChannelsLastPass : Pass<"lowbit-move-channels-last"> {
  let summary = "Give convolutions of codes channels that are the last axis";
  let description = [{
    A convolution whose channels come before its places, in the image or in the result, is computed with the channels last. The image, operands of
    the epilogue that are like the result, and the result are transposed; weights that are constants become other constants. Between two
    convolutions, through borders and quantization for one scale, transpositions meet and cancel, so that a chain of them is transposed
    once at either end. For targets without vectors nothing is done.

    ```text
    %r = lowbit.contract [affine_map<(n, o, h, w, c, i, j) -> (n, c, h + i, w + j)>, affine_map<(n, o, h, w, c, i, j) -> (o, c, i, j)>,
                          affine_map<(n, o, h, w, c, i, j) -> (n, o, h, w)>] lhs(%x … : tensor<1x16x9x7xi8>) rhs(%w … : tensor<8x16x3x3xi8>) …
    // ==>
    %xt = linalg.transpose ins(%x : tensor<1x16x9x7xi8>) outs(%e : tensor<1x9x7x16xi8>) permutation = [0, 2, 3, 1]
    %rt = lowbit.contract [affine_map<(n, o, h, w, c, i, j) -> (n, h + i, w + j, c)>, affine_map<(n, o, h, w, c, i, j) -> (o, i, j, c)>,
                           affine_map<(n, o, h, w, c, i, j) -> (n, h, w, o)>] lhs(%xt … : tensor<1x9x7x16xi8>) rhs(%wt … : tensor<8x3x3x16xi8>) …
    %r = linalg.transpose ins(%rt : tensor<1x7x5x8xi32>) outs(%f : tensor<1x8x7x5xi32>) permutation = [0, 3, 1, 2]
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"\"", "Target to compile for; without it the module's `lowbit.target`.">];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect", "LowbitDialect"];
}

def LowerContractPass : Pass<"lowbit-lower-contract"> {
  let summary = "Cut integer contractions for the registers and caches of the target";
  let description = [{
    A matmul of 8-bit codes becomes one `linalg.generic` for the start of its accumulators, one for the dot products and one for scales and
    epilogue, over tensors split in tiles: rows in `mo, mi`, columns in `no, ni`, the reduction in `ko, ki`. The first two tile loops are `scf.for`
    with all three inside, so that accumulators stay in registers; `ko` is a loop around the dot products alone. The three carry
    `lowbit.vectorize` for `convert-lowbit-to-vector`. Where the target's instruction wants sides of opposite signs, the left codes are
    offset by 128 and the accumulators start from the column sums that take it back, as zero points do: exactly.

    Rows that `lowbit-unfold-windows` would copy from an image are read where they lie, if channels fill dot products: the loops over the
    window are around `ko`, and a tile is of rows side by side. A border of zeros is left out where the accumulators start from zero, by
    the bounds of those loops and, where a tile has all rows of its axis, by letting only rows inside of the image take part.

    A right side that is not packed is transposed into panels; where the loop over columns is the outermost, a panel at a time, just before the
    rows that it meets, so that it is read from the caches and one panel is all the memory that is needed.

    Contractions that are not such matmuls stay, with a remark that says why.

    ```text
    %r = lowbit.contract … lhs(%a … : tensor<128x384xi8>) rhs(%w … : tensor<384x384xi8>) …
    // ==>
    %a8 = linalg.generic … xori 128
    %a4 = tensor.expand_shape %a8 … into tensor<16x8x96x4xi8>
    %r4 = scf.for %no … { scf.for %mo … {
      %start = linalg.generic … {lowbit.vectorize}
      %sums = scf.for %ko … { linalg.generic … {lowbit.vectorize} }
      %tile = linalg.generic … ins(%sums, %scales, …) {lowbit.vectorize}
    } }
    %r = tensor.collapse_shape %r4 … into tensor<128x384xf32>
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"\"", "Target to cut for; without it the module's `lowbit.target`.">];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "linalg::LinalgDialect", "math::MathDialect", "scf::SCFDialect",
                           "tensor::TensorDialect"];
}

def ConvertLowbitToVectorPass : Pass<"convert-lowbit-to-vector"> {
  let summary = "Turn the tiles of lowbit-lower-contract into the target's vector code";
  let description = [{
    On tensors: vectorizes the ops that carry `lowbit.vectorize` and no others, unrolls to the shape of the target's dot product,
    and keeps accumulators in registers across the loop over the reduction. A tile that is too large to unroll is an error.
    Runs before any other vector code is there. `lowbit-lower-dot-products` follows after bufferization.

    ```text
    %sums = linalg.generic … ins(%a, %b : tensor<1x8x1x4xi8>, tensor<1x1x48x4xi8>) outs(%start : tensor<1x8x1x48xi32>) {lowbit.vectorize}
    // ==>  24 times
    %sum = vector.contract … %left, %right, %acc : vector<1x4xi32>, vector<1x16x4xi32> into vector<16xi32>
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"\"", "Target of the code; without it the module's `lowbit.target`.">];
  let dependentDialects = ["arith::ArithDialect", "scf::SCFDialect", "tensor::TensorDialect", "vector::VectorDialect"];
}

def LowerDotProductsPass : Pass<"lowbit-lower-dot-products"> {
  let summary = "Turn contractions of one register into the target's dot product";
  let description = [{
    A `vector.contract` of codes extended to i32, in the shape of the target's dot product, becomes its instruction; what no pattern of
    the target takes is extended, multiplied and added lane by lane. After bufferization, which refuses calls of intrinsics.

    ```text
    %sum = vector.contract … %left, %right, %acc : vector<1x4xi32>, vector<1x16x4xi32> into vector<16xi32>
    // ==>
    %sum = llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%acc, %a, %b) : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"\"", "Target of the code; without it the module's `lowbit.target`.">];
  let dependentDialects = ["amx::AMXDialect", "arith::ArithDialect", "LLVM::LLVMDialect", "scf::SCFDialect", "vector::VectorDialect"];
}

def LowerTransfersPass : Pass<"lowbit-lower-transfers"> {
  let summary = "Turn reads and writes of vectors in buffers into plain loads and stores";
  let description = [{
    After bufferization: makes vectors over contiguous axes flat, and drops transfers in favour of `vector.load` and `vector.store`. A transfer
    that may reach out of bounds stays for `convert-vector-to-scf`.

    ```text
    %v = vector.transfer_read %m[%i, %c16, %c0], %poison {in_bounds = [true, true]} : memref<96x48x4xi8>, vector<16x4xi8>
    // ==>
    %flat = memref.collapse_shape %m [[0], [1, 2]] : memref<96x48x4xi8> into memref<96x192xi8>
    %v = vector.load %flat[%i, %c64] : memref<96x192xi8>, vector<64xi8>
    ```
  }];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "memref::MemRefDialect", "vector::VectorDialect"];
}

def PrefetchConstantsPass : Pass<"lowbit-prefetch-constants"> {
  let summary = "Ask memory early for the constants that a loop streams";
  let description = [{
    A loop that loads vectors from a constant larger than the target's second-level cache, at places that move with its counter, prefetches
    what lies 8 KiB further on. Constants are packed in the order in which they are read, so that this is what comes next, beyond the end of a
    panel, too. After transfers are loads.

    ```text
    scf.for %k … { %w = vector.load %weights[%n, %k, %c0] : memref<86x1024x512xi8>, vector<64xi8> … }
    // ==>
    scf.for %k … {
      memref.prefetch %weights[%n, %k, %c8192], read, locality<3>, data : memref<86x1024x512xi8>
      %w = vector.load %weights[%n, %k, %c0] : memref<86x1024x512xi8>, vector<64xi8> …
    }
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"\"", "Target of the code; without it the module's `lowbit.target`.">];
  let dependentDialects = ["affine::AffineDialect", "memref::MemRefDialect"];
}

def LowerKernelMathPass : Pass<"lowbit-lower-kernel-math", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Mathematics of kernels to instructions of the GPU";
  let description = [{
    Rounding, absolute value, square root, fused multiply-add, copied signs and counted bits become intrinsics of LLVM, before
    `convert-gpu-to-nvvm` makes calls of CUDA's library out of them. Functions that are no instruction stay; they are what
    `lowbit-serialize-kernels` refuses in the end.

    ```text
    %r = math.roundeven %x : f32
    // ==>
    %r = llvm.call_intrinsic "llvm.roundeven.f32"(%x) : (f32) -> f32
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def LowerMatmulsPass : Pass<"lowbit-lower-matmuls"> {
  let summary = "Products that kernels would compute become loops over elements";
  let description = [{
    `lowbit.matmul` on tensors as its document says: a sum of products in i32 that wraps, then its epilogue, each a `linalg.generic`. For
    targets that follow kernels without having any. Floats of 8 bits, and weights of few bits that meet floats (`lowbit.grouped_matmul`), are
    added up in the order that the op says (`lowbit.order`), and refused where it says none; weights are unpacked here.

    ```mlir
    func.func @before(%a: tensor<16x64xi8>, %b: tensor<32x64xi8>, %s: tensor<1x32xf32>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
      %r = lowbit.matmul lhs(%a : tensor<16x64xi8>) rhs(%b : tensor<32x64xi8>) outs(%init : tensor<16x32xf32>) operands(%s : tensor<1x32xf32>) {
      ^bb0(%sum: i32, %scale: f32):
        %0 = arith.sitofp %sum : i32 to f32
        %1 = arith.mulf %0, %scale : f32
        lowbit.yield %1 : f32
      } -> tensor<16x32xf32>
      return %r : tensor<16x32xf32>
    }
    ```
    ```text
    // ==>
    %sums = linalg.generic … ins(%a, %b) outs(%zeros : tensor<16x32xi32>) { … arith.muli … arith.addi }
    %r = linalg.generic … ins(%sums, %s) outs(%init : tensor<16x32xf32>) { … arith.mulf }
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "math::MathDialect", "tensor::TensorDialect"];
}

def ExpandOrdersPass : Pass<"lowbit-expand-orders"> {
  let summary = "Reductions become loops that combine elements in the order that they say";
  let description = [{
    On buffers: what `lowbit.order` (lowbit/Transforms/SumOrder.h) means, as plain loops. The lanes of a warp, or the warps that share a reduction,
    are elements of a small buffer. A sum of halves on a matrix unit becomes what tensor cores were measured to compute, in operations
    that are exact. Ops that say no order stay; no `fastmath` flag does.

    ```text
    linalg.generic … ins(%x : memref<8x384xf32>) outs(%y : memref<8xf32>) attrs = {lowbit.order = {lanes = 32, neighbours = 4}} { … arith.addf … }
    // ==>
    %lanes = memref.alloca() : memref<32xf32>
    scf.for %row … {
      scf.for %lane = %c0 to %c32 step %c1 { … scf.for %column … { … arith.addf … } }
      scf.for %lane = %c0 to %c16 step %c1 { … arith.addf … }
      …
    }
    ```
  }];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "math::MathDialect", "memref::MemRefDialect", "scf::SCFDialect"];
}

def LowerLaunchesPass : Pass<"lowbit-lower-launches", "::mlir::ModuleOp"> {
  let summary = "Launches of kernels become calls of the device";
  let description = [{
    `gpu.launch_func` becomes a call of `lowbit_gpu_launch` (lowbit/Execution/Device.h) with the address of a global named after the kernel,
    which who compiles the `gpu.module` defines. Arguments are numbers and pointers; one that the kernel takes by value (`llvm.byval`, a
    tensor map) is handed on as it is. Constants that functions name are copied to the device once, through `lowbit_gpu_constant`. Memrefs
    of functions are in the device's memory: an op that would read or write them on the host is an error. Before buffers become LLVM's,
    and before kernels do.

    ```text
    gpu.launch_func @kernels::@add blocks in (%n, %c1, %c1) threads in (%c128, %c1, %c1) args(%pointer : !llvm.ptr<1>, %size : i32)
    // ==>
    %kernel = llvm.mlir.addressof @kernels.add : !llvm.ptr
    %failed = llvm.call @lowbit_gpu_launch(%kernel, %blocks, …, %parameters, %count) : (!llvm.ptr, i32, …, !llvm.ptr, i32) -> i32
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "memref::MemRefDialect"];
}

def SerializeKernelsPass : Pass<"lowbit-serialize-kernels", "::mlir::ModuleOp"> {
  let summary = "Kernels become machine code inside the host's";
  let description = [{
    Each `gpu.module`, in the LLVM dialect and with an `#nvvm.target`, is compiled to PTX and, where `ptxas` is found, to a cubin; else the
    driver will assemble it. It is looked for in the search path, in the Python package `nvidia-cuda-nvcc` beside `lowbit`, and where CUDA installs
    it; the variable LOWBIT_PTXAS names another one, or `none`. With a `#rocdl.target` it is compiled to an object and
    linked by LLVM's `ld.lld`, with the triple of SPIR-V to a module of that. Globals with the bytes take its place, and one for
    each kernel that `lowbit-lower-launches` has left a call of. Registers of the kernels, bytes of spills (stored and loaded) and of the stack are
    remarks, and the attribute `lowbit.resources` of the global with the bytes.

    ```text
    gpu.module @kernels [#nvvm.target<chip = "sm_90a">] { llvm.func @add(…) attributes {nvvm.kernel} { … } }
    // ==>
    llvm.mlir.global internal constant @kernels.image("…")
    llvm.mlir.global internal @kernels.add() : !llvm.struct<(ptr, ptr, i64, ptr, ptr, i64, ptr)> { … }
    ```
  }];
  let options = [Option<"assemble", "assemble", "bool", "true", "Run ptxas, or the linker, where it is found; else always keep assembly.">];
}

def ReportAssertionsPass : Pass<"lowbit-report-assertions", "::mlir::ModuleOp"> {
  let summary = "An assertion that does not hold ends the call, not the process";
  let description = [{
    A function with `cf.assert`, or that calls one, takes a pointer to an i32 as its last argument, the status. An assertion that does not hold
    writes its number there, which begin at 1, and the function returns; in a loop on threads, its iteration ends. Who called or
    started threads looks whether the status is still 0 before anything else is done. `lowbit.signature` lists what each number means.
    Where all hold, this costs one comparison after each call. After structured loops have become branches, before those are
    LLVM's. A function whose address is taken, and one with an assertion in a region other than OpenMP's, is an error.

    ```text
    cf.assert %holds, "the index is one of five"
    // ==>
      cf.cond_br %holds, ^rest, ^out
    ^out:
      llvm.store %number, %status atomic monotonic : i32, !llvm.ptr
      return
    ```
  }];
  let dependentDialects = ["::mlir::cf::ControlFlowDialect", "::mlir::LLVM::LLVMDialect", "::mlir::ub::UBDialect"];
}

def ConvertQuantToLowbitPass : Pass<"convert-quant-to-lowbit"> {
  let summary = "Upstream's quantized types to codes, scales and zero points";
  let description = [{
    `quant.qcast` and `quant.dcast` become `lowbit.quantize` and `lowbit.dequantize` with constant scales; `quant.scast` goes away, since
    a code is its storage. Quantized types become their storage types everywhere, function signatures included. Per layer, per
    axis and sub-channel types are taken; scales are rounded to the expressed type, as upstream reads them.

    ```text
    %q = quant.qcast %x : tensor<4xf32> to tensor<4x!quant.uniform<u8:f32, 0.5:3>>
    // ==>
    %s = arith.constant dense<0.5> : tensor<f32>
    %z = arith.constant dense<3> : tensor<i8>
    %q = lowbit.quantize %x, %s, %z <#lowbit.uint<8>, zero = i8> : (tensor<4xf32>, tensor<f32>, tensor<i8>) -> tensor<4xi8>
    ```

    Errors name what cannot be said: storage bounds narrower than the type, storage over 16 bits, expressed types other than f32, f16
    and bf16, scalars and unranked tensors, types without scales, and ops that compute with quantized types.
  }];
  let dependentDialects = ["arith::ArithDialect", "::mlir::lowbit::LowbitDialect"];
}

def ConvertLowbitToQuantPass : Pass<"convert-lowbit-to-quant"> {
  let summary = "Codes with constant scales to upstream's quantized types";
  let description = [{
    The inverse of `convert-quant-to-lowbit` for what upstream can say; codes stay what they are, through `quant.scast`.

    ```text
    %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4xf32>, tensor<f32>) -> tensor<4xi8>
    // ==>
    %0 = quant.qcast %x : tensor<4xf32> to tensor<4x!quant.uniform<i8:f32, 5.000000e-01>>
    %c = quant.scast %0 : tensor<4x!quant.uniform<i8:f32, 5.000000e-01>> to tensor<4xi8>
    ```

    Errors name what cannot be said: scales that are not constants or not exact in the expressed type, formats that are not integers,
    `scaling = reciprocal`, and every op but `quantize`, `dequantize` and `fake_quant`.
  }];
  let dependentDialects = ["::mlir::quant::QuantDialect"];
}

#endif
