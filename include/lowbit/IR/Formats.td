//===- Formats.td - number formats ----------------------------------------===//

#ifndef LOWBIT_IR_FORMATS_TD
#define LOWBIT_IR_FORMATS_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Format<string name, string mnemonicText, list<string> overridden = []> : Lowbit_Attr<name, mnemonicText, [
    DeclareAttrInterfaceMethods<NumberFormatAttrInterface,
        !listconcat(["getWidth", "getCodeType", "getSmallest", "getLargest", "encode", "decode", "buildEncode", "buildDecode"],
                    overridden)>]>;

def Lowbit_IntFormatAttr : Lowbit_Format<"IntFormat", "int", ["isInteger", "hasZeroPoint", "buildDecodeInteger"]> {
  let summary = "Signed two's complement integer";
  let description = [{
    Codes of `width` bits (1 to 16) in tensors of `i<width>`; code `c` stands for the integer `c`.

    | width | codes | `getLargest` |
    | --- | --- | --- |
    | 8 | -128 … 127 | 127 |
    | 4 | -8 … 7 | 7 |
    | 1 | -1, 0 | 0 |

    Example: `#lowbit.int<8>`
  }];
  let parameters = (ins "unsigned":$width);
  let assemblyFormat = "`<` $width `>`";
  let genVerifyDecl = 1;
}

def Lowbit_UIntFormatAttr : Lowbit_Format<"UIntFormat", "uint", ["isInteger", "hasZeroPoint", "isSigned", "buildDecodeInteger"]> {
  let summary = "Unsigned integer";
  let description = [{
    Codes of `width` bits (1 to 16) in tensors of signless `i<width>`, read without sign; code `c` stands for `c`.

    Example: `#lowbit.uint<4>`, codes 0 … 15.
  }];
  let parameters = (ins "unsigned":$width);
  let assemblyFormat = "`<` $width `>`";
  let genVerifyDecl = 1;
}

def Lowbit_FloatFormatAttr : Lowbit_Format<"FloatFormat", "float"> {
  let summary = "A float of 8, 6 or 4 bits";
  let description = [{
    Codes are elements of one of MLIR's small float types: f8E4M3FN, f8E5M2, f8E4M3FNUZ, f8E5M2FNUZ, f8E4M3, f8E3M4,
    f8E4M3B11FNUZ, f6E3M2FN, f6E2M3FN, f4E2M1FN, f8E8M0FNU. Encoding saturates to the largest finite value, never to infinity.
    f8E8M0FNU holds powers of two only; a real encodes to the nearest one, ties to the even code.

    Example: `#lowbit.float<f4E2M1FN>` stands for 0, ±0.5, ±1, ±1.5, ±2, ±3, ±4, ±6.
  }];
  let parameters = (ins "::mlir::FloatType":$type);
  let assemblyFormat = "`<` $type `>`";
  let genVerifyDecl = 1;
}

def Lowbit_TernaryFormatAttr : Lowbit_Format<"TernaryFormat", "ternary", ["isInteger", "buildDecodeInteger"]> {
  let summary = "Minus one, zero, plus one";
  let description = [{
    Two bits a code, two's complement: `00` is 0, `01` is +1, `11` is -1; `10` is not made by encoding and decodes to -2.
    Reals up to 0.5 in magnitude encode to 0 (half to even).
  }];
}

def Lowbit_BinaryFormatAttr : Lowbit_Format<"BinaryFormat", "binary", ["isInteger", "buildDecodeInteger"]> {
  let summary = "Minus one, plus one";
  let description = [{
    One bit a code: `1` is -1 and `0` is +1 (the sign bit). Zero, of either sign, encodes to +1.
  }];
}

def Lowbit_CodebookFormatAttr : Lowbit_Format<"CodebookFormat", "codebook"> {
  let summary = "A table of reals";
  let description = [{
    A code is an index into 2 to 256 strictly increasing finite reals (f32). A real encodes to the nearest entry, ties to the even
    index. `nf4` names the 16 quantiles of the normal distribution from QLoRA (Dettmers et al., 2023, arXiv:2305.14314).

    Example: `#lowbit.codebook<nf4>`, `#lowbit.codebook<[-1.0, -0.25, 0.25, 1.0]>`.
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::DenseF32ArrayAttr":$levels);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Lowbit_Float3FormatAttr : Lowbit_Format<"Float3Format", "float3"> {
  let summary = "A float of 3 bits: sign, two bits of exponent, no mantissa";
  let description = [{
    Stands for 0, ±1, ±2, ±4: powers of two, whose products are shifts. Reals encode to the nearest, ties to the even code; zero has no sign.

    | code (without sign) | 0 | 1 | 2 | 3 |
    | --- | --- | --- | --- | --- |
    | magnitude | 0 | 1 | 2 | 4 |

    The sign is the third bit.
  }];
}

#endif
