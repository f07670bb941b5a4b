//===- Packings.td - memory layouts of codes ------------------------------===//

#ifndef LOWBIT_IR_PACKINGS_TD
#define LOWBIT_IR_PACKINGS_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Packing<string name, string mnemonicText> : Lowbit_Attr<name, mnemonicText,
    [DeclareAttrInterfaceMethods<PackingAttrInterface>]>;

def Lowbit_RowMajorPackingAttr : Lowbit_Packing<"RowMajorPacking", "row_major"> {
  let summary = "Codes in row-major order, low bits first";
  let description = [{
    Codes along the last axis fill bytes from the low bits up. A code takes 1, 2, 4 or 8 bits, the next power of two of its width,
    and the last axis must fill whole bytes.
  }];
}

def Lowbit_PanelPackingAttr : Lowbit_Packing<"PanelPacking", "panel"> {
  let summary = "Panels for dot-product instructions";
  let description = [{
    Codes `[…, K, N]` of 8 bits become `[…, N / columns, K / depth, columns, depth]`: a vector register holds `columns` times `depth`
    codes, `depth` neighbours along K of each column. With `transposed` the codes are `[…, N, K]`.

    Example: `#lowbit.panel<columns = 16, depth = 4>`
  }];
  let parameters = (ins "int64_t":$columns, "int64_t":$depth, DefaultValuedParameter<"bool", "false">:$transposed);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif
