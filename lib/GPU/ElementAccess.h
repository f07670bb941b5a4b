//===- ElementAccess.h - elements of buffers, as a lane has them ----------===//
#ifndef LOWBIT_LIB_GPU_ELEMENTACCESS_H
#define LOWBIT_LIB_GPU_ELEMENTACCESS_H

#include "lowbit/GPU/KernelBuilder.h"

namespace mlir::lowbit {

/// Of an element in memory: at least one (KernelBuilder::load).
int64_t getElementBytes(Type element);

Value loadElement(KernelBuilder &b, Type element, Value address);
void storeElement(KernelBuilder &b, Value value, Value address);

/// Bytes (i64) from the begin of a buffer with these strides to its element at `places` (i32).
Value getElementOffset(KernelBuilder &b, Type element, ArrayRef<int64_t> strides, ArrayRef<Value> places);

/// `expr` of values that are not negative, i32.
Value evaluate(KernelBuilder &b, AffineExpr expr, ArrayRef<Value> dims, ArrayRef<Value> symbols = {});

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_ELEMENTACCESS_H
