//===- Decimal.td - a real number as a parameter --------------------------===//

#ifndef LOWBIT_IR_DECIMAL_TD
#define LOWBIT_IR_DECIMAL_TD

include "mlir/IR/AttrTypeBase.td"

class Lowbit_Decimal<string value> : DefaultValuedParameter<"::llvm::APFloat", "::llvm::APFloat(" # value # ")"> {
  let comparator = "$_lhs.bitwiseIsEqual($_rhs)";
  let parser = "::mlir::lowbit::parseDecimal($_parser)";
  let printer = "::mlir::lowbit::printDecimal($_printer, $_self)";
}

#endif
