//===- Losses.td - what training makes small ------------------------------===//

#ifndef LOWBIT_IR_LOSSES_TD
#define LOWBIT_IR_LOSSES_TD

include "lowbit/IR/Decimal.td"
include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Loss<string name, string mnemonicText> : Lowbit_Attr<name, mnemonicText, [DeclareAttrInterfaceMethods<LossAttrInterface>]>;

def Lowbit_CrossEntropyLossAttr : Lowbit_Loss<"CrossEntropyLoss", "cross_entropy"> {
  let summary = "Classes: minus the logarithm of the softmax at the label";
  let description = [{
    `mean over rows of log(sum_c exp(x_c)) - x_label` for logits `x` `[…, classes]` and labels of i32 `[…]`, 0 to classes - 1. The largest
    logit is taken off first, and counts as a constant, which changes neither value nor gradient. A label outside of the range is
    undefined; training checks the data.
  }];
}

def Lowbit_SquaredErrorLossAttr : Lowbit_Loss<"SquaredErrorLoss", "squared_error"> {
  let summary = "Mean of the squared difference, over all elements";
}

def Lowbit_CosineLossAttr : Lowbit_Loss<"CosineLoss", "cosine"> {
  let summary = "One less the cosine of prediction and target along the last axis";
  let description = "`mean over rows of 1 - <x, t> / sqrt(<x, x> <t, t>)`. A row of zeros has no direction: its loss is NaN.";
}

def Lowbit_DivergenceLossAttr : Lowbit_Loss<"DivergenceLoss", "divergence"> {
  let summary = "How far the softmax of a student is from its teacher's";
  let description = [{
    `temperature² * mean over rows of sum_c t_c (log t_c - log p_c)` along the last axis, where `t` and `p` are the softmax of target and
    prediction, each divided by `temperature` before; the square keeps gradients as large at any temperature (Hinton et al., 2015,
    arXiv:1503.02531).

    Example: `#lowbit.divergence`, `#lowbit.divergence<temperature = 4.0>`; without a temperature, 1.
  }];
  let parameters = (ins Lowbit_Decimal<"1.0">:$temperature);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
}

#endif
