//===- GroupedMatmulOp.td - products with packed weights of few bits --------===//

#ifndef LOWBIT_IR_GROUPEDMATMULOP_TD
#define LOWBIT_IR_GROUPEDMATMULOP_TD

include "lowbit/IR/MatmulOp.td"

def Lowbit_GroupedMatmulOp : Lowbit_Op<"grouped_matmul", [
    AttrSizedOperandSegments, DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    SingleBlockImplicitTerminator<"::mlir::lowbit::YieldOp">]> {
  let summary = "Products with weights of few bits, as one kernel computes them";
  let description = [{
    `lowbit.contract` with weights of two or four bits, whose scales change along the reduction or not at all, in the form that kernels read. On
    buffers it writes `init`, whose old contents are not read. With scales:

    ```text
    dot[m, n, g] = sum over k of group g of lhs[m, k] * (weight[n, k] - zero[g, n])
    real[m, n]   = fma(f32(dot[m, n, g]), scales[g, n], real[m, n]) for g in order, from zero
    result[m, n] = epilogue(real[m, n], element of each operand at m, n)
    ```

    Without, there is one group, of the whole reduction, and the epilogue takes the dot itself. With lhs of i8, which is signed, dots are exact in
    i32; with floats they are in f32, in any order but one that the attribute `lowbit.order` says (lowbit/Transforms/SumOrder.h). Zeros are bytes, signed if and only if the weights are; or there are none.

    Weights are numbers of `width` bits, in two's complement or `unsigned`, or codes of four bits for 16 `levels`, reals. They are in the order in
    which the lanes of a warp take them: a row of rhs is 16 columns of the result, 512 bytes of it are 256 / width neighbours of the reduction, of
    which each lane takes 16 bytes (`LaneWeights`). Columns and the reduction are filled up with zeros.

    Constraints:
    - (C1) lhs is `[M, K]`, rhs `[ceil(N / 16), K' * width * 2]`, K' being K filled up to whole groups and whole pieces of 512 bytes; scales and
      zeros are `[K / group, ceil(N / 16) * 16]`, init `[M, N]`; the last axis of buffers is contiguous.
    - (C2) an operand has rank 2; an axis of size one is shared by all elements along it.
    - (C3) the epilogue takes the real, f32 (or the dot, i32 where lhs is of i8), and one scalar an operand, and yields an element of the result.
    - (C4) all of them are tensors, and there is a result of the type of init; or all are buffers, and there is none.
    - (C5) with scales, `group` is a power of two from 32 (16, where lhs is of floats and weights have four bits) to 1024 that divides K; without, it is
      zero, and there are no zeros. Scales are f32, f16, bf16 or floats of 8 bits.
    - (C6) `width` is 2 or 4; with `levels` it is 4.
    - (C7) `levels` are 16 finite reals, lhs is then of floats, and there are no zeros.

    Example:
    ```mlir
    func.func @grouped(%a: tensor<2x64xf16>, %w: tensor<1x512xi8>, %s: tensor<2x16xf32>, %init: tensor<2x8xf32>) -> tensor<2x8xf32> {
      %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<1x512xi8>) scales(%s : tensor<2x16xf32>)
        outs(%init : tensor<2x8xf32>) width 4 group 32 {
      ^bb0(%real: f32):
        lowbit.yield %real : f32
      } -> tensor<2x8xf32>
      return %r : tensor<2x8xf32>
    }
    ```
  }];
  let arguments = (ins Lowbit_TensorOrBuffer:$lhs, Lowbit_IntegerMatrix:$rhs, Optional<Lowbit_TensorOrBuffer>:$scales,
                       Optional<Lowbit_IntegerMatrix>:$zeros, Lowbit_TensorOrBuffer:$init,
                       Variadic<Lowbit_TensorOrBuffer>:$epilogue_operands, I64Attr:$width, DefaultValuedAttr<I64Attr, "0">:$group,
                       UnitAttr:$rhs_unsigned, OptionalAttr<DenseF32ArrayAttr>:$levels);
  let regions = (region SizedRegion<1>:$epilogue);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `lhs` `(` $lhs `:` type($lhs) `)` `rhs` `(` $rhs `:` type($rhs) `)` (`scales` `(` $scales^ `:` type($scales) `)`)?
    (`zeros` `(` $zeros^ `:` type($zeros) `)`)? `outs` `(` $init `:` type($init) `)`
    (`operands` `(` $epilogue_operands^ `:` type($epilogue_operands) `)`)? `width` $width (`unsigned` $rhs_unsigned^)? (`levels` $levels^)?
    (`group` $group^)? $epilogue attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    bool hasPureBufferSemantics() { return ::llvm::isa<::mlir::MemRefType>(getInit().getType()); }
    /// What the epilogue takes first.
    ::mlir::Type getSumType();
  }];
}

#endif
