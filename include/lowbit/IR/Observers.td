//===- Observers.td - where ranges come from ------------------------------===//

#ifndef LOWBIT_IR_OBSERVERS_TD
#define LOWBIT_IR_OBSERVERS_TD

include "lowbit/IR/Decimal.td"
include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Observer<string name, string mnemonicText> : Lowbit_Attr<name, mnemonicText,
    [DeclareAttrInterfaceMethods<ObserverAttrInterface>]>;

def Lowbit_Bins : DefaultValuedParameter<"unsigned", "::mlir::lowbit::Histogram::kDefaultBins">;

def Lowbit_MinMaxObserverAttr : Lowbit_Observer<"MinMaxObserver", "minmax"> {
  let summary = "Smallest and largest value seen";
  let description = [{
    Nothing saturates, and a single outlier sets the range. Merging is associative and commutative bit for bit.
  }];
}

def Lowbit_MovingAverageObserverAttr : Lowbit_Observer<"MovingAverageObserver", "moving_average"> {
  let summary = "Smallest and largest value of a batch, averaged over batches";
  let description = [{
    After batches `1 … n` the range is `sum of decay^(n - i) * range_i / sum of decay^(n - i)`, so that the first batch weighs no
    more than the others. **The order of batches matters.** A merge means that the other's batches came later: with
    `S = sum of decay^(n - i) * range_i`, `merge(a, b) = (S_a * decay^n_b + S_b, n_a + n_b)`, associative up to rounding in f64.
    The same shards merged in the same order give the same bits.

    Example: `#lowbit.moving_average<0.9>`; without a decay, 0.9.
  }];
  let parameters = (ins Lowbit_Decimal<"0.9">:$decay);
  let assemblyFormat = "(`<` $decay^ `>`)?";
  let genVerifyDecl = 1;
}

def Lowbit_PercentileObserverAttr : Lowbit_Observer<"PercentileObserver", "percentile"> {
  let summary = "The range in which a percentage of values lies";
  let description = [{
    Symmetric: the percentile of magnitudes. Else what is left out is cut in equal shares below and above. Read from a histogram
    (`bins`, a power of two from 16 to 65536) and off by at most the width of a bin, which is at most 4 / `bins` of the largest magnitude.
    Merging is associative and commutative bit for bit.

    Example: `#lowbit.percentile<99.9>`, `#lowbit.percentile<99.999, bins = 16384>`; without a percentage, 99.99.
  }];
  let parameters = (ins Lowbit_Decimal<"99.99">:$percent, Lowbit_Bins:$bins);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Lowbit_EntropyObserverAttr : Lowbit_Observer<"EntropyObserver", "entropy"> {
  let summary = "The clip whose quantized distribution diverges least from the true one";
  let description = [{
    Minimizes the Kullback-Leibler divergence of the histogram of magnitudes, clipped with what is beyond added to the last bin, from
    its quantized form, over all clips at the end of a bin (S. Migacz, "8-bit Inference with TensorRT", GTC 2017). A range that is
    not symmetric is the symmetric one cut to the values seen. Merging is associative and commutative bit for bit.

    Example: `#lowbit.entropy`, `#lowbit.entropy<bins = 2048>`.
  }];
  let parameters = (ins Lowbit_Bins:$bins);
  let assemblyFormat = "(`<` `bins` `=` $bins^ `>`)?";
  let genVerifyDecl = 1;
}

def Lowbit_MeanSquaredErrorObserverAttr : Lowbit_Observer<"MeanSquaredErrorObserver", "mse"> {
  let summary = "The clip with the least squared error of quantization";
  let description = [{
    Searches the range that minimizes the sum of `(x - dequantize(quantize(x)))^2` over the histogram, with the codes of the very
    format that is asked for: ratios of the full range in steps of 1/64, then of 1/1024 around the best; symmetric ranges have one ratio,
    others one for each side, searched in turn. The full range wins ties. Merging is associative and commutative bit for bit.

    Example: `#lowbit.mse`, `#lowbit.mse<bins = 2048>`.
  }];
  let parameters = (ins Lowbit_Bins:$bins);
  let assemblyFormat = "(`<` `bins` `=` $bins^ `>`)?";
  let genVerifyDecl = 1;
}

#endif
