//===- Passes.td - post-training quantization, one algorithm a file -------===//

#ifndef LOWBIT_PTQ_PASSES_TD
#define LOWBIT_PTQ_PASSES_TD

include "lowbit/PTQ/AWQ.td"
include "lowbit/PTQ/AdaRound.td"
include "lowbit/PTQ/BiasCorrection.td"
include "lowbit/PTQ/COMQ.td"
include "lowbit/PTQ/Equalize.td"
include "lowbit/PTQ/GPTQ.td"
include "lowbit/PTQ/HQQ.td"
include "lowbit/PTQ/LowRank.td"
include "lowbit/PTQ/Rotate.td"
include "lowbit/PTQ/ScaleSearch.td"
include "lowbit/PTQ/SmoothQuant.td"

#endif
