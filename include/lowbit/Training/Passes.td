//===- Passes.td - training in the IR -------------------------------------===//

#ifndef LOWBIT_TRAINING_PASSES_TD
#define LOWBIT_TRAINING_PASSES_TD

include "mlir/Pass/PassBase.td"

def FormFakeQuantPass : Pass<"lowbit-form-fake-quant"> {
  let summary = "Make quantize with dequantize one op that has a gradient";
  let description = [{
    Every `dequantize` of `quantize` by the same scheme, scales and zero points becomes `lowbit.fake_quant`, whose derivative is that of
    the first `estimator` that fits the format; a format that none fits is an error. Exact: it is what fake_quant means.
    `lowbit-expand-fake-quant` goes back.

    ```text
    %c = lowbit.quantize %x, %s <#lowbit.int<2>>
    %d = lowbit.dequantize %c, %s <#lowbit.int<2>>
    // ==>
    %d = lowbit.fake_quant %x, %s <#lowbit.int<2>> by #lowbit.lsq
    ```
  }];
  let options = [
    ListOption<"estimators", "estimator", "std::string", "What rounding's derivative is taken for, such as `ste`, or `approx_sign,lsq`: the first that fits a format; `lsq` by default">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
}

def ExpandFakeQuantPass : Pass<"lowbit-expand-fake-quant"> {
  let summary = "Make fake_quant quantize and dequantize, so that what was trained becomes codes";
  let description = [{
    The other way of `lowbit-form-fake-quant`; estimators are gone.

    ```text
    %d = lowbit.fake_quant %x, %s <#lowbit.int<2>> by #lowbit.lsq
    // ==>
    %c = lowbit.quantize %x, %s <#lowbit.int<2>>
    %d = lowbit.dequantize %c, %s <#lowbit.int<2>>
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect"];
}

def ExtractParametersPass : Pass<"lowbit-extract-parameters", "::mlir::ModuleOp"> {
  let summary = "Make float constants arguments that training can change";
  let description = [{
    Constants of f32 in `function` that are scales of `lowbit.fake_quant`, or have more than one element and are no splat, or are added to what a site gives,
    become leading arguments, named by the first site that reads them and their role (`fc1.weight`, `fc1.bias`, `fc1.weight_scale`,
    `fc1.activation_scale`), or by the constant's own name, where `parameters` (globs) match it. `lowbit.parameter` says what it is:
    `weight`, `scale` (keeps its sign), or `other`. The function `initial` returns their values. Of a weight whose rounding is soft, the
    variable alone is a parameter (`fc1.rounding`).

    ```mlir
    func.func @before(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %w = arith.constant dense_resource<w> : tensor<8x6xf32>
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    // ==>
    func.func @after(%w: tensor<8x6xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"}, %x: tensor<4x8xf32>, %z: tensor<4x6xf32>)
        -> tensor<4x6xf32> {
      %r = linalg.matmul {lowbit.site = "fc"} ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    func.func @initial() -> (tensor<8x6xf32> {lowbit.name = "fc.weight"}) {
      %w = arith.constant dense_resource<w> : tensor<8x6xf32>
      return %w : tensor<8x6xf32>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"", "The function whose constants they are">,
    ListOption<"parameters", "parameters", "std::string", "Patterns of names; all by default">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
}

def BindParametersPass : Pass<"lowbit-bind-parameters", "::mlir::ModuleOp"> {
  let summary = "Make arguments constants again, with values from a file";
  let description = [{
    Every argument of `function` with `lowbit.parameter` becomes the constant that `values`, an .npz, has by its name. An array that is not
    there, of another shape, or not finite is an error. All other functions are removed.

    ```mlir
    func.func @before(%w: tensor<2xf32> {lowbit.name = "w", lowbit.parameter = "other"}) -> tensor<2xf32> {
      return %w : tensor<2xf32>
    }
    // ==>
    func.func @after() -> tensor<2xf32> {
      %w = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
      return %w : tensor<2xf32>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"", "The function whose parameters they are">,
    Option<"values", "values", "std::string", /*default=*/"", "The .npz that has them">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def ParametrizeWeightsPass : Pass<"lowbit-parametrize-weights", "::mlir::ModuleOp"> {
  let summary = "Round what a rule makes of weights, by a scale that it trains or computes";
  let description = [{
    In `function`, each `lowbit.fake_quant` of a parameter that is a weight rounds what the first of `rules` that is for it makes of the weight
    (`#lowbit.xnor`, `#lowbit.twn`, `#lowbit.ttq`, `#lowbit.dorefa`), as ordinary ops, with `#lowbit.identity` for a derivative. A rule is
    `PATTERN=RULE`, a glob over names of parameters, whose formats must fit, or a `RULE` alone, for all weights whose formats it fits. A scale
    that is computed is an argument still, but no parameter, and read by nothing.

    The function `derived` takes weights and scales as they are trained, and returns, under the same names, those by which the function as it was
    gives what it now gives: what is deployed. Behind `lowbit-train-batch-norm`, what is parametrized is the weight times the ratio, and `derived`, which gives
    that, gives what is rounded in its place; rules whose scales are trained (`ttq`, `dorefa`) are refused there.

    ```mlir
    func.func @before(%w: tensor<8x6xf32> {lowbit.name = "fc.weight", lowbit.parameter = "weight"},
                      %s: tensor<f32> {lowbit.name = "fc.weight_scale", lowbit.parameter = "scale"}) -> tensor<8x6xf32> {
      %q = lowbit.fake_quant %w, %s <#lowbit.binary> : (tensor<8x6xf32>, tensor<f32>) -> tensor<8x6xf32> by #lowbit.lsq
      return %q : tensor<8x6xf32>
    }
    ```
    ```text
    // ==>  with rules=xnor
    func.func @after(%w: … {lowbit.parameter = "weight"}, %s: …) {
      %sum = linalg.generic … ins(%w) { %acc + |%w| }
      %mean = linalg.generic … ins(%sum) { %sum / 48 }
      %q = lowbit.fake_quant %w, %mean <#lowbit.binary> … by #lowbit.identity
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"", "The model">,
    ListOption<"rules", "rules", "std::string", "`RULE` or `PATTERN=RULE`, such as `twn` or `fc*=dorefa`">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def AddDitherPass : Pass<"lowbit-add-dither", "::mlir::ModuleOp"> {
  let summary = "Round stochastically";
  let description = [{
    In `function`, what `lowbit.fake_quant` rounds gets noise that is even over the gap between two codes, less its mean, so that rounding it to
    nearest rounds up as often as the value is near to the code above (Gupta et al., 2015, arXiv:1502.02551; for `binary` Courbariaux et al., 2015,
    arXiv:1511.00363, section 2.3). The noise counts as a constant. `values` are globs over names: of weights, `fc1.weight`, parametrized or not, and of
    activations with static scales, `fc1.activation`.

    `noise`, a last argument, holds a seed and the number of the step. Noise is a function of these, the number of the op in the
    function, and the element's (Philox 2x32-10; Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3"): the same on any number
    of threads, and in any order.

    ```text
    func.func @main(%w: … {lowbit.name = "fc.weight"}, …) {
      %q = lowbit.fake_quant %w, %s <#lowbit.int<4>>
    // ==>
    func.func @main(%w: … {lowbit.name = "fc.weight"}, …, %noise: tensor<2xi32> {lowbit.name = "noise"}) {
      %d = linalg.generic … ins(%s) attrs = {lowbit.detached} { %s * (u - 0.5) }
      %v = linalg.generic … ins(%w, %d) { %w + %d }
      %q = lowbit.fake_quant %v, %s <#lowbit.int<4>>
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"", "The model">,
    ListOption<"values", "values", "std::string", "Globs over names of what is rounded; all by default">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AverageRangesPass : Pass<"lowbit-average-ranges", "::mlir::ModuleOp"> {
  let summary = "Let scales of activations follow what is seen";
  let description = [{
    In `function`, scales by which activations are rounded (without zero points) are no longer parameters: each step puts
    `decay * scale + (1 - decay) * s` in their place, with the `s` that `lowbit.compute_scales` gives for the step's values. The step itself rounds
    by the old scale.

    ```text
    func.func @main(%s: tensor<f32> {lowbit.name = "fc.activation_scale", lowbit.parameter = "scale"}, …) -> (%y) {
      %q = lowbit.fake_quant %x, %s <#lowbit.uint<8>>
    // ==>  with decay=0.9
    func.func @main(%s: tensor<f32> {lowbit.name = "fc.activation_scale"}, …)
        -> (%y, tensor<f32> {lowbit.name = "fc.activation_scale", lowbit.updates = "fc.activation_scale"}) {
      %q = lowbit.fake_quant %x, %s <#lowbit.uint<8>>
      %seen = lowbit.compute_scales %x <#lowbit.uint<8>>
      %n = linalg.generic … ins(%s, %seen) { %s + 0.1 * (%seen - %s) }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"", "The model">,
    Option<"decay", "decay", "double", /*default=*/"0.99", "How much of a scale a step leaves, above 0 and below 1">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def TrainBatchNormPass : Pass<"lowbit-train-batch-norm", "::mlir::ModuleOp"> {
  let summary = "Let layers that batch norm was folded into be normalized by their batch again";
  let description = [{
    In `function`, each layer with `lowbit.batch_norm` (`lowbit-fold-batch-norm`) whose weight and bias are parameters is normalized by the mean
    and the variance of the step's batch (Ioffe and Szegedy, 2015, arXiv:1502.03167). `SITE.gamma` becomes a parameter beside the weight and the
    bias, which is beta now. `SITE.mean` and `SITE.variance` (with epsilon) are running averages, which steps move by `momentum` and which are no
    parameters. The weight that is rounded is the one that is deployed, `weight * r` with `r = gamma / sqrt(variance)`, and `r` is taken out of
    the sums again before they are normalized (Krishnamoorthi, 2018, arXiv:1806.08342):

    ```text
    %q = lowbit.fake_quant %w, %s                                      // before
    %y = linalg.matmul {lowbit.batch_norm = …, lowbit.site = "fc"} ins(%x, %q)
    %z = linalg.generic ins(%y, %bias) { %y + %bias }
    // ==>
    %r = linalg.generic ins(%gamma, %variance) { gamma / sqrt(variance) }
    %q = lowbit.fake_quant (%w * %r), %s
    %y = linalg.matmul {lowbit.site = "fc"} ins(%x, %q)
    %t = linalg.generic ins(%y, %r) { %y / %r }
    %z = linalg.generic ins(%t, …) { (%t - mean of %t) / sqrt(variance of %t + epsilon) * gamma + bias }
    ```

    Where the argument `frozen` (`tensor<f32>`) is above one half, averages are taken in place of the batch's statistics, through which nothing is
    differentiated then, and they stay: the function is the deployed one. The function `derived` gives the weight and bias as they are
    deployed, `weight * r` and `bias - mean * r`, under the names of those that are trained. `initial` gives values that leave the frozen function
    what it was.

    Layers whose weight or bias is no parameter stay folded. A module that has `derived` already is an error: `lowbit-parametrize-weights` runs behind.
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"", "The model">,
    Option<"momentum", "momentum", "double", /*default=*/"0.1", "The share of a batch in the averages, above 0 and at most 1">,
    Option<"epsilon", "epsilon", "double", /*default=*/"1e-5", "What is added to a batch's variance, at least 0">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def AddLossPass : Pass<"lowbit-add-loss", "::mlir::ModuleOp"> {
  let summary = "Make a function that computes a model's loss";
  let description = [{
    `NAME` takes what `function` takes, and what its result `result` is compared with, called `labels`; it returns the loss, called
    `loss`, and what `function` returns.

    ```mlir
    func.func @main(%x: tensor<4x3xf32>) -> tensor<4x3xf32> {
      return %x : tensor<4x3xf32>
    }
    // ==>  with loss=squared_error
    func.func @loss(%x: tensor<4x3xf32>, %labels: tensor<4x3xf32> {lowbit.name = "labels"}) -> (tensor<f32> {lowbit.name = "loss"}, tensor<4x3xf32>) {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<f32>
      %loss = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32> // the mean of (x - labels)²
      return %loss, %x : tensor<f32>, tensor<4x3xf32>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"main\"", "The model">,
    Option<"name", "name", "std::string", /*default=*/"\"loss\"", "What the new function is called">,
    Option<"loss", "loss", "std::string", /*default=*/"\"cross_entropy\"", "A loss, such as `cross_entropy`, `squared_error` or `cosine`">,
    Option<"result", "result", "unsigned", /*default=*/"0", "Which result is compared">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def DifferentiatePass : Pass<"lowbit-differentiate", "::mlir::ModuleOp"> {
  let summary = "Make a function that computes a loss and its gradients";
  let description = [{
    Reverse mode, on tensors, before anything is fused: `NAME` takes what `function` takes, and returns what it returns and, for each
    argument with `lowbit.parameter` (or named by `wrt`), the derivative of the first result, `tensor<f32>`, by it, called
    `gradient.ARGUMENT`. See docs/training.md for which ops have a derivative, and what counts as the slope where there is none.

    A value of the forward pass that the backward pass reads is either kept, or computed again before its first reader there, from values
    that are kept. By `rematerialize=cost` the choice that moves the fewest bytes is made, for all values at once (a minimum cut):

    - A value that is kept is loaded, and stored, where the forward pass could have gone without that: where its only reader there is
      elementwise and joins it.
    - A value that is computed again costs the loads of what it is computed from, and its arithmetic: for an element, an addition counts as half a
      byte, a division two, a transcendental function eight, fake quantization 4.5. It is stored and loaded besides where it cannot join its
      reader: a contraction, or one of several.
    - Contractions, reductions, and what has no static shape or no known cost are never computed again; reshapes always are.

    With `budget`, bytes that are kept have the lowest price by which the kept ones are at most so many; less than can be is an error. `always` keeps
    what must be kept, `never` computes nothing again. Gradients are the same to the bit
    (`lowbit-relax-float` contracts products and sums across ops that are fused, by which bits may differ on a host). Ops that compute again bear `lowbit.rematerialized`, and a
    remark says how many there are and how many bytes are kept.

    ```mlir
    func.func @loss(%w: tensor<4xf32> {lowbit.name = "w", lowbit.parameter = "other"}, %z: tensor<f32>) -> tensor<f32> {
      %r = linalg.dot ins(%w, %w : tensor<4xf32>, tensor<4xf32>) outs(%z : tensor<f32>) -> tensor<f32>
      return %r : tensor<f32>
    }
    ```
    ```text
    // ==>
    func.func @loss_gradients(%w: tensor<4xf32>, %z: tensor<f32>) -> (tensor<f32>, tensor<4xf32> {lowbit.name = "gradient.w"}) {
      %r = linalg.dot ins(%w, %w : …) outs(%z : tensor<f32>)
      %one = arith.constant dense<1.0> : tensor<f32>
      %a = linalg.generic … ins(%w, %w, %one) { … arith.mulf %dy, %w … }
      %b = linalg.generic … ins(%w, %w, %one) { … arith.mulf %dy, %w … }
      %d = linalg.add ins(%a, %b …)
      return %r, %d : tensor<f32>, tensor<4xf32>
    }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"loss\"", "The function whose first result is differentiated">,
    Option<"name", "name", "std::string", /*default=*/"\"\"", "What the new function is called; `function` with `_gradients` by default">,
    ListOption<"wrt", "wrt", "std::string", "Names of the arguments that are differentiated by; parameters by default">,
    Option<"rematerialize", "rematerialize", "std::string", /*default=*/"\"cost\"", "`cost`, `never` or `always`: what of the forward pass is computed again">,
    Option<"budget", "budget", "int64_t", /*default=*/"0", "The most bytes of the forward pass that are kept for the backward pass; 0: any">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def AddOptimizerPass : Pass<"lowbit-add-optimizer", "::mlir::ModuleOp"> {
  let summary = "Make a function that takes one step of training";
  let description = [{
    `NAME` takes the parameters of `function` (what `lowbit-differentiate` made), the optimizer's states of each (`state0.PARAMETER`, …), its
    other inputs, and `rate` and `step` (`tensor<f32>`, counted from 1); it returns the loss, and the new parameters and states
    under the names they came by, which `lowbit.updates` puts where the old ones are. Parameters that are scales keep their sign and stay at least 2^-20 in magnitude, and follow `scale-rate` times `rate`. The
    first of `rates` that matches a parameter's name multiplies its rate; by 0 it stays. With `clip` above 0, gradients whose joint norm is larger are made that long.

    With `summed`, gradients are not computed: they come as inputs, `gradient.PARAMETER`, such as the means of those that several processes
    have computed; there is no loss then, and the other inputs are read by nothing.

    ```text
    func.func @loss_gradients(%w: tensor<4xf32> {lowbit.parameter = "other"}) -> (tensor<f32>, tensor<4xf32> {lowbit.name = "gradient.w"})
    // ==>  with optimizer=sgd
    func.func @step(%w: tensor<4xf32>, %rate: tensor<f32>, %step: tensor<f32>) -> (tensor<f32>, tensor<4xf32> {lowbit.name = "w"})
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"loss_gradients\"", "What computes the gradients">,
    Option<"name", "name", "std::string", /*default=*/"\"training_step\"", "What the new function is called">,
    Option<"optimizer", "optimizer", "std::string", /*default=*/"\"adam\"", "An optimizer, such as `adam<decay = 0.01>` or `sgd<momentum = 0.9>`">,
    Option<"scaleRate", "scale-rate", "double", /*default=*/"0.1", "The rate of scales, as a share of the others'">,
    ListOption<"rates", "rates", "std::string", "`PATTERN=FACTOR`: the rate of parameters whose names match, as a share of what it would be">,
    Option<"clip", "clip", "double", /*default=*/"0.0", "The largest norm of all gradients together; 0: any">,
    Option<"summed", "summed", "bool", /*default=*/"false", "Gradients are inputs">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def DistillPass : Pass<"lowbit-distill", "::mlir::ModuleOp"> {
  let summary = "Let a student learn from a teacher's values besides its labels";
  let description = [{
    Computes the teacher, `function main` of the module in `file` (or the function `teacher` of this module), inside of `function`, from the
    inputs of the same names, and replaces the loss, its first result, by
    `labels * loss + sum of weight * LOSS(student's value, teacher's value)` over `terms`, each `WHAT=LOSS*WEIGHT`:

    - `result` is the first result of both models, behind the loss: `result=divergence<temperature = 2.0>*0.5` (Hinton et al., 2015,
      arXiv:1503.02531).
    - Anything else is a pattern of sites and of nodes of the source's graph (locations); each that matches, and that the teacher has
      under the same name, adds a term. A site stands for what the op gives, before its bias; a node, for what the last op gives that
      was made of it: hidden states (`*.output.LayerNorm=squared_error*0.1`), maps of attention by their masked scores
      (`*.self.mask=divergence*0.1`, MiniLM, Wang et al., 2020, arXiv:2002.10957), values, embeddings.

    Where only the last sizes of two such values differ, the student's is multiplied by a matrix first, which is one more parameter,
    `projection.NAME`, of `function` and of `initial`: trained, and no part of the model that is deployed (FitNets, Romero et al., 2015,
    arXiv:1412.6550).

    A share that counts 0 is left out. Nothing is differentiated through the teacher. A term that matches nothing of both, and values of otherwise different shapes, are errors.

    ```text
    func.func @loss(%w: … {lowbit.parameter = "weight"}, %x: …, %labels: …) -> (tensor<f32>, %logits)
    // ==>  with terms=result=squared_error*0.5
    func.func @loss(%w: … {lowbit.parameter = "weight"}, %x: …, %labels: …) -> (tensor<f32>, %logits) {
      …            // the student, and its loss
      %t = …       // the teacher, of %x
      %d = …       // the mean of (logits - t)²
      %sum = linalg.generic … ins(%loss, %d) { %labels * loss + 0.5 * d }
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"loss\"", "The student's loss, from `lowbit-add-loss`">,
    Option<"teacher", "teacher", "std::string", /*default=*/"\"teacher\"", "The teacher, a function of this module">,
    Option<"file", "file", "std::string", /*default=*/"\"\"", "A module whose `main` is the teacher">,
    ListOption<"terms", "terms", "std::string", "What is compared, by which loss, and how much it counts">,
    Option<"labels", "labels", "double", /*default=*/"1.0", "How much the loss of labels counts">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def SoftenRoundingPass : Pass<"lowbit-soften-rounding", "::mlir::ModuleOp"> {
  let summary = "Let a gradient choose whether weights are rounded up or down";
  let description = [{
    AdaRound's form of a weight (Nagel et al., 2020, arXiv:2004.10568), for any format and scheme: between the algorithms of a recipe and
    `lowbit-form-fake-quant`, the weight of each site that matches becomes `below + gap * h(v)`, its neighbours on the grid and a variable,
    with `h(v) = clamp(1.2 * sigmoid(v) - 0.1, 0, 1)`. At first it is the weight. Scales are those that algorithms chose, and stay;
    codes that they chose are forgotten. `lowbit-extract-parameters` calls the variable `SITE.rounding`.

    ```text
    %q = lowbit.quantize %w, %s <#lowbit.int<2>>
    %d = lowbit.dequantize %q, %s <#lowbit.int<2>>
    // ==>
    %d = linalg.generic … ins(%below, %gap, %v) attrs = {lowbit.rounding = "fc", lowbit.rounding_scheme = …, …} { %below + %gap * h(%v) }
    ```
  }];
  let options = [
    ListOption<"sites", "sites", "std::string", "Globs over sites; all by default">,
  ];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

def HardenRoundingPass : Pass<"lowbit-harden-rounding"> {
  let summary = "Round weights up or down as was learned";
  let description = [{
    What `lowbit-soften-rounding` made, its operands constants again, becomes `quantize` and `dequantize` of a weight that lies on the grid:
    `below + gap` where `v` is above zero, else `below`. Where there is none, nothing changes.

    ```text
    %d = linalg.generic … ins(%below, %gap, %v) attrs = {lowbit.rounding = "fc", …}
    // ==>
    %q = lowbit.quantize %rounded, %s <#lowbit.int<2>>
    %d = lowbit.dequantize %q, %s <#lowbit.int<2>>
    ```
  }];
  let dependentDialects = ["::mlir::lowbit::LowbitDialect", "::mlir::arith::ArithDialect"];
}

def AddRoundingLossPass : Pass<"lowbit-add-rounding-loss", "::mlir::ModuleOp"> {
  let summary = "Make learned roundings decide";
  let description = [{
    Adds `regularization * sum of mean(1 - |2 h(v) - 1|^beta)` over the roundings that are arguments to the loss, the first result of
    `function`. `beta` and `regularization` become its last arguments: training lowers the first, from where only weights near a neighbour
    are drawn to it to where all are.

    ```text
    func.func @loss(%v: … {lowbit.name = "fc.rounding", lowbit.parameter = "other"}, …) -> (tensor<f32>, …)
    // ==>
    func.func @loss(%v: … {lowbit.name = "fc.rounding", lowbit.parameter = "other"}, …, %beta: tensor<f32> {lowbit.name = "beta"},
                    %regularization: tensor<f32> {lowbit.name = "regularization"}) -> (tensor<f32>, …)
    ```
  }];
  let options = [
    Option<"function", "function", "std::string", /*default=*/"\"loss\"", "The function whose first result is a loss">,
    ListOption<"sites", "sites", "std::string", "Globs over the sites that count; all by default">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

#endif
