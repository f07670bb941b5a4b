//===- GroupedMatmulOp.td - products with packed weights in groups --------===//

#ifndef LOWBIT_IR_GROUPEDMATMULOP_TD
#define LOWBIT_IR_GROUPEDMATMULOP_TD

include "lowbit/IR/MatmulOp.td"

def Lowbit_GroupedMatmulOp : Lowbit_Op<"grouped_matmul", [
    AttrSizedOperandSegments, DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    SingleBlockImplicitTerminator<"::mlir::lowbit::YieldOp">]> {
  let summary = "Products with weights of four bits that share scales in groups, as one kernel computes them";
  let description = [{
    `lowbit.contract` with weights whose scales change along the reduction, in the form that kernels read: two codes in a byte, the first in
    its low half, each unsigned; the reduction last on both sides. On buffers it writes `init`, whose old contents are not read.

    ```text
    dot[m, n, g] = sum over k of group g of lhs[m, k] * (code[n, k] - zero[n, g])
    real[m, n]   = fma(f32(dot[m, n, g]), scales[n, g], real[m, n]) for g in order, from zero
    result[m, n] = epilogue(real[m, n], element of each operand at m, n)
    ```

    With lhs of i8, which is signed, dots are exact in i32; with floats they are in f32, in any order. Zeros are those of the operand, signed,
    or all `zero`.

    Constraints:
    - (C1) lhs is `[M, K]`, rhs `[N, K / 2]`, scales and zeros `[N, K / group]`, init `[M, N]`; the last axis of buffers is contiguous.
    - (C2) an operand has rank 2; an axis of size one is shared by all elements along it.
    - (C3) the epilogue takes the real, f32, and one scalar an operand, and yields an element of the result.
    - (C4) all of them are tensors, and there is a result of the type of init; or all are buffers, and there is none.
    - (C5) `group` is a power of two from 32 to 1024, and divides K.

    Example:
    ```mlir
    func.func @grouped(%a: tensor<2x64xf16>, %w: tensor<8x32xi8>, %s: tensor<8x2xf32>, %init: tensor<2x8xf32>) -> tensor<2x8xf32> {
      %r = lowbit.grouped_matmul lhs(%a : tensor<2x64xf16>) rhs(%w : tensor<8x32xi8>) scales(%s : tensor<8x2xf32>)
        outs(%init : tensor<2x8xf32>) group 32 zero 8 {
      ^bb0(%real: f32):
        lowbit.yield %real : f32
      } -> tensor<2x8xf32>
      return %r : tensor<2x8xf32>
    }
    ```
  }];
  let arguments = (ins Lowbit_TensorOrBuffer:$lhs, Lowbit_IntegerMatrix:$rhs, Lowbit_TensorOrBuffer:$scales,
                       Optional<Lowbit_IntegerMatrix>:$zeros, Lowbit_TensorOrBuffer:$init,
                       Variadic<Lowbit_TensorOrBuffer>:$epilogue_operands, I64Attr:$group, DefaultValuedAttr<I64Attr, "0">:$zero);
  let regions = (region SizedRegion<1>:$epilogue);
  let results = (outs Optional<AnyRankedTensor>:$result);
  let assemblyFormat = [{
    `lhs` `(` $lhs `:` type($lhs) `)` `rhs` `(` $rhs `:` type($rhs) `)` `scales` `(` $scales `:` type($scales) `)`
    (`zeros` `(` $zeros^ `:` type($zeros) `)`)? `outs` `(` $init `:` type($init) `)`
    (`operands` `(` $epilogue_operands^ `:` type($epilogue_operands) `)`)? `group` $group (`zero` $zero^)?
    $epilogue attr-dict (`->` type($result)^)?
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    bool hasPureBufferSemantics() { return ::llvm::isa<::mlir::MemRefType>(getInit().getType()); }
  }];
}

#endif
