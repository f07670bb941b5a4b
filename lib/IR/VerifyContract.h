//===- VerifyContract.h - the maps of a contraction -----------------------===//
#ifndef LOWBIT_LIB_IR_VERIFYCONTRACT_H
#define LOWBIT_LIB_IR_VERIFYCONTRACT_H

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// (C1) The maps are there, are over the same loops, agree with the shapes, and read no element that is not there.
LogicalResult verifyContractMaps(ContractOp op);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IR_VERIFYCONTRACT_H
