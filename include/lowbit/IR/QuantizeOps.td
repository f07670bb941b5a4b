//===- QuantizeOps.td - ops between reals and codes -----------------------===//

#ifndef LOWBIT_IR_QUANTIZEOPS_TD
#define LOWBIT_IR_QUANTIZEOPS_TD

include "lowbit/IR/LowbitOpBase.td"
include "lowbit/IR/Windows.td"

def Lowbit_ObserveOp : Lowbit_Op<"observe", [MemoryEffects<[MemWrite]>]> {
  let summary = "Record statistics of a tensor at a named site";
  let description = [{
    Feeds every element of `input` to the statistics of `site`. `axes` are those that keep a state each (one a
    channel, one a token); without them there is one state for the tensor. With `moments`, sums of products of the channels along the
    last axis are kept besides, which algorithms such as GPTQ read; `of` windows, those of the columns of each window. NaN and infinity stop the run with an error.

    Constraints:
    - (C1) `site` is not empty.
    - (C2) `axes` are distinct axes of `input`, in increasing order.
    - (C3) with `moments` of no windows, the last axis of `input` has a static size.
    - (C4) there are `windows` only with `moments`; their map has a result for each axis of `input`.

    Example:
    ```mlir
    func.func @observe(%x: tensor<4x8xf32>) {
      lowbit.observe "layer.0.query" %x : tensor<4x8xf32> with #lowbit.minmax
      lowbit.observe "layer.0.query" %x : tensor<4x8xf32> with #lowbit.minmax per [1]
      lowbit.observe "layer.0.query" %x : tensor<4x8xf32> with #lowbit.minmax moments
      lowbit.observe "conv" %x : tensor<4x8xf32> with #lowbit.minmax moments of <[3, 8], (r, i, c) -> (r + i, c)>
      return
    }
    ```
  }];
  let arguments = (ins StrAttr:$site, RankedTensorOf<[F32]>:$input, ObserverAttrInterface:$observer,
                       OptionalAttr<DenseI64ArrayAttr>:$axes, UnitAttr:$moments,
                       OptionalAttr<Lowbit_WindowsAttr>:$windows);
  let assemblyFormat = "$site $input `:` type($input) `with` $observer (`per` $axes^)? (`moments` $moments^)? (`of` $windows^)? attr-dict";
  let hasVerifier = 1;
}

def Lowbit_ComputeScalesOp : Lowbit_Op<"compute_scales", [Pure]> {
  let summary = "Scales (and zero points) from the values of each block";
  let description = [{
    Without zero points: `scale = max |x| / largest`, where `largest` is that of the format. With them, over
    `lo = min(0, min x)` and `hi = max(0, max x)`: `scale = (hi - lo) / (largest - smallest)` and
    `zero = saturate(round_half_even(smallest - lo / scale))`, `scale` as it is stored.

    All in f32. A scale is 1 where the block is all zero, and otherwise at least the smallest positive number of the scheme's scale
    type that is at least 2^-126, so that it and its reciprocal are finite. It is then rounded to the scale type (half to even;
    f8E8M0FNU rounds up so that nothing saturates). NaN in a block makes its scale NaN.

    Constraints:
    - (C1) the scheme divides the shape of `input` into blocks, and `scales` has the resulting shape.
    - (C2) `scales` has the scheme's scale type.
    - (C3) `zeros` is there if and only if the scheme has zero points, with their type and the shape of the scales.

    Example:
    ```mlir
    func.func @compute_scales(%x: tensor<4x8xf32>) {
      %s = lowbit.compute_scales %x <#lowbit.int<8>, block = [1, 0]> : (tensor<4x8xf32>) -> tensor<4x1xf32>
      %t, %z = lowbit.compute_scales %x <#lowbit.uint<8>, zero = i8> : (tensor<4x8xf32>) -> (tensor<f32>, tensor<i8>)
      return
    }
    ```
  }];
  let arguments = (ins Lowbit_Real:$input, Lowbit_SchemeAttr:$scheme);
  let results = (outs Lowbit_Scales:$scales, Optional<Lowbit_Zeros>:$zeros);
  let assemblyFormat = "$input $scheme attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Lowbit_QuantizeOp : Lowbit_Op<"quantize", [Pure]> {
  let summary = "Reals to codes";
  let description = [{
    `code = saturate(round_half_even(input / scale) + zero)`, in f32. With `scaling = reciprocal`, `input * (1 / scale)`.
    NaN becomes the code of the smallest value. A scale of zero, NaN or infinity is an error where scales are constants. A negative scale
    mirrors the levels: those of `int<4>` with -0.5 are from -3.5 to 4.

    Constraints:
    - (C1) `codes` has the shape of `input` and the code type of the scheme's format.
    - (C2) `scales` has the shape that the scheme gives for `input`.
    - (C3) `scales` is of the scheme's scale type, or of f32.
    - (C4) `zeros` is there if and only if the scheme has zero points, with their type and the shape of the scales.

    Example:
    ```mlir
    func.func @quantize(%x: tensor<4x8xf32>, %s: tensor<f32>, %t: tensor<4x2xf32>, %z: tensor<4x2xi4>) {
      %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi8>
      %d = lowbit.quantize %x, %t, %z <#lowbit.uint<4>, block = [1, 4], zero = i4>
        : (tensor<4x8xf32>, tensor<4x2xf32>, tensor<4x2xi4>) -> tensor<4x8xi4>
      return
    }
    ```
  }];
  let arguments = (ins Lowbit_Real:$input, Lowbit_Scales:$scales, Optional<Lowbit_Zeros>:$zeros, Lowbit_SchemeAttr:$scheme);
  let results = (outs Lowbit_Codes:$codes);
  let assemblyFormat = "$input `,` $scales (`,` $zeros^)? $scheme attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Lowbit_DequantizeOp : Lowbit_Op<"dequantize", [Pure]> {
  let summary = "Codes to reals";
  let description = [{
    `real = (code - zero) * scale`, in f32, then rounded to the element type of `output`. The scheme's `scaling` plays no part.

    Constraints:
    - (C1) `output` has the shape of `codes`, whose element type is the code type of the scheme's format.
    - (C2) `scales` has the shape that the scheme gives for `codes`.
    - (C3) `scales` is of the scheme's scale type, or of f32.
    - (C4) `zeros` is there if and only if the scheme has zero points, with their type and the shape of the scales.

    Example:
    ```mlir
    func.func @dequantize(%c: tensor<4x8xi8>, %s: tensor<f32>, %d: tensor<4x8xf4E2M1FN>, %t: tensor<4x2xf8E8M0FNU>) {
      %x = lowbit.dequantize %c, %s <#lowbit.int<8>> : (tensor<4x8xi8>, tensor<f32>) -> tensor<4x8xf32>
      %y = lowbit.dequantize %d, %t <#lowbit.float<f4E2M1FN>, block = [1, 4], scale = f8E8M0FNU>
        : (tensor<4x8xf4E2M1FN>, tensor<4x2xf8E8M0FNU>) -> tensor<4x8xf32>
      return
    }
    ```
  }];
  let arguments = (ins Lowbit_Codes:$codes, Lowbit_Scales:$scales, Optional<Lowbit_Zeros>:$zeros, Lowbit_SchemeAttr:$scheme);
  let results = (outs Lowbit_Real:$output);
  let assemblyFormat = "$codes `,` $scales (`,` $zeros^)? $scheme attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Lowbit_FakeQuantOp : Lowbit_Op<"fake_quant", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "Reals to the nearest reals that codes stand for";
  let description = [{
    `dequantize(quantize(input))`, as one op so that training keeps reals. `by` says what its derivative is taken for; clipped
    straight-through (`#lowbit.ste`) where nothing does.

    Constraints:
    - (C1) `output` has the type of `input`.
    - (C2) `scales` has the shape that the scheme gives for `input`.
    - (C3) `scales` is of the scheme's scale type, or of f32.
    - (C4) `zeros` is there if and only if the scheme has zero points, with their type and the shape of the scales.
    - (C5) the estimator fits the format.

    Example:
    ```mlir
    func.func @fake_quant(%x: tensor<4x8xf32>, %s: tensor<4x1xf32>) {
      %y = lowbit.fake_quant %x, %s <#lowbit.int<2>, block = [1, 0]> : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
      %z = lowbit.fake_quant %x, %s <#lowbit.int<2>, block = [1, 0]> : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32> by #lowbit.lsq
      return
    }
    ```
  }];
  let arguments = (ins Lowbit_Real:$input, Lowbit_Scales:$scales, Optional<Lowbit_Zeros>:$zeros, Lowbit_SchemeAttr:$scheme,
                       OptionalAttr<EstimatorAttrInterface>:$estimator);
  let results = (outs Lowbit_Real:$output);
  let assemblyFormat = [{
    $input `,` $scales (`,` $zeros^)? $scheme attr-dict `:` functional-type(operands, results) (`by` $estimator^)?
  }];
  let hasVerifier = 1;
}

def Lowbit_FakeQuantGradOp : Lowbit_Op<"fake_quant_grad", [Pure]> {
  let summary = "The gradient of fake_quant with respect to its input and its scales";
  let description = [{
    `input_gradient = cotangent * d/dx`, `scale_gradient = sum over the block of cotangent * d/dscale`, where both derivatives
    are the estimator's. The block sum runs over the block's elements in row-major order.

    Constraints:
    - (C1) `cotangent` and `input_gradient` have the type of `input`, `scale_gradient` has the shape of `scales` and element type f32.
    - (C2) `scales` has the shape that the scheme gives for `input`.
    - (C3) `scales` is of the scheme's scale type, or of f32.
    - (C4) `zeros` is there if and only if the scheme has zero points, with their type and the shape of the scales.
    - (C5) the estimator fits the format.

    Example:
    ```mlir
    func.func @fake_quant_grad(%x: tensor<4x8xf32>, %s: tensor<4x1xf32>, %dy: tensor<4x8xf32>) {
      %dx, %ds = lowbit.fake_quant_grad %x, %s cotangent %dy <#lowbit.int<2>, block = [1, 0]>
        : (tensor<4x8xf32>, tensor<4x1xf32>, tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x1xf32>) by #lowbit.lsq
      return
    }
    ```
  }];
  let arguments = (ins Lowbit_Real:$input, Lowbit_Scales:$scales, Optional<Lowbit_Zeros>:$zeros, Lowbit_Real:$cotangent,
                       Lowbit_SchemeAttr:$scheme, EstimatorAttrInterface:$estimator);
  let results = (outs Lowbit_Real:$input_gradient, RankedTensorOf<[F32]>:$scale_gradient);
  let assemblyFormat = [{
    $input `,` $scales (`,` $zeros^)? `cotangent` $cotangent $scheme
    `:` functional-type(operands, results) `by` $estimator attr-dict
  }];
  let hasVerifier = 1;
}

def Lowbit_RequantizeOp : Lowbit_Op<"requantize", [Pure, AttrSizedOperandSegments]> {
  let summary = "Integer accumulators to codes";
  let description = [{
    Two exact forms:
    - float scale: `code = saturate(round_half_even(f32(acc) * multiplier) + zero)`, `multiplier` f32 and no `shifts`.
      The conversion of `acc` to f32 rounds half to even.
    - integer only: `code = saturate(round_half_even(acc * multiplier / 2^shift) + zero)`, `multiplier` i32 and `shifts` i32 from
      0 to 62, the product taken in i64.

    `multipliers`, `shifts` and `zeros` have the shape that the scheme gives for `accumulators`.

    Constraints:
    - (C1) `codes` has the shape of `accumulators` (i32 or i64) and the code type of the scheme's format, which is an integer format.
    - (C2) `multipliers` has the shape that the scheme gives for `accumulators`.
    - (C3) `shifts` is there if and only if `multipliers` is i32, and has its shape; constant shifts are from 0 to 62.
    - (C4) `zeros` is there if and only if the scheme has zero points, with their type and the shape of the multipliers.
    - (C5) an integer-only form takes i32 accumulators, so that the product fits in i64.

    Example:
    ```mlir
    func.func @requantize(%a: tensor<4x8xi32>, %m: tensor<f32>, %n: tensor<i32>, %h: tensor<i32>) {
      %c = lowbit.requantize %a, %m <#lowbit.int<8>> : (tensor<4x8xi32>, tensor<f32>) -> tensor<4x8xi8>
      %d = lowbit.requantize %a, %n shift %h <#lowbit.int<8>> : (tensor<4x8xi32>, tensor<i32>, tensor<i32>) -> tensor<4x8xi8>
      return
    }
    ```
  }];
  let arguments = (ins RankedTensorOf<[I32, I64]>:$accumulators, RankedTensorOf<[F32, I32]>:$multipliers, Optional<RankedTensorOf<[I32]>>:$shifts,
                       Optional<Lowbit_Zeros>:$zeros, Lowbit_SchemeAttr:$scheme);
  let results = (outs Lowbit_Codes:$codes);
  let assemblyFormat = [{
    $accumulators `,` $multipliers (`shift` $shifts^)? (`zero` $zeros^)? $scheme attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif
