//===- Estimators.td - gradients of rounding ------------------------------===//

#ifndef LOWBIT_IR_ESTIMATORS_TD
#define LOWBIT_IR_ESTIMATORS_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Estimator<string name, string mnemonicText, list<string> methods = []> : Lowbit_Attr<name, mnemonicText,
    [DeclareAttrInterfaceMethods<EstimatorAttrInterface, methods>]>;

def Lowbit_STEEstimatorAttr : Lowbit_Estimator<"STEEstimator", "ste"> {
  let summary = "Straight-through, clipped";
  let description = [{
    d/dx is 1 inside the range of the format and 0 outside (Bengio et al., 2013, arXiv:1308.3432). d/dscale is that of the
    formula with round's derivative taken as 1: rounded - scaled inside, the nearer bound outside.
  }];
}

def Lowbit_LSQEstimatorAttr : Lowbit_Estimator<"LSQEstimator", "lsq", ["fitsFormat"]> {
  let summary = "Learned step size";
  let description = [{
    As `ste`, with the gradient of the scale divided by sqrt(elements of the block times the largest code), which no
    zero point shifts (Esser et al., 2020, arXiv:1902.08153). For formats whose largest code is above 0.
  }];
}

def Lowbit_PACTEstimatorAttr : Lowbit_Estimator<"PACTEstimator", "pact"> {
  let summary = "Parameterized clipping";
  let description = [{
    As `ste`, but what lies inside the range says nothing about the scale: d/dscale is the nearer bound outside, and 0 inside, so that
    the clip `scale * largest` follows the values that it cuts (Choi et al., 2018, arXiv:1805.06085).
  }];
}

def Lowbit_ApproxSignEstimatorAttr : Lowbit_Estimator<"ApproxSignEstimator", "approx_sign", ["fitsFormat"]> {
  let summary = "A sign as a parabola on either side of zero";
  let description = [{
    For `binary`: d/dx is `2 - 2 |x / scale|` where that is positive, the slope of the piecewise parabola that is nearest to the sign (Liu et al.,
    2018, arXiv:1808.00278, equation 6). d/dscale is the sign itself.
  }];
}

def Lowbit_IdentityEstimatorAttr : Lowbit_Estimator<"IdentityEstimator", "identity"> {
  let summary = "Straight-through, not clipped";
  let description = [{
    d/dx is 1 everywhere (Bengio et al., 2013, arXiv:1308.3432), so that no weight stays where it is for good; d/dscale is what the code stands
    for, as codes count as constants. What parametrizations of weights are rounded by.
  }];
}

#endif
