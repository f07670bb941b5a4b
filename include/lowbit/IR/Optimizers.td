//===- Optimizers.td - how parameters follow their gradients --------------===//

#ifndef LOWBIT_IR_OPTIMIZERS_TD
#define LOWBIT_IR_OPTIMIZERS_TD

include "lowbit/IR/Decimal.td"
include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Optimizer<string name, string mnemonicText, list<string> methods = []> : Lowbit_Attr<name, mnemonicText,
    [DeclareAttrInterfaceMethods<OptimizerAttrInterface, methods>]>;

def Lowbit_AdamOptimizerAttr : Lowbit_Optimizer<"AdamOptimizer", "adam"> {
  let summary = "Adam, with decoupled weight decay (AdamW)";
  let description = [{
    `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g²`,
    `p = p - rate (m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + epsilon) + decay p)`
    (Kingma and Ba, 2015, arXiv:1412.6980; Loshchilov and Hutter, 2019, arXiv:1711.05101).

    Example: `#lowbit.adam`, `#lowbit.adam<beta2 = 0.99, decay = 0.01>`.
  }];
  let parameters = (ins Lowbit_Decimal<"0.9">:$beta1, Lowbit_Decimal<"0.999">:$beta2, Lowbit_Decimal<"1e-8">:$epsilon,
                        Lowbit_Decimal<"0.0">:$decay);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
}

def Lowbit_SGDOptimizerAttr : Lowbit_Optimizer<"SGDOptimizer", "sgd"> {
  let summary = "Stochastic gradient descent with momentum";
  let description = [{
    `v = momentum v + g + decay p`, `p = p - rate v`.

    Example: `#lowbit.sgd`, `#lowbit.sgd<momentum = 0.9, decay = 0.0001>`.
  }];
  let parameters = (ins Lowbit_Decimal<"0.0">:$momentum, Lowbit_Decimal<"0.0">:$decay);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
}

def Lowbit_LAMBOptimizerAttr : Lowbit_Optimizer<"LAMBOptimizer", "lamb", ["followsNorm"]> {
  let summary = "Adam whose steps are a share of each weight's norm, for large batches";
  let description = [{
    `u = m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + epsilon) + decay p` with `m` and `v` as `adam` has them,
    `p = p - rate (|p| / |u|) u` with the norms of the whole tensor, 1 in place of their ratio where one of them is 0 (You et al., 2020,
    arXiv:1904.00962, algorithm 2). Biases and scales neither decay nor follow their norm.

    Example: `#lowbit.lamb`, `#lowbit.lamb<decay = 0.01>`.
  }];
  let parameters = (ins Lowbit_Decimal<"0.9">:$beta1, Lowbit_Decimal<"0.999">:$beta2, Lowbit_Decimal<"1e-6">:$epsilon,
                        Lowbit_Decimal<"0.0">:$decay);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
}

#endif
