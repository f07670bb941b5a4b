//===- MatmulOp.td - a product as a GPU kernel takes it --------------------===//

#ifndef LOWBIT_IR_MATMULOP_TD
#define LOWBIT_IR_MATMULOP_TD

include "lowbit/IR/LowbitOpBase.td"
include "lowbit/IR/ContractOp.td"
include "lowbit/IR/Windows.td"

def Lowbit_IntegerMatrix : AnyTypeOf<[RankedTensorOf<[I8]>, MemRefOf<[I8]>]>;
def Lowbit_Matrix : AnyTypeOf<[RankedTensorOf<[I8, F8E4M3FN, F8E5M2, F32]>, MemRefOf<[I8, F8E4M3FN, F8E5M2, F32]>]>;
def Lowbit_TensorOrBuffer : AnyTypeOf<[AnyRankedTensor, AnyMemRef]>;

def Lowbit_MatmulOp : Lowbit_Op<"matmul", [
    AttrSizedOperandSegments, DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    SingleBlockImplicitTerminator<"::mlir::lowbit::YieldOp">]> {
  let summary = "Products, summed, with an elementwise epilogue: what one kernel computes";
  let description = [{
    `lowbit.contract` in the form that kernels take: integers in bytes, floats of 8 bits, or f32, the reduction last on both sides, scales and zero points in the
    epilogue. On tensors it makes a result; on buffers it writes `init`, whose old contents are not read.

    ```text
    result[…, m, n] = epilogue(sum over k of lhs[…, m, k] * rhs[…, n, k], element of each operand at …, m, n)
    ```

    Of integers the sum is an i32 that wraps. Bytes are signed, or unsigned with `lhs_unsigned` or `rhs_unsigned`. With `bits`, a byte holds
    eight bits of the reduction, and the sum counts those that are set on both sides. Of f32 the sum is an f32: from zero, in the order of k,
    each product is added by one fused multiply-add.

    Of floats of 8 bits the sum is in f32, too. Products are exact. Up to 128 neighbours of the reduction are added up as the matrix unit does,
    32 at a time with the sum so far, cut 13 bits below the largest exponent among them or further down (of a product the sum of its factors',
    of which subnormals have that of the smallest normal number); the result keeps as many bits. These sums are added in order, rounded to
    nearest.

    With a `group`, scales change along the reduction, each `group` of it; a side without has no factor:

    ```text
    dot[m, n, g] = sum over k of group g of lhs[m, k] * rhs[n, k]
    real[m, n]   = fma(f32(dot[m, n, g]) * lhs_scales[m, g], rhs_scales[g, n], real[m, n]) for g in order, from zero
    result[m, n] = epilogue(real[m, n], element of each operand at m, n)
    ```

    The attribute `lowbit.order` may say in which order sums of floats of 8 bits are added up (lowbit/Transforms/SumOrder.h).

    With `lhs_windows` lhs is an image of bytes, whose windows are the rows, in the order of their indices; the reduction are their columns. With
    `bits` a column is a byte of eight bits.

    Constraints:
    - (C1) lhs is `[…, M, K]` (`[…, K, M]` with `lhs_transposed`), rhs `[…, N, K]` (`[…, K, N]` with `rhs_transposed`), init `[…, M, N]`. An axis
      before is that of init, or 1 where it is shared; the last axis of buffers is contiguous.
    - (C2) an operand has the rank of init; an axis of size one is shared by all elements along it.
    - (C3) the epilogue takes the sum, i32 or f32, and one scalar an operand, and yields an element of the result.
    - (C4) all of them are tensors, and there is a result of the type of init; or all are buffers, and there is none.
    - (C5) lhs and rhs are both of integers, both of floats of 8 bits, or both of f32. Only integers are unsigned or bits, only f32 is
      transposed.
    - (C6) lhs of `lhs_windows` is of integers and static, with an axis for each result of the map, and has M windows of K columns; init has two
      axes.
    - (C7) `group` is a power of two from 32 to 4096 that divides K, with one side's scales at least, or zero and without. Then init has rank 2, sides are
      neither of f32 nor bits, and scales are `[M, K / group]` and `[K / group, N]`, of f32, f16, bf16 or floats of 8 bits.

    Example:
    ```mlir
    func.func @matmul(%a: tensor<16x64xi8>, %b: tensor<32x64xi8>, %scale: tensor<1x32xf32>, %init: tensor<16x32xf32>) -> tensor<16x32xf32> {
      %r = lowbit.matmul lhs(%a : tensor<16x64xi8>) rhs(%b : tensor<32x64xi8>) outs(%init : tensor<16x32xf32>)
        operands(%scale : tensor<1x32xf32>) {
      ^bb0(%sum: i32, %s: f32):
        %0 = arith.sitofp %sum : i32 to f32
        %1 = arith.mulf %0, %s : f32
        lowbit.yield %1 : f32
      } -> tensor<16x32xf32>
      return %r : tensor<16x32xf32>
    }
    ```
  }];
  let arguments = (ins Lowbit_Matrix:$lhs, Lowbit_Matrix:$rhs, Optional<Lowbit_TensorOrBuffer>:$lhs_scales,
                       Optional<Lowbit_TensorOrBuffer>:$rhs_scales, Lowbit_TensorOrBuffer:$init,
                       Variadic<Lowbit_TensorOrBuffer>:$epilogue_operands,
                       UnitAttr:$lhs_unsigned, UnitAttr:$rhs_unsigned, UnitAttr:$bits,
                       UnitAttr:$lhs_transposed, UnitAttr:$rhs_transposed, OptionalAttr<Lowbit_WindowsAttr>:$lhs_windows,
                       DefaultValuedAttr<I64Attr, "0">:$group);
  let regions = (region SizedRegion<1>:$epilogue);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `lhs` `(` $lhs `:` type($lhs) `)` `rhs` `(` $rhs `:` type($rhs) `)`
    (`lhs_scales` `(` $lhs_scales^ `:` type($lhs_scales) `)`)? (`rhs_scales` `(` $rhs_scales^ `:` type($rhs_scales) `)`)? `outs` `(` $init `:` type($init) `)`
    (`operands` `(` $epilogue_operands^ `:` type($epilogue_operands) `)`)? (`group` $group^)? $epilogue attr-dict (`->` type($result)^)?
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
