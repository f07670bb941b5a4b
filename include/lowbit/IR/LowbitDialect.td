//===- LowbitDialect.td - the lowbit dialect ------------------------------===//

#ifndef LOWBIT_IR_LOWBITDIALECT_TD
#define LOWBIT_IR_LOWBITDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Lowbit_Dialect : Dialect {
  let name = "lowbit";
  let cppNamespace = "::mlir::lowbit";
  let summary = "Low-bit numbers: codes, scales, and the ops between them and reals";
  let description = [{
    A quantized tensor is three values: *codes* (a tensor of small integers, or of `!lowbit.code`), *scales*, and, where
    the scheme has them, *zero points*. What a code stands for is its *format*; who shares a scale is the *scheme*; how
    codes lie in memory is the *packing*; where ranges come from and which machine is compiled for are *policies*
    (observers, targets). Each is an attribute behind an interface, and one small file.

    All arithmetic between reals and codes is in f32: `real = (code - zero) * scale`, and
    `code = saturate(round_half_even(real / scale) + zero)`. `lowbit-lower-reference` is its executable meaning.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let dependentDialects = ["arith::ArithDialect", "affine::AffineDialect", "math::MathDialect"];
  let extraClassDeclaration = [{
    /// The observer, target or other policy attribute written `#lowbit.<mnemonic>`, without parameters.
    static ::mlir::Attribute parsePolicy(::mlir::MLIRContext *context, ::llvm::StringRef text);
    /// All targets, in the order of their definitions.
    ::llvm::ArrayRef<::mlir::Attribute> getTargets() { return targets; }

  private:
    void registerAttributes();
    void registerTypes();
    ::llvm::SmallVector<::mlir::Attribute> targets;
  }];
}

class Lowbit_Attr<string name, string mnemonicText, list<Trait> traits = []> : AttrDef<Lowbit_Dialect, name, traits> {
  let mnemonic = mnemonicText;
}

#endif
