//===- Passes.td - passes that keep the dialect ---------------------------===//

#ifndef LOWBIT_TRANSFORMS_PASSES_TD
#define LOWBIT_TRANSFORMS_PASSES_TD

include "lowbit/Transforms/BufferPasses.td"
include "mlir/Pass/PassBase.td"
include "lowbit/Transforms/StoragePasses.td"

def RelaxFloatPass : Pass<"lowbit-relax-float"> {
  let summary = "Let the model's own float arithmetic be reordered and contracted";
  let description = [{
    Marks float arithmetic in the bodies of linalg ops with `fastmath<reassoc, nsz, arcp, contract>`: sums may be split over lanes, products and
    sums fused, divisions by what is constant along a row become products. Named contractions are generalized, to have a body. Runs before
    lowbit ops are lowered: what they define to the bit is not touched, but epilogues with a transcendental function are, which no
    two libraries compute alike anyway. Infinities and NaN keep their meaning. A linalg op with the attribute `lowbit.exact` (importers put it
    on arithmetic that a quantization operator defines) stays as it is, and so do conversions between float types.

    ```text
    %0 = arith.addf %x, %sum : f32
    // ==>
    %0 = arith.addf %x, %sum fastmath<reassoc,nsz,arcp,contract> : f32
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect"];
}

def FuseElementwisePass : Pass<"lowbit-fuse-elementwise"> {
  let summary = "Fuse elementwise ops into their consumers where nothing expensive is computed twice";
  let description = [{
    An elementwise producer joins its consumer if it has no other, or if it is a few additions and products on one large operand, or if its
    element is the same along the consumer's innermost loop (vector code computes it once a row). Contractions take only
    transposes that keep rows contiguous: they would compute anything else once for each row or column.

    ```text
    %d = linalg.generic … ins(%x, %mean) { … arith.subf … }
    %s = linalg.generic … ins(%d) { … arith.mulf %in, %in … }
    // ==>
    %s = linalg.generic … ins(%x, %mean) { … arith.subf … arith.mulf … }
    ```
  }];
  let dependentDialects = ["affine::AffineDialect", "linalg::LinalgDialect", "tensor::TensorDialect"];
}

def DecomposeSoftmaxPass : Pass<"lowbit-decompose-softmax"> {
  let summary = "Make softmax ops that have bodies";
  let description = [{
    `linalg.softmax`, which nothing can be fused with and no derivative is known of, becomes a maximum, the exponential of what is left
    without it, their sum, and a division.

    ```text
    %y = linalg.softmax dimension(1) ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
    // ==>
    %m = linalg.generic … ins(%x) { … arith.maxnumf }
    %n = linalg.generic … ins(%x, %m) { … arith.subf, math.exp }
    %d = linalg.generic … ins(%n) { … arith.addf }
    %y = linalg.generic … ins(%n, %d) { … arith.divf }
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "math::MathDialect", "tensor::TensorDialect"];
}

include "lowbit/Transforms/FormPasses.td"

def DuplicateFillsPass : Pass<"lowbit-duplicate-fills"> {
  let summary = "Give every op that starts from a constant tensor one of its own";
  let description = [{
    Several sums that start from one tensor of zeros would each get a copy of it when tensors become buffers. Writing zeros again is
    cheaper. Run right before bufferization: CSE would undo it.

    ```text
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %a = linalg.generic … outs(%z : tensor<4xf32>)
    %b = linalg.generic … outs(%z : tensor<4xf32>)
    // ==> one linalg.fill before each
    ```
  }];
  let dependentDialects = ["linalg::LinalgDialect", "tensor::TensorDialect"];
}

def FuseRowsPass : Pass<"lowbit-fuse-rows"> {
  let summary = "Compute chains of ops over the same rows a few rows at a time";
  let description = [{
    Ops of which each computes a row from the same row of those before it, such as the scores of attention, their softmax and its product
    with the values, or a layer norm and the quantization of its result, run in one loop over the rows. What passes between them
    stays in the nearest cache and is no tensor any more. A product joins if what all rows read of it is small enough to be read
    again for every few rows. Rows that do not divide evenly end in a shorter step. Run it after `lowbit-duplicate-fills`.

    ```mlir
    func.func @before(%x: tensor<32x64xf32>, %zeros: tensor<32xf32>, %e: tensor<32x64xf32>) -> tensor<32x64xf32> {
      %s = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
          ins(%x : tensor<32x64xf32>) outs(%zeros : tensor<32xf32>) {
      ^bb0(%a: f32, %sum: f32):
        %0 = arith.addf %sum, %a : f32
        linalg.yield %0 : f32
      } -> tensor<32xf32>
      %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                           iterator_types = ["parallel", "parallel"]}
          ins(%x, %s : tensor<32x64xf32>, tensor<32xf32>) outs(%e : tensor<32x64xf32>) {
      ^bb0(%a: f32, %sum: f32, %o: f32):
        %0 = arith.divf %a, %sum : f32
        linalg.yield %0 : f32
      } -> tensor<32x64xf32>
      return %r : tensor<32x64xf32>
    }
    ```
    ```text
    // ==>
    %r = scf.for %i = %c0 to %c32 step %c4 iter_args(%out = %empty) -> (tensor<32x64xf32>) {
      %rows = tensor.extract_slice %x[%i, 0] [4, 64] [1, 1]
      %s = linalg.generic … ins(%rows) outs(tensor<4xf32>)
      %d = linalg.generic … ins(%rows, %s) outs(tensor<4x64xf32>)
      %next = tensor.insert_slice %d into %out[%i, 0] [4, 64] [1, 1]
      scf.yield %next
    }
    ```
  }];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "scf::SCFDialect", "tensor::TensorDialect"];
}

def NameSitesPass : Pass<"lowbit-name-sites", "::mlir::ModuleOp"> {
  let summary = "Name the ops that can be quantized";
  let description = [{
    Every contraction, convolution and table lookup of floats gets `lowbit.site`, by which recipes, statistics and reports know it: the
    name of its location, or its kind with a number where the location has no name. A name taken already gets `#2`, `#3`, …;
    a name that is there stays.

    ```mlir
    func.func @before(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32> loc("layer.0.query")
      return %r : tensor<4x6xf32>
    }
    // ==>
    func.func @after(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = linalg.matmul {lowbit.site = "layer.0.query"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
}

def InsertObserversPass : Pass<"lowbit-insert-observers", "::mlir::ModuleOp"> {
  let summary = "Record the activations of named sites";
  let description = [{
    Puts `lowbit.observe` before the activation operands of sites whose name matches one of the patterns (globs; all sites where there
    is none). A pattern that matches no site is an error. `axes` is `tensor` for one state, `channel` for one for each index of
    the axes that the op sums over, or `token` for the axes that it keeps; `auto` is `channel` where a state takes at most 1 KiB (the
    range of the tensor follows from those of channels), else `tensor`. Values of f16 and bf16 are widened first. `moments` are the
    patterns of sites that keep second moments, too, of the rows that meet one constant weight: channels along an axis, or the windows of a
    convolution. Depthwise and grouped convolutions have no such rows.

    ```mlir
    func.func @f(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = linalg.matmul {lowbit.site = "query"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    // ==>  with observer=percentile<99.9> axes=channel
    func.func @f(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      lowbit.observe "query" %x : tensor<4x8xf32> with #lowbit.percentile<99.9> per [1]
      %r = linalg.matmul {lowbit.site = "query"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
  let options = [
    Option<"observer", "observer", "std::string", /*default=*/"\"minmax\"", "An observer, such as `minmax` or `percentile<99.9>`">,
    ListOption<"sites", "sites", "std::string", "Patterns of site names, such as `encoder.*.query`">,
    Option<"axes", "axes", "std::string", /*default=*/"\"auto\"", "`tensor`, `channel`, `token` or `auto`">,
    ListOption<"moments", "moments", "std::string", "Patterns of the sites that keep second moments">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect"];
}

def LowerObservePass : Pass<"lowbit-lower-observe", "::mlir::ModuleOp"> {
  let summary = "Hand observed tensors to the run time";
  let description = [{
    Each `lowbit.observe` becomes a call of `lowbit_observe` with its number, in the order of the module, by which the recorder of the
    run knows its site (include/lowbit/Calibration/Recorder.h), and the values.

    ```mlir
    func.func @f(%x: tensor<4x8xf32>) {
      lowbit.observe "query" %x : tensor<4x8xf32> with #lowbit.minmax
      return
    }
    // ==>
    func.func private @lowbit_observe(i64, memref<*xf32>) attributes {llvm.emit_c_interface}
    func.func @f(%x: tensor<4x8xf32>) {
      %site = arith.constant 0 : i64
      %buffer = bufferization.to_buffer %x read_only : tensor<4x8xf32> to memref<4x8xf32>
      %values = memref.cast %buffer : memref<4x8xf32> to memref<*xf32>
      func.call @lowbit_observe(%site, %values) : (i64, memref<*xf32>) -> ()
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect", "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
}

def ExposeSitesPass : Pass<"lowbit-expose-sites", "::mlir::ModuleOp"> {
  let summary = "Return what sites compute, to compare a quantized model with its float one";
  let description = [{
    Every named contraction of a public function becomes one more result of it, `site:NAME`. What codes compute is returned as it is before the
    epilogue that was fused into it, which is what the float op of that name computes: a second contraction without it is added. Nothing else
    changes. For reports; a module with it is slower.

    ```mlir
    func.func @before(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      %e = math.exp %r : tensor<4x6xf32>
      return %e : tensor<4x6xf32>
    }
    // ==>
    func.func @after(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32> {lowbit.name = "site:fc"}) {
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      %e = math.exp %r : tensor<4x6xf32>
      return %e, %r : tensor<4x6xf32>, tensor<4x6xf32>
    }
    ```
  }];
  let dependentDialects = ["tensor::TensorDialect", "::mlir::lowbit::LowbitDialect"];
}

def NormalizeLinearsPass : Pass<"lowbit-normalize-linears"> {
  let summary = "Bring linear layers to matmul with a constant weight";
  let description = [{
    Exporters write a linear layer in many ways. Afterwards it is a `linalg.matmul` whose weight is a constant: transposes and reshapes of
    constants are carried out (resources too, which upstream folders leave alone), batch matmuls whose batches share a weight become
    one matmul over all rows, and what reads the result elementwise reads it as rows, so that it can become an epilogue.
    Run it before sites are named, in calibration as in quantization: both must see the same ops.

    ```mlir
    func.func @before(%x: tensor<2x4x8xf32>, %zeros: tensor<2x4x6xf32>, %e: tensor<2x8x6xf32>) -> tensor<2x4x6xf32> {
      %weight = arith.constant dense_resource<weight> : tensor<8x6xf32>
      %w = linalg.broadcast ins(%weight : tensor<8x6xf32>) outs(%e : tensor<2x8x6xf32>) dimensions = [0]
      %r = linalg.batch_matmul ins(%x, %w : tensor<2x4x8xf32>, tensor<2x8x6xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
      return %r : tensor<2x4x6xf32>
    }
    // ==>
    func.func @after(%x: tensor<2x4x8xf32>, %zeros: tensor<8x6xf32>) -> tensor<2x4x6xf32> {
      %weight = arith.constant dense_resource<weight> : tensor<8x6xf32>
      %rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x4x8xf32> into tensor<8x8xf32>
      %p = linalg.matmul ins(%rows, %weight : tensor<8x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<8x6xf32>) -> tensor<8x6xf32>
      %r = tensor.expand_shape %p [[0, 1], [2]] output_shape [2, 4, 6] : tensor<8x6xf32> into tensor<2x4x6xf32>
      return %r : tensor<2x4x6xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def FoldBatchNormPass : Pass<"lowbit-fold-batch-norm"> {
  let summary = "Put the affine function of each channel that follows a linear layer into its weight and bias";
  let description = [{
    What importers make of batch norm in inference: constants of channels are subtracted, multiplied, divided and added, in one elementwise op or
    a chain of them, among them the reciprocal of a square root. All that only reads a contraction with a constant weight is one affine function
    of each channel. Its factors go into the weight, its offsets, with a bias that was there, into one bias, computed in f64 and rounded once; so
    results are those of the chain up to the rounding of floats. A chain that only adds stays as it is.

    ```mlir
    func.func @before(%x: tensor<4x5xf32>, %e: tensor<4x2xf32>) -> tensor<4x2xf32> {
      %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
      %weight = arith.constant dense<1.0> : tensor<5x2xf32>
      %mean = arith.constant dense<[[3.0, -1.0]]> : tensor<1x2xf32>
      %gamma = arith.constant dense<[[0.5, 2.0]]> : tensor<1x2xf32>
      %r = linalg.matmul ins(%x, %weight : tensor<4x5xf32>, tensor<5x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
      %n = linalg.generic {indexing_maps = [affine_map<(n, c) -> (n, c)>, affine_map<(n, c) -> (0, c)>, affine_map<(n, c) -> (0, c)>,
                                            affine_map<(n, c) -> (n, c)>], iterator_types = ["parallel", "parallel"]}
          ins(%r, %mean, %gamma : tensor<4x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) outs(%e : tensor<4x2xf32>) {
      ^bb0(%y: f32, %m: f32, %g: f32, %out: f32):
        %0 = arith.subf %y, %m : f32
        %1 = arith.mulf %0, %g : f32
        linalg.yield %1 : f32
      } -> tensor<4x2xf32>
      return %n : tensor<4x2xf32>
    }
    // ==>
    func.func @after(%x: tensor<4x5xf32>, %e: tensor<4x2xf32>) -> tensor<4x2xf32> {
      %zeros = arith.constant dense<0.0> : tensor<4x2xf32>
      %weight = arith.constant dense<[[0.5, 2.0], [0.5, 2.0], [0.5, 2.0], [0.5, 2.0], [0.5, 2.0]]> : tensor<5x2xf32>
      %bias = arith.constant dense<[-1.5, 2.0]> : tensor<2xf32>
      %r = linalg.matmul ins(%x, %weight : tensor<4x5xf32>, tensor<5x2xf32>) outs(%zeros : tensor<4x2xf32>) -> tensor<4x2xf32>
      %n = linalg.generic {indexing_maps = [affine_map<(n, c) -> (n, c)>, affine_map<(n, c) -> (c)>, affine_map<(n, c) -> (n, c)>],
                           iterator_types = ["parallel", "parallel"]}
          ins(%r, %bias : tensor<4x2xf32>, tensor<2xf32>) outs(%e : tensor<4x2xf32>) {
      ^bb0(%y: f32, %b: f32, %out: f32):
        %0 = arith.addf %y, %b : f32
        linalg.yield %0 : f32
      } -> tensor<4x2xf32>
      return %n : tensor<4x2xf32>
    }
    ```

    What batch norm had measured stays on the layer (`lowbit.batch_norm`), for `lowbit-train-batch-norm`.

    Left, with a remark that says why: a layer whose result is read by others, too, a weight that is no constant of f32, channels that are no
    axis of the weight, constants that are not finite, and batch norm that follows no such layer. Run it behind `lowbit-normalize-linears`, in
    calibration as in quantization.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def AssignSchemesPass : Pass<"lowbit-assign-schemes", "::mlir::ModuleOp"> {
  let summary = "Choose a scheme for each site from a recipe";
  let description = [{
    Puts `lowbit.schemes` on each site: for every operand that becomes codes, by name, its scheme, and for static activations the scale (and
    zero point) that the statistics give. A site that stays float gets `lowbit.float_reason` and a remark with that reason, and
    `lowbit.float_type` where the recipe says in which type. A pattern
    that matches no site, and statistics that lack one, are errors. docs/recipes.md describes recipes.

    ```mlir
    func.func @before(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = linalg.matmul {lowbit.site = "scores"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    // ==>
    func.func @after(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = linalg.matmul {lowbit.site = "scores", lowbit.schemes = {lhs = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [1, 0]>},
                                                                    rhs = {scheme = #lowbit.scheme<#lowbit.int<8>>, scale = 0.5 : f32}}}
        ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
  let options = [
    Option<"recipe", "recipe", "std::string", /*default=*/"", "A recipe's name, a file, or a document in place">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics, for recipes with static activations">,
  ];
}

def SplitTensorScalesPass : Pass<"lowbit-split-tensor-scales"> {
  let summary = "Take a scale of the tensor out of weights, behind the op that reads them";
  let description = [{
    A weight whose scheme has `lowbit.tensor_scale` is divided by a scale of the whole tensor, and the result of its op multiplied by
    it: NVFP4, whose blocks have scales of f8E4M3FN. The scale is the least power of two with which the scale of a block with the
    tensor's whole range fits in the scheme's scale type. Powers of two make this exact: the result is, to the bit, what it would be if each
    block's scale were the product of both (only numbers below 2^-126 may differ). Whatever follows, algorithms included, sees
    scales of one level; the multiplication ends up in the epilogue of `lowbit.contract`. What the op accumulates on is added behind it.

    ```mlir
    func.func @before(%x: tensor<4x16xf32>, %z: tensor<4x2xf32>) -> tensor<4x2xf32> {
      %w = arith.constant dense<2.0e-3> : tensor<16x2xf32>
      %r = linalg.matmul {lowbit.schemes = {weight = {scheme = #lowbit.scheme<#lowbit.float<f4E2M1FN>, block = [16, 1], scale = f8E4M3FN>,
                                                      lowbit.tensor_scale}}}
        ins(%x, %w : tensor<4x16xf32>, tensor<16x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
      return %r : tensor<4x2xf32>
    }
    // ==>
    func.func @after(%x: tensor<4x16xf32>, %z: tensor<4x2xf32>) -> tensor<4x2xf32> {
      %w = arith.constant dense<2097.152> : tensor<16x2xf32>
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<4x2xf32>
      %i = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
      %p = linalg.matmul {lowbit.schemes = {weight = {scheme = #lowbit.scheme<#lowbit.float<f4E2M1FN>, block = [16, 1], scale = f8E4M3FN>}}}
        ins(%x, %w : tensor<4x16xf32>, tensor<16x2xf32>) outs(%i : tensor<4x2xf32>) -> tensor<4x2xf32>
      %s = arith.constant {lowbit.added} dense<9.53674316E-7> : tensor<f32>
      %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>, affine_map<(i, j) -> (i, j)>,
                                            affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%p, %s, %z : tensor<4x2xf32>, tensor<f32>, tensor<4x2xf32>) outs(%e : tensor<4x2xf32>)
          attrs = {lowbit.tensor_scale = 9.53674316E-7 : f32} {
      ^bb0(%product: f32, %scale: f32, %added: f32, %out: f32):
        %scaled = arith.mulf %product, %scale : f32
        %sum = arith.addf %scaled, %added : f32
        linalg.yield %sum : f32
      } -> tensor<4x2xf32>
      return %r : tensor<4x2xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def InsertQDQPass : Pass<"lowbit-insert-qdq"> {
  let summary = "Put quantize and dequantize before the operands that have a scheme";
  let description = [{
    The op itself stays and computes on the reals that codes stand for. Scales of weights and of dynamic activations are computed from
    the values (weights fold afterwards), static ones are constants.

    ```mlir
    func.func @before(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = linalg.matmul {lowbit.schemes = {lhs = {scheme = #lowbit.scheme<#lowbit.int<8>, block = [1, 0]>}}}
        ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    // ==>
    func.func @after(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %s = lowbit.compute_scales %x <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>) -> tensor<4x1xf32>
      %c = lowbit.quantize %x, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xi8>
      %d = lowbit.dequantize %c, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xi8>, tensor<4x1xf32>) -> tensor<4x8xf32>
      %r = linalg.matmul ins(%d, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect"];
}

def RoundFloatsPass : Pass<"lowbit-round-floats"> {
  let summary = "Round the operands of sites that stay in a smaller float";
  let description = [{
    Operands of an op with `lowbit.float_type` that are wider than this type are rounded to it, half to even: weights and tables on the
    host, so that the model takes the bytes of the smaller type, activations once behind what computes them, however many sites read
    them. The body of the op extends what it reads, so that products, sums and the result keep their type. A finite weight that
    would become infinite is an error.

    ```mlir
    func.func @before(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %w = arith.constant dense<1.001> : tensor<8x6xf32>
      %r = linalg.matmul {lowbit.float_type = bf16} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    // ==>
    func.func @after(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %w = arith.constant {lowbit.sqnr_db = 60.0 : f32} dense<1.0> : tensor<8x6xbf16>
      %e = tensor.empty() : tensor<4x8xbf16>
      %b = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
          ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xbf16>) {
      ^bb0(%in: f32, %out: bf16):
        %t = arith.truncf %in : f32 to bf16
        linalg.yield %t : bf16
      } -> tensor<4x8xbf16>
      %r = linalg.matmul ins(%b, %w : tensor<4x8xbf16>, tensor<8x6xbf16>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def SinkDequantizePass : Pass<"lowbit-sink-dequantize"> {
  let summary = "Move dequantize below ops that only move elements";
  let description = [{
    Puts `lowbit.dequantize` next to the contraction that can absorb it: transposes, reshapes and slices then move codes, a quarter of the
    bytes. Exact: no code or scale value changes. Not moved: ops that would tear a scale block apart, and a `dequantize` with
    other readers.

    ```mlir
    func.func @before(%c: tensor<4x8xi8>, %s: tensor<4x1xf32>, %init: tensor<8x4xf32>) -> tensor<8x4xf32> {
      %f = lowbit.dequantize %c, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xi8>, tensor<4x1xf32>) -> tensor<4x8xf32>
      %t = linalg.transpose ins(%f : tensor<4x8xf32>) outs(%init : tensor<8x4xf32>) permutation = [1, 0]
      return %t : tensor<8x4xf32>
    }
    // ==>
    func.func @after(%c: tensor<4x8xi8>, %s: tensor<4x1xf32>, %d: tensor<8x4xi8>, %e: tensor<1x4xf32>) -> tensor<8x4xf32> {
      %codes = linalg.transpose ins(%c : tensor<4x8xi8>) outs(%d : tensor<8x4xi8>) permutation = [1, 0]
      %scales = linalg.transpose ins(%s : tensor<4x1xf32>) outs(%e : tensor<1x4xf32>) permutation = [1, 0]
      %t = lowbit.dequantize %codes, %scales <#lowbit.int<8>, block = [0, 1]> : (tensor<8x4xi8>, tensor<1x4xf32>) -> tensor<8x4xf32>
      return %t : tensor<8x4xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def FoldWeightsPass : Pass<"lowbit-fold-weights"> {
  let summary = "Compute scales and codes of constants at compile time";
  let description = [{
    `lowbit.compute_scales` and `lowbit.quantize` of constants become constants, bit for bit what the reference lowering computes;
    large ones are resources named after the weight. NaN and infinity are errors.

    ```mlir
    func.func @before() -> tensor<f32> {
      %w = arith.constant dense<[[1.0, -2.0]]> : tensor<1x2xf32>
      %s = lowbit.compute_scales %w <#lowbit.int<8>> : (tensor<1x2xf32>) -> tensor<f32>
      return %s : tensor<f32>
    }
    // ==>
    func.func @after() -> tensor<f32> {
      %s = arith.constant dense<0.0157480314> : tensor<f32>
      return %s : tensor<f32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def FuseQDQPass : Pass<"lowbit-fuse-qdq"> {
  let summary = "Compute on codes: contractions and lookups of dequantized operands";
  let description = [{
    A contraction or convolution of dequantized operands becomes `lowbit.contract`; elementwise ops that are its only reader (bias,
    activation function, residual) become its epilogue. A lookup of rows of a dequantized table looks codes and scales up and
    dequantizes those. What cannot be fused stays, and a remark says why.

    ```mlir
    func.func @before(%c: tensor<4x8xi8>, %s: tensor<4x1xf32>, %e: tensor<8x6xi8>, %t: tensor<1x6xf32>) -> tensor<4x6xf32> {
      %zero = arith.constant 0.0 : f32
      %empty = tensor.empty() : tensor<4x6xf32>
      %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x6xf32>) -> tensor<4x6xf32>
      %d = lowbit.dequantize %c, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xi8>, tensor<4x1xf32>) -> tensor<4x8xf32>
      %w = lowbit.dequantize %e, %t <#lowbit.int<8>, block = [0, 1]> : (tensor<8x6xi8>, tensor<1x6xf32>) -> tensor<8x6xf32>
      %r = linalg.matmul ins(%d, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    // ==>
    func.func @after(%c: tensor<4x8xi8>, %s: tensor<4x1xf32>, %e: tensor<8x6xi8>, %t: tensor<1x6xf32>) -> tensor<4x6xf32> {
      %empty = tensor.empty() : tensor<4x6xf32>
      %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
        lhs(%c scales %s <#lowbit.int<8>, block = [1, 0]> : tensor<4x8xi8>, tensor<4x1xf32>)
        rhs(%e scales %t <#lowbit.int<8>, block = [0, 1]> : tensor<8x6xi8>, tensor<1x6xf32>)
        outs(%empty : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def PackWeightsPass : Pass<"lowbit-pack-weights"> {
  let summary = "Lay out constant weights of integer contractions as the target's dot product wants them";
  let description = [{
    The right side of a matmul of 8-bit codes, when it is a constant, is packed on the host. Codes that the register tile does not divide are
    padded with zeros. Nothing changes in meaning: the contraction reads the codes back through `lowbit.unpack`, which
    `lowbit-lower-contract` looks through.

    ```text
    %w = arith.constant dense_resource<w> : tensor<384x384xi8>
    %r = lowbit.contract … rhs(%w … : tensor<384x384xi8>)
    // ==>
    %p = arith.constant dense_resource<w.packed> : tensor<8x96x48x4xi8>
    %w = lowbit.unpack %p : tensor<8x96x48x4xi8> -> tensor<384x384xi8> of #lowbit.int<8> as #lowbit.panel<columns = 48, depth = 4>
    %r = lowbit.contract … rhs(%w … : tensor<384x384xi8>)
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"\"", "Target to pack for; without it the module's `lowbit.target`.">];
  let dependentDialects = ["arith::ArithDialect", "tensor::TensorDialect", "LowbitDialect"];
}

#endif
