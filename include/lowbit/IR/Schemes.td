//===- Schemes.td - who shares a scale ------------------------------------===//

#ifndef LOWBIT_IR_SCHEMES_TD
#define LOWBIT_IR_SCHEMES_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

def Lowbit_Scaling : I32EnumAttr<"Scaling", "how a real is brought to the range of codes", [
    I32EnumAttrCase<"Divide", 0, "divide">,
    I32EnumAttrCase<"Reciprocal", 1, "reciprocal">]> {
  let cppNamespace = "::mlir::lowbit";
  let genSpecializedAttr = 0;
}
def Lowbit_ScalingParameter : EnumParameter<Lowbit_Scaling>;

def Lowbit_SchemeAttr : Lowbit_Attr<"Scheme", "scheme"> {
  let summary = "A number format and who shares a scale";
  let description = [{
    `block` gives, for every axis of the codes, how many neighbours share a scale; 0 is the whole axis. Without `block` one
    scale serves the tensor and is a tensor of rank 0. With it scales have the rank of the codes and, along an axis of size `d`,
    `d / block` elements (one where the block is 0).

    | | block for codes `[M, K]` |
    | --- | --- |
    | per tensor | none |
    | per token, per channel (axis 0) | `[1, 0]` |
    | groups of 32 along K | `[1, 32]` |
    | tiles of 128 x 128 | `[128, 128]` |

    `scale` is the element type of scales: f32 (default), f16, bf16, f8E8M0FNU or f8E4M3FN. `zero` is the integer type of zero
    points, absent when there are none; zero points have the shape of the scales and are read with the sign of the format.
    `scaling` says how a real is brought to the range of codes: `divide` (default), x / s, or `reciprocal`, x * (1 / s), a second exact
    definition that is faster; the two differ in the last bit and neither stands in for the other.
    Two-level scales are scales that are themselves dequantized: the operand is then the f32 result of `lowbit.dequantize`. One scale for
    the tensor beside those of blocks, as in NVFP4, multiplies the result of the op that reads the codes (`lowbit-split-tensor-scales`).

    Example: `#lowbit.scheme<#lowbit.int<8>, block = [1, 0]>`, `#lowbit.scheme<#lowbit.uint<4>, block = [1, 32], scale = f16, zero = i4>`.
  }];
  let parameters = (ins
      "::mlir::lowbit::NumberFormatAttrInterface":$format,
      OptionalParameter<"::mlir::DenseI64ArrayAttr">:$block,
      OptionalParameter<"::mlir::Type">:$scale,
      OptionalParameter<"::mlir::IntegerType">:$zero,
      DefaultValuedParameter<"::mlir::lowbit::Scaling", "::mlir::lowbit::Scaling::Divide">:$scaling);
  let assemblyFormat = "`<` $format (`,` struct($block, $scale, $zero, $scaling)^)? `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The element type of scales, f32 unless said otherwise.
    ::mlir::Type getScaleType() const;
    bool isPerTensor() const { return !getBlock(); }
    /// The shape of scales for codes of `shape` (may be dynamic), or failure when a block does not divide its axis.
    ::llvm::FailureOr<::llvm::SmallVector<int64_t>> getScaleShape(::llvm::ArrayRef<int64_t> shape) const;
    /// The map from the index of a code to the index of its scale.
    ::mlir::AffineMap getScaleMap(int64_t rank) const;
    /// Number of elements that share a scale, or kDynamic.
    int64_t getBlockElements(::llvm::ArrayRef<int64_t> shape) const;
  }];
}

#endif
