//===- Remarks.h - what passes tell their users ---------------------------===//
#ifndef LOWBIT_IR_REMARKS_H
#define LOWBIT_IR_REMARKS_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Remarks.h"

namespace mlir::lowbit {

/// A remark `name` of the category `lowbit`, in the function that `op` is or is in; else in `module`.
remark::RemarkOpts getRemarkOptions(StringRef name, Operation *op);

} // namespace mlir::lowbit

#endif // LOWBIT_IR_REMARKS_H
