//===- KernelBuilder.h - the code of one lane -----------------------------===//
//
// Kernels are written for one lane, in arith, scf, vector and llvm pointer ops, with nvvm ops for what a warp does together. Indices are
// i32 unless they count bytes of global memory (i64).
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_GPU_KERNELBUILDER_H
#define LOWBIT_GPU_KERNELBUILDER_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::lowbit {

/// `ImplicitLocOpBuilder` with the few words that kernels are made of; what is known at compile time is folded.
class KernelBuilder : public ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  Value i32(int64_t value);
  Value i64(int64_t value);
  /// Both sides of one integer type. `x + 0`, `x * 1` and `x * 0` are no ops.
  Value add(Value lhs, Value rhs);
  Value add(Value lhs, int64_t rhs);
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  Value mul(Value lhs, int64_t rhs);
  /// Unsigned, as all counts and indices are.
  Value div(Value lhs, int64_t rhs);
  Value ceilDiv(Value lhs, int64_t rhs);
  Value rem(Value lhs, int64_t rhs);
  /// Where nested loops of these sizes are at `place` (i32) of all their steps; the last one is the fastest.
  SmallVector<Value> takeApart(Value place, ArrayRef<int64_t> sizes);
  Value bitXor(Value lhs, Value rhs);
  Value bitAnd(Value lhs, int64_t rhs);
  Value min(Value lhs, Value rhs);
  Value lessThan(Value lhs, Value rhs);
  Value select(Value condition, Value whenTrue, Value whenFalse);
  /// i32 to i64, unsigned.
  Value widen(Value i32Value);
  Value toI32(Value value);

  /// i32, along x.
  Value threadId();
  Value blockId(gpu::Dimension dimension = gpu::Dimension::x);

  /// `!llvm.ptr<1>` or `<3>`, `offset` bytes (i32 is taken as unsigned, or i64) further.
  Value offset(Value pointer, Value bytes);
  Value offset(Value pointer, int64_t bytes);
  /// The dynamic shared memory of the block, `!llvm.ptr<3>`.
  Value sharedMemory();
  /// A plain load or store; `alignment` in bytes.
  Value load(Type type, Value pointer, unsigned alignment);
  /// `count` neighbours of `type`, by one load aligned to all of them.
  SmallVector<Value> loadElements(Type type, Value pointer, int64_t count);
  void store(Value value, Value pointer, unsigned alignment);
  /// Neighbours of one type, by one store aligned to all of them.
  void storeElements(ArrayRef<Value> values, Value pointer);
  /// The fields of an LLVM struct.
  SmallVector<Value> unpack(Value aggregate);

  /// A constant-free `scf.for` over i32 from `lower` to `upper`; `body` gets the index and the carried values and returns the next ones.
  SmallVector<Value> loop(Value lower, Value upper, int64_t step, ValueRange carried,
                          function_ref<SmallVector<Value>(Value, ValueRange)> body);
  /// `scf.if` without results.
  void when(Value condition, function_ref<void()> body);
};

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_KERNELBUILDER_H
