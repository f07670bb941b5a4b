//===- Bytecode.h - the version of lowbit bytecode ------------------------===//
#ifndef LOWBIT_LIB_IR_BYTECODE_H
#define LOWBIT_LIB_IR_BYTECODE_H

namespace mlir::lowbit {

class LowbitDialect;
void addBytecodeInterface(LowbitDialect &dialect);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IR_BYTECODE_H
