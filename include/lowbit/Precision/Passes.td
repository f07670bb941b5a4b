//===- Passes.td - which site gets how many bits --------------------------===//

#ifndef LOWBIT_PRECISION_PASSES_TD
#define LOWBIT_PRECISION_PASSES_TD

include "mlir/Pass/PassBase.td"

def AnalyzeSensitivityPass : Pass<"lowbit-analyze-sensitivity", "::mlir::ModuleOp"> {
  let summary = "Work out what each scheme would lose and cost at each site";
  let description = [{
    Changes nothing. For each site of the kinds that `space` names and each of its schemes, the weight is rounded as the space's
    algorithms round it, and `tr(E^T H E) / tr(W^T H W)` is written to a file: the energy of the output's error as a part of the output's, with the
    second moments `H` of what the site reads. Nothing is run. Without `stats`, `H` is taken to be the identity. A scheme whose groups do not divide a weight is no candidate there. Bytes are of codes, scales and zero points; energy is that
    of reports. docs/mixed-precision.md describes both files.

    ```text
    %r = linalg.matmul {lowbit.site = "fc"} …
    // ==>  a site {"name": "fc", …, "candidates": [{"scheme": "w4", "loss": 0.003, "bytes": 640, "latency": null, "energy": 31}, …]}
    ```
  }];
  let options = [
    Option<"space", "space", "std::string", /*default=*/"", "A file: the schemes to choose from">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics, with second moments of every site; empty: none">,
    Option<"centered", "centered", "bool", /*default=*/"false", "Leave out what the mean of the data does: an algorithm corrects the bias">,
    Option<"output", "output", "std::string", /*default=*/"\"-\"", "The file to write; `-` is standard output">,
  ];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect", "::mlir::lowbit::LowbitDialect"];
}

def SelectPrecisionPass : Pass<"lowbit-select-precision", "::mlir::ModuleOp"> {
  let summary = "Choose a scheme for each site from its sensitivity, under budgets";
  let description = [{
    Takes from a file of sensitivity, for each site, one of its candidates, such that the sum of losses is least while every budget is met.
    Budgets: `bytes` (constants of the whole model), `bits` (stored for each weight of the sites, scales included), `latency` (seconds),
    `energy` (picojoules); a number, or `0.5x` of the float model. `keep=PATTERN=SCHEME` fixes sites, `together=PATTERN` makes
    those that a pattern matches share one scheme. `exact` solves an integer program and proves that nothing is better; `greedy` and
    `uniform` are for comparison. Puts the schemes on the sites as `lowbit-assign-schemes` does, and
    writes them as a recipe where `output` says so. A budget that cannot be met is an error that names the nearest that can.

    ```mlir
    func.func @before(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    // ==>  with bits=4 and a file whose best candidate within is int<3>
    func.func @after(%x: tensor<4x8xf32>, %w: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = linalg.matmul {lowbit.site = "fc", lowbit.schemes = {rhs = {scheme = #lowbit.scheme<#lowbit.int<3>, block = [0, 1]>}}}
        ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
  let options = [
    Option<"sensitivity", "sensitivity", "std::string", /*default=*/"", "The file of sensitivity">,
    Option<"bytes", "bytes", "std::string", /*default=*/"", "The most bytes">,
    Option<"bits", "bits", "std::string", /*default=*/"", "The most bits a weight on average">,
    Option<"latency", "latency", "std::string", /*default=*/"", "The most seconds">,
    Option<"energy", "energy", "std::string", /*default=*/"", "The most picojoules">,
    ListOption<"keep", "keep", "std::string", "PATTERN=SCHEME: sites that get this scheme">,
    ListOption<"together", "together", "std::string", "Patterns whose sites share a scheme">,
    Option<"mode", "mode", "std::string", /*default=*/"\"exact\"", "exact, greedy or uniform">,
    Option<"name", "name", "std::string", /*default=*/"\"mixed\"", "The recipe's name">,
    Option<"output", "output", "std::string", /*default=*/"", "Where the recipe is written; `-` is standard output">,
    Option<"summary", "summary", "std::string", /*default=*/"", "Where loss, bound, costs and schemes are written, as JSON">,
    Option<"apply", "apply", "bool", /*default=*/"true", "Put the schemes on the sites">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics, for schemes with static activations">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
}

def SwitchSitesPass : Pass<"lowbit-switch-sites", "::mlir::ModuleOp"> {
  let summary = "Let the caller say, site by site, whether a weight is what its codes stand for or the float one";
  let description = [{
    Runs where algorithms run, between `lowbit-insert-qdq` and `lowbit-fold-weights`. Every site with a weight gets an input of its function,
    `switch:NAME`: where it is 0, the site computes with its float weight and activation, else with what codes stand for, in float arithmetic. With
    `correct` the result of a site that is on gets the shift that `bias-correction` would put into the bias. One compiled module then measures every
    site alone; the sum of products differs from that of codes by rounding.

    ```mlir
    func.func @before(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>) -> tensor<4x1xf32> {
      %w = arith.constant dense<[[0.4], [1.0]]> : tensor<2x1xf32>
      %s = lowbit.compute_scales %w <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>) -> tensor<1x1xf32>
      %c = lowbit.quantize %w, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xi2>
      %d = lowbit.dequantize %c, %s <#lowbit.int<2>, block = [0, 1]> : (tensor<2x1xi2>, tensor<1x1xf32>) -> tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %d : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    // ==>
    func.func @after(%x: tensor<4x2xf32>, %init: tensor<4x1xf32>, %switch: tensor<1xi32> {lowbit.name = "switch:fc"}) -> tensor<4x1xf32> {
      %i = arith.constant 0 : index
      %zero = arith.constant 0 : i32
      %on = tensor.extract %switch[%i] : tensor<1xi32>
      %flag = arith.cmpi ne, %on, %zero : i32
      %codes = arith.constant dense<[[0.0], [1.0]]> : tensor<2x1xf32>
      %floats = arith.constant dense<[[0.4], [1.0]]> : tensor<2x1xf32>
      %w = arith.select %flag, %codes, %floats : tensor<2x1xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x2xf32>, tensor<2x1xf32>) outs(%init : tensor<4x1xf32>) -> tensor<4x1xf32>
      return %r : tensor<4x1xf32>
    }
    ```
  }];
  let options = [
    Option<"sites", "sites", "std::string", /*default=*/"\"*\"", "Pattern of the sites that can be switched">,
    Option<"stats", "stats", "std::string", /*default=*/"", "The file of statistics, with second moments, for `correct`">,
    Option<"correct", "correct", "bool", /*default=*/"false", "Make up for the mean error of a site that is on">,
  ];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect", "::mlir::lowbit::LowbitDialect"];
}

#endif
