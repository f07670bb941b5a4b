//===- Lowbit.h - the lowbit dialect: attributes, types, ops --------------===//
#ifndef LOWBIT_IR_LOWBIT_H
#define LOWBIT_IR_LOWBIT_H

#include "lowbit/Interfaces/AttrInterfaces.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/VectorInterfaces.h"

#include "lowbit/IR/LowbitDialect.h.inc"
#include "lowbit/IR/LowbitEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "lowbit/IR/LowbitAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "lowbit/IR/LowbitTypes.h.inc"

#define GET_OP_CLASSES
#include "lowbit/IR/LowbitOps.h.inc"

#include "lowbit/Interfaces/OpInterfaces.h"

#endif // LOWBIT_IR_LOWBIT_H
