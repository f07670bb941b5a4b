//===- LowbitTypes.td - the code type -------------------------------------===//

#ifndef LOWBIT_IR_LOWBITTYPES_TD
#define LOWBIT_IR_LOWBITTYPES_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"
include "mlir/IR/BuiltinTypeInterfaces.td"

def Lowbit_CodeType : TypeDef<Lowbit_Dialect, "Code", [
    DeclareTypeInterfaceMethods<VectorElementTypeInterface>, MemRefElementTypeInterface]> {
  let mnemonic = "code";
  let summary = "A code of a format that has no builtin element type";
  let description = [{
    Ternary, binary and codebook codes. Tensors of codes are lowered to tensors of i8, one byte a code unless packed, before
    bufferization; the type never reaches memory or LLVM.

    Example: `tensor<64x!lowbit.code<#lowbit.ternary>>`
  }];
  let parameters = (ins "::mlir::lowbit::NumberFormatAttrInterface":$format);
  let assemblyFormat = "`<` $format `>`";
  let genVerifyDecl = 1;
}

#endif
