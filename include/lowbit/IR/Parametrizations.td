//===- Parametrizations.td - what is rounded in place of a weight ---------===//

#ifndef LOWBIT_IR_PARAMETRIZATIONS_TD
#define LOWBIT_IR_PARAMETRIZATIONS_TD

include "lowbit/IR/Decimal.td"
include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Parametrization<string name, string mnemonicText, list<string> methods> : Lowbit_Attr<name, mnemonicText,
    [DeclareAttrInterfaceMethods<ParametrizationAttrInterface, methods>]>;

def Lowbit_XNORParametrizationAttr : Lowbit_Parametrization<"XNORParametrization", "xnor", ["fitsFormat", "buildScale", "followsScale"]> {
  let summary = "Binary weights by the mean of their magnitudes";
  let description = [{
    For `binary`: `scale = mean |w|` over the weights that share it, at every step, with its derivative (Rastegari et al., 2016,
    arXiv:1603.05279, equation 6; with a scale for each output as there). The scale is no parameter.
  }];
}

def Lowbit_TWNParametrizationAttr : Lowbit_Parametrization<"TWNParametrization", "twn", ["fitsFormat", "buildScale", "buildFactor"]> {
  let summary = "Ternary weights by a threshold on their magnitudes";
  let description = [{
    For `ternary`: with `t = threshold * mean |w|` over the weights that share a scale, those of magnitude up to `t` become 0, and the scale is the
    mean magnitude of the others (Li et al., 2016, arXiv:1605.04711). Both are computed at every step and count as constants; the scale is
    no parameter. What is rounded is `w * scale / (2 t)`, whose codes are those.

    Example: `#lowbit.twn`, `#lowbit.twn<threshold = 0.75>`; without a threshold, 0.7.
  }];
  let parameters = (ins Lowbit_Decimal<"0.7">:$threshold);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
}

def Lowbit_TTQParametrizationAttr : Lowbit_Parametrization<"TTQParametrization", "ttq", ["fitsFormat", "buildFactor"]> {
  let summary = "Ternary weights by a threshold, with a trained scale";
  let description = [{
    For `ternary`: weights of magnitude up to `threshold * max |w|` become 0, and the scale is trained (Zhu et al., 2017, arXiv:1612.01064). One
    scale serves both signs, where the paper has two, and gradients of weights are not multiplied by it: codes of a tensor have one
    scale.

    Example: `#lowbit.ttq`, `#lowbit.ttq<threshold = 0.1>`; without a threshold, 0.05.
  }];
  let parameters = (ins Lowbit_Decimal<"0.05">:$threshold);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
}

def Lowbit_DoReFaParametrizationAttr : Lowbit_Parametrization<"DoReFaParametrization", "dorefa", ["fitsFormat", "buildElement", "buildFactor"]> {
  let summary = "Weights by their hyperbolic tangent, as a share of the largest";
  let description = [{
    For formats of more than one bit: `scale * largest * tanh(w) / max |tanh w|` is rounded, so that no weight saturates (Zhou et al.,
    2016, arXiv:1606.06160, equation 9). The scale, 1 / largest in the paper, is trained; the largest magnitude, over the weights that
    share a scale, counts as a constant.
  }];
}

#endif
