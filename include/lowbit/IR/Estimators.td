//===- Estimators.td - gradients of rounding ------------------------------===//

#ifndef LOWBIT_IR_ESTIMATORS_TD
#define LOWBIT_IR_ESTIMATORS_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Estimator<string name, string mnemonicText> : Lowbit_Attr<name, mnemonicText,
    [DeclareAttrInterfaceMethods<EstimatorAttrInterface>]>;

def Lowbit_STEEstimatorAttr : Lowbit_Estimator<"STEEstimator", "ste"> {
  let summary = "Straight-through, clipped";
  let description = [{
    d/dx is 1 inside the range of the format and 0 outside (Bengio et al., 2013, arXiv:1308.3432). d/dscale is that of the
    formula with round's derivative taken as 1: rounded - scaled inside, the nearer bound outside.
  }];
}

def Lowbit_LSQEstimatorAttr : Lowbit_Estimator<"LSQEstimator", "lsq"> {
  let summary = "Learned step size";
  let description = [{
    As `ste`, with the gradient of the scale divided by sqrt(elements of the block times the largest code)
    (Esser et al., 2020, arXiv:1902.08153).
  }];
}

#endif
