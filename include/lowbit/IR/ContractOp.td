//===- ContractOp.td - sums of products of codes --------------------------===//

#ifndef LOWBIT_IR_CONTRACTOP_TD
#define LOWBIT_IR_CONTRACTOP_TD

include "lowbit/IR/LowbitOpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

def Lowbit_ContractOp : Lowbit_Op<"contract", [
    Pure, AttrSizedOperandSegments, DestinationStyleOpInterface, RecursiveMemoryEffects,
    SingleBlockImplicitTerminator<"::mlir::lowbit::YieldOp">]> {
  let summary = "Sum of products of codes, scaled, with an elementwise epilogue";
  let description = [{
    Matmul, batch matmul and convolution over codes, told apart by `indexing_maps` alone (as in `linalg.generic`: left, right,
    result, then one map from the result's dimensions for each epilogue operand). Dimensions of the iteration space that the result's map does not use are reductions.

    Meaning, where `zl`, `zr` are the zero points and `sl`, `sr` the scales of the block an element lies in:
    1. For every block of the reduction in which no scale changes, `dot = sum (lhs - zl) * (rhs - zr)`. Both formats integer: exact
       (in i32 if it is proved not to overflow, else in i64). Otherwise in f32; the order of that sum, and whether a product is rounded
       before it is added, are the target's (the reference lowering: row-major order, rounded). Where both sides are floats of 8 bits, a
       target may first add up 128 products with fewer bits, as matrix units do and `lowbit.matmul` says, unless the op has the attribute
       `lowbit.exact`.
    2. `real` is f32(dot). Where scales change along the reduction, blocks are summed in row-major order by one fused multiply-add
       each: `real = fma(f32(dot), s, real)` from zero, `s` being the scale that changes (where both do, `fma(f32(dot) * sl, sr, real)`).
       Then come the scales that do not change: `real = (real * sl) * sr`; a side without scales has no factor. With no scales at all
       the sum of dots itself (i32 or i64) goes to the epilogue.
    3. The epilogue computes the result's element from `real` and elements of its operands. Without one the result is `real`,
       rounded to the result's float type (or an i32 or i64 sum, as the result's type says).

    `init` is the destination only; its contents are not read. A side without a scheme is float and is taken as it is.

    Constraints:
    - (C1) there are three indexing maps and one for each epilogue operand, over the same loops; those of lhs and rhs are sums of multiples
      of loops, the result's and the epilogue's are projected permutations, the epilogue's without reductions. Every loop is an axis of
      some operand, shapes agree with the maps, and no index lies outside.
    - (C2) codes, scales and zero points of a side with a scheme obey it as in `dequantize`.
    - (C3) a side without a scheme is float and has neither scales nor zero points.
    - (C4) along reductions, blocks of both sides divide one another.
    - (C5) without scales both formats are integer and the epilogue takes (or the result is) i32 or i64.
    - (C6) the epilogue takes the sum and one scalar an operand, and yields the element type of the result: for `!lowbit.code` what stores a
      code.

    Example:
    ```mlir
    func.func @contract(%a: tensor<4x8xi8>, %sa: tensor<4x1xf32>, %b: tensor<8x6xi8>, %sb: tensor<1x6xf32>,
                        %bias: tensor<6xf32>, %init: tensor<4x6xf32>) -> tensor<4x6xf32> {
      %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>,
                            affine_map<(m, n, k) -> (n)>]
        lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<4x8xi8>, tensor<4x1xf32>)
        rhs(%b scales %sb <#lowbit.int<8>, block = [0, 1]> : tensor<8x6xi8>, tensor<1x6xf32>)
        outs(%init : tensor<4x6xf32>)
        epilogue(%bias : tensor<6xf32>) {
      ^bb0(%sum: f32, %b0: f32):
        %0 = arith.addf %sum, %b0 : f32
        lowbit.yield %0 : f32
      } -> tensor<4x6xf32>
      return %r : tensor<4x6xf32>
    }
    ```
  }];
  let arguments = (ins
      Lowbit_Codes:$lhs, Optional<Lowbit_Scales>:$lhs_scales, Optional<Lowbit_Zeros>:$lhs_zeros,
      Lowbit_Codes:$rhs, Optional<Lowbit_Scales>:$rhs_scales, Optional<Lowbit_Zeros>:$rhs_zeros,
      AnyRankedTensor:$init, Variadic<AnyRankedTensor>:$epilogue_operands,
      AffineMapArrayAttr:$indexing_maps, OptionalAttr<Lowbit_SchemeAttr>:$lhs_scheme, OptionalAttr<Lowbit_SchemeAttr>:$rhs_scheme);
  let regions = (region MaxSizedRegion<1>:$epilogue);
  let results = (outs AnyRankedTensor:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    ::mlir::AffineMap getLhsMap() { return getMap(0); }
    ::mlir::AffineMap getRhsMap() { return getMap(1); }
    ::mlir::AffineMap getResultMap() { return getMap(2); }
    ::mlir::AffineMap getMap(unsigned i) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getIndexingMaps()[i]).getValue();
    }
    unsigned getNumLoops() { return getLhsMap().getNumDims(); }
    /// Sizes of the iteration space; kDynamic where no operand tells.
    ::llvm::SmallVector<int64_t> getLoopSizes();
    /// Parallel where the result's map uses the dimension, else reduction.
    ::llvm::SmallVector<::mlir::utils::IteratorType> getIteratorTypes();
    bool hasEpilogue() { return !getEpilogue().empty(); }
    /// Whether both sides are of integer formats, so that dots are exact.
    bool isInteger();
    /// The element type of the sum handed to the epilogue: f32, or i32 or i64 without scales.
    ::mlir::Type getSumType();
  }];
}

def Lowbit_YieldOp : Lowbit_Op<"yield", [Pure, Terminator, ReturnLike, ParentOneOf<["::mlir::lowbit::ContractOp", "::mlir::lowbit::GroupedMatmulOp", "::mlir::lowbit::MatmulOp"]>]> {
  let summary = "The element that an epilogue makes";
  let description = "Ends the epilogue of a contraction or product with the element of the result.";
  let arguments = (ins Optional<AnyType>:$value);
  let assemblyFormat = "($value^ `:` type($value))? attr-dict";
  let builders = [OpBuilder<(ins), [{ /* no value: for the parser */ }]>];
}

#endif
