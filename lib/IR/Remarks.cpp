//===- Remarks.cpp - what passes tell their users -------------------------===//

#include "lowbit/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::lowbit {

remark::RemarkOpts getRemarkOptions(StringRef name, Operation *op) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    function = op->getParentOfType<FunctionOpInterface>();
  return remark::RemarkOpts::name(name).category("lowbit").function(function ? function.getName() : "module");
}

} // namespace mlir::lowbit
