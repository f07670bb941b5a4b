//===- StorageOps.td - ops that change how codes are stored ---------------===//

#ifndef LOWBIT_IR_STORAGEOPS_TD
#define LOWBIT_IR_STORAGEOPS_TD

include "lowbit/IR/LowbitOpBase.td"

def Lowbit_ToBitsOp : Lowbit_Op<"to_bits", [Pure]> {
  let summary = "Codes to bit planes";
  let description = [{
    Plane `p` holds bit `p` of every code. Along the last axis bits fill words from the low end; the last word is padded with zeros.

    Constraints:
    - (C1) the element type of `codes` is the format's code type.
    - (C2) for codes `[…, K]` of width `w`, `planes` is `[w, …, ceil(K / bits of a word)]` of i8, i16, i32 or i64.

    Example:
    ```mlir
    func.func @to_bits(%c: tensor<4x100x!lowbit.code<#lowbit.binary>>) {
      %p = lowbit.to_bits %c : tensor<4x100x!lowbit.code<#lowbit.binary>> -> tensor<1x4x2xi64> of #lowbit.binary
      return
    }
    ```
  }];
  let arguments = (ins Lowbit_Codes:$codes, NumberFormatAttrInterface:$format);
  let results = (outs RankedTensorOf<[I8, I16, I32, I64]>:$planes);
  let assemblyFormat = "$codes `:` type($codes) `->` type($planes) `of` $format attr-dict";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Lowbit_FromBitsOp : Lowbit_Op<"from_bits", [Pure]> {
  let summary = "Bit planes to codes";
  let description = [{
    The inverse of `to_bits`; padding bits are ignored.

    Constraints:
    - (C1) the element type of `codes` is the format's code type.
    - (C2) for codes `[…, K]` of width `w`, `planes` is `[w, …, ceil(K / bits of a word)]` of i8, i16, i32 or i64.
    - (C3) the last axis of `codes` is static: planes do not tell how many bits of the last word are codes.

    Example:
    ```mlir
    func.func @from_bits(%p: tensor<2x4x1xi32>) {
      %c = lowbit.from_bits %p : tensor<2x4x1xi32> -> tensor<4x20x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary
      return
    }
    ```
  }];
  let arguments = (ins RankedTensorOf<[I8, I16, I32, I64]>:$planes, NumberFormatAttrInterface:$format);
  let results = (outs Lowbit_Codes:$codes);
  let assemblyFormat = "$planes `:` type($planes) `->` type($codes) `of` $format attr-dict";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Lowbit_DecodeOp : Lowbit_Op<"decode", [Pure, Elementwise, Scalarizable, Vectorizable, Tensorizable,
                                              VectorUnrollOpInterface]> {
  let summary = "What a code stands for, element by element";
  let description = [{
    `real = decode(code) - zero`: the code is in the low bits of an i8, zeros above it (a code of 8 bits fills it). Exact in f32; in bf16 rounded
    half to even. This is how contractions of floats read packed codes: on targets that look 16 floats up in one instruction, formats of up to 4
    bits are a table; elsewhere the arithmetic of the format. Vectors of them are lowered by `lowbit-lower-dot-products`.

    Example:
    ```mlir
    func.func @decode(%c: vector<16xi8>) -> vector<16xf32> {
      %r = lowbit.decode %c : vector<16xi8> -> vector<16xf32> of #lowbit.uint<4> zero 8
      return %r : vector<16xf32>
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[I8, VectorOfAnyRankOf<[I8]>]>:$code, NumberFormatAttrInterface:$format,
                       DefaultValuedAttr<I64Attr, "0">:$zero);
  let results = (outs AnyTypeOf<[F32, BF16, VectorOfAnyRankOf<[F32, BF16]>]>:$real);
  let assemblyFormat = "$code `:` type($code) `->` type($real) `of` $format (`zero` $zero^)? attr-dict";
}

def Lowbit_PackOp : Lowbit_Op<"pack", [Pure]> {
  let summary = "Codes to bytes in a memory layout";
  let description = [{
    Puts each code where the packing says; what no code takes of a byte is zero. Where a packing holds fewer codes than the format has, as
    digits to base 3 do, a larger code is stored as the largest that there is room for.

    Constraints:
    - (C1) the element type of `codes` is the format's code type.
    - (C2) the packing accepts the shape and width of the codes.
    - (C3) `packed` is a tensor of i8 with the shape that the packing gives.

    Example:
    ```mlir
    func.func @pack(%c: tensor<8x32xi8>) {
      %p = lowbit.pack %c : tensor<8x32xi8> -> tensor<2x2x16x4xi8> of #lowbit.int<8> as #lowbit.panel<columns = 16, depth = 4>
      return
    }
    ```
  }];
  let arguments = (ins Lowbit_Codes:$codes, NumberFormatAttrInterface:$format, PackingAttrInterface:$packing);
  let results = (outs RankedTensorOf<[I8]>:$packed);
  let assemblyFormat = "$codes `:` type($codes) `->` type($packed) `of` $format `as` $packing attr-dict";
  let hasVerifier = 1;
}

def Lowbit_UnpackOp : Lowbit_Op<"unpack", [Pure]> {
  let summary = "Bytes in a memory layout to codes";
  let description = [{
    The inverse of `pack`. A byte that `pack` never makes, such as 243 and above for digits to base 3, is read as the largest that it does make.

    Constraints:
    - (C1) the element type of `codes` is the format's code type.
    - (C2) the packing accepts the shape and width of the codes.
    - (C3) `packed` is a tensor of i8 with the shape that the packing gives.

    Example:
    ```mlir
    func.func @unpack(%p: tensor<8x16xi8>) {
      %c = lowbit.unpack %p : tensor<8x16xi8> -> tensor<8x32xi4> of #lowbit.int<4> as #lowbit.row_major
      return
    }
    ```
  }];
  let arguments = (ins RankedTensorOf<[I8]>:$packed, NumberFormatAttrInterface:$format, PackingAttrInterface:$packing);
  let results = (outs Lowbit_Codes:$codes);
  let assemblyFormat = "$packed `:` type($packed) `->` type($codes) `of` $format `as` $packing attr-dict";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Lowbit_LookupOp : Lowbit_Op<"lookup", [Pure, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<VectorUnrollOpInterface>] # ElementwiseMappable.traits> {
  let summary = "Bytes of a table";
  let description = [{
    The byte of `table` at each `index`, which is unsigned. The table has a power of two of bytes, and the bits of an index above them do
    not count, as in the instructions that this becomes: `result = table[index mod size]`.

    Constraints:
    - (C1) `table` has 1, 2, 4, … or 256 bytes.

    Example:
    ```mlir
    func.func @lookup(%i: vector<64xi8>) -> vector<64xi8> {
      %r = lowbit.lookup %i in [0, 1, 3, 7] : vector<64xi8>
      return %r : vector<64xi8>
    }
    ```
  }];
  let arguments = (ins AnyTypeOf<[I8, VectorOfAnyRankOf<[I8]>]>:$index, DenseI8ArrayAttr:$table);
  let results = (outs AnyTypeOf<[I8, VectorOfAnyRankOf<[I8]>]>:$result);
  let assemblyFormat = "$index `in` $table attr-dict `:` type($result)";
  let hasVerifier = 1;
}

#endif
