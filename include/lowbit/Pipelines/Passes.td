//===- Passes.td - pipelines, each a documented pass ----------------------===//

#ifndef LOWBIT_PIPELINES_PASSES_TD
#define LOWBIT_PIPELINES_PASSES_TD

include "mlir/Pass/PassBase.td"

def CompilePass : Pass<"lowbit-compile", "::mlir::ModuleOp"> {
  let summary = "From linalg and lowbit ops on tensors to the LLVM dialect";
  let description = [{
    Compiles for one machine. Public functions become `void`: a result is written into a buffer that the caller hands in, as trailing
    arguments in the order of the results (see lowbit/Pipelines/Pipelines.h for the calling convention). Nothing of the dialect is left:
    `lowbit-verify-lowered` comes last.

    With `target=reference` every lowbit op means what `lowbit-lower-reference` says and everything runs as plain loops
    with the C library's mathematics: slow, and what the other targets are compared with. `reference:sm_90a` and its like compute floats as
    the kernels of that GPU do, by the same loops (`lowbit-form-kernel-ops`).

    ```text
    func.func @f(%x: tensor<4xf32>) -> tensor<4xf32>
    // ==>
    llvm.func @f(%x_pointer: !llvm.ptr, …, %result_pointer: !llvm.ptr, …) attributes {llvm.emit_c_interface}
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"host\"", "The machine to compile for: host, reference, or a target's name">,
    Option<"threads", "threads", "unsigned", /*default=*/"1", "Threads that share the loops over rows; with one no parallel region is made">,
  ];
}

def FormKernelOpsPass : Pass<"lowbit-form-kernel-ops", "::mlir::ModuleOp"> {
  let summary = "What the kernels of a GPU compute, as ops on tensors";
  let description = [{
    The first part of the way to a GPU: `lowbit-fuse-quantize`, `lowbit-narrow-early`, `lowbit-form-matmuls`, `lowbit-join-matmuls`,
    `lowbit-lower-reference` and `lowbit-fuse-elementwise`, which change no bit of any result. Then, with `floats`, everything that is decided about
    floats: the order of sums (`lowbit-form-rows`, `lowbit-order-sums`), functions as polynomials (`lowbit-approximate-math`), divisions
    (`lowbit-divide-by-products`), fused operations (`lowbit-settle-floats`). The result is the definition of what the kernels compute; target
    `reference` runs it.

    ```text
    linalg.generic … { arith.mulf … arith.addf … }
    // ==>
    linalg.generic … attrs = {lowbit.order = {lanes = 32 : i64, neighbours = 4 : i64}} { math.fma … fastmath<reassoc> }
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"", "The GPU; by default the module's `lowbit.target`">,
    Option<"floats", "floats", "bool", /*default=*/"true", "Whether how floats are computed is decided">,
  ];
}

def QuantizePass : Pass<"lowbit-quantize", "::mlir::ModuleOp"> {
  let summary = "From a float model to one that computes on codes";
  let description = [{
    Normalizes linear layers, folds batch norm, names sites, smooths activations and chooses schemes as a recipe says, puts quantize and dequantize
    around sites, folds weights to codes, and fuses all that into `lowbit.contract`. The result is the model that is saved;
    `lowbit-compile` takes it from there. Passes, each testable alone: `lowbit-normalize-linears`, `lowbit-fold-batch-norm`,
    `lowbit-name-sites`,
    `lowbit-ptq-smooth-quant`, `lowbit-assign-schemes`, `lowbit-split-tensor-scales`, `lowbit-insert-qdq`, `lowbit-round-floats`, `lowbit-fold-weights`, `lowbit-fuse-qdq`.

    ```mlir
    func.func @before(%x: tensor<4x8xf32>) -> tensor<4x6xf32> {
      %zero = arith.constant 0.0 : f32
      %weight = arith.constant dense_resource<weight> : tensor<8x6xf32>
      %empty = tensor.empty() : tensor<4x6xf32>
      %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x6xf32>) -> tensor<4x6xf32>
      %r = linalg.matmul ins(%x, %weight : tensor<4x8xf32>, tensor<8x6xf32>) outs(%zeros : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    // ==>  with a recipe of dynamic s8 activations
    func.func @after(%x: tensor<4x8xf32>) -> tensor<4x6xf32> {
      %codes = arith.constant dense_resource<weight.codes> : tensor<8x6xi8>
      %scales = arith.constant dense_resource<weight.scales> : tensor<1x6xf32>
      %empty = tensor.empty() : tensor<4x6xf32>
      %s = lowbit.compute_scales %x <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>) -> tensor<4x1xf32>
      %c = lowbit.quantize %x, %s <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xi8>
      %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
        lhs(%c scales %s <#lowbit.int<8>, block = [1, 0]> : tensor<4x8xi8>, tensor<4x1xf32>)
        rhs(%codes scales %scales <#lowbit.int<8>, block = [0, 1]> : tensor<8x6xi8>, tensor<1x6xf32>)
        outs(%empty : tensor<4x6xf32>) {lowbit.site = "query"} -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
  let options = [
    Option<"recipe", "recipe", "std::string", /*default=*/"", "A recipe's name, a file, or a document in place">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics, for recipes with static activations">,
  ];
}

def PrepareTrainingPass : Pass<"lowbit-prepare-training", "::mlir::ModuleOp"> {
  let summary = "From a float model and a recipe to one that can be trained";
  let description = [{
    The first half of `lowbit-quantize`, up to and with the recipe's algorithms; then, where it is asked for, `lowbit-soften-rounding`;
    `lowbit-form-fake-quant`, scales of weights as constants, and `lowbit-extract-parameters`. `lowbit-finish-training` is the second half.

    ```mlir
    func.func @before(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %w = arith.constant dense_resource<w> : tensor<8x6xf32>
      %r = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32> loc("fc")
      return %r : tensor<4x6xf32>
    }
    // ==>
    func.func @after(%w: tensor<8x6xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"},
                     %s: tensor<f32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"}, %x: tensor<4x8xf32>, %z: tensor<4x6xf32>)
        -> tensor<4x6xf32> {
      %q = lowbit.fake_quant %w, %s <#lowbit.int<2>> : (tensor<8x6xf32>, tensor<f32>) -> tensor<8x6xf32> by #lowbit.lsq
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %q : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
  let options = [
    Option<"recipe", "recipe", "std::string", /*default=*/"", "A recipe's name, a file, or a document in place">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics, for recipes with static activations">,
    ListOption<"estimators", "estimator", "std::string", "What rounding's derivative is taken for, the first that fits a format; `lsq` by default">,
    ListOption<"soften", "soften", "std::string", "Globs over the sites of `lowbit-soften-rounding`; none by default">,
    Option<"function", "function", "std::string", /*default=*/"\"main\"", "The function that is trained">,
    ListOption<"parameters", "parameters", "std::string", "Patterns of the names of what is trained; all by default">,
  ];
}

def FinishTrainingPass : Pass<"lowbit-finish-training", "::mlir::ModuleOp"> {
  let summary = "From a trained model to one that computes on codes";
  let description = [{
    `lowbit-bind-parameters`, `lowbit-expand-fake-quant`, `lowbit-harden-rounding`, and the second half of `lowbit-quantize`: what was trained is what runs.

    ```text
    %q = lowbit.fake_quant %w, %s <#lowbit.int<2>>
    %r = linalg.matmul ins(%x, %q)
    // ==>
    %r = lowbit.contract %x, codes scale … : …
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"", "The function that was trained">,
    Option<"values", "values", "std::string", /*default=*/"", "The .npz that has its parameters">,
  ];
}

#endif
