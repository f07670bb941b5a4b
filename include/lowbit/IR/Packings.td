//===- Packings.td - memory layouts of codes ------------------------------===//

#ifndef LOWBIT_IR_PACKINGS_TD
#define LOWBIT_IR_PACKINGS_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Packing<string name, string mnemonicText, list<string> overridden = []> : Lowbit_Attr<name, mnemonicText,
    [DeclareAttrInterfaceMethods<PackingAttrInterface, overridden>]>;

def Lowbit_RowMajorPackingAttr : Lowbit_Packing<"RowMajorPacking", "row_major"> {
  let summary = "Codes in row-major order, low bits first";
  let description = [{
    Codes along the last axis fill bytes from the low bits up. A code takes 1, 2, 4 or 8 bits, the next power of two of its width,
    and the last axis must fill whole bytes.
  }];
}

def Lowbit_PanelPackingAttr : Lowbit_Packing<"PanelPacking", "panel", ["getBase"]> {
  let summary = "Panels for dot-product instructions";
  let description = [{
    Codes `[…, K, N]` of 8 bits become `[…, N / columns, K / depth, columns, depth]`: a vector register holds `columns` times `depth`
    codes, `depth` neighbours along K of each column. With `transposed` the codes are `[…, N, K]`.

    Codes of 4, 2 or 1 bits share bytes: the byte at group `g` holds, low bits first, the codes that whole groups `g * p, g * p + 1, …`
    of 8-bit codes would hold there, `p` codes a byte, so that a shift and a mask of a register give a register of codes. K is divided by
    `depth * p` then.

    With `base = 3` the five codes of a byte are the digits of a number to base 3, in the same order, so that a code takes 1.6 bits. They have 2
    bits each when unpacked.

    Example: `#lowbit.panel<columns = 16, depth = 4>`, `#lowbit.panel<columns = 128, depth = 4, base = 3>`
  }];
  let parameters = (ins "int64_t":$columns, "int64_t":$depth, DefaultValuedParameter<"bool", "false">:$transposed,
                        DefaultValuedParameter<"int64_t", "0">:$base);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif
