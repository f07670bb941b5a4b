//===- MatmulKernel.h - a product and its epilogue, as a kernel takes it --===//
//
//   result[m, n] = epilogue(sum over k of lhs[m, k] * rhs[n, k], operands at m, n)
//
// or, with scales that change along the reduction, the real that `lowbit.matmul` says,
//
// once, or for each of many batches. Sums of codes are in i32 and wrap; that they do not overflow is proved before a kernel is asked for.
// Sums of floats are those of `lowbit.matmul`.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_GPU_MATMULKERNEL_H
#define LOWBIT_GPU_MATMULKERNEL_H

#include "lowbit/GPU/KernelBuilder.h"
#include "lowbit/Transforms/SumOrder.h"

namespace mlir::lowbit {

/// Where the rows of a side lie in an image, of which they are windows. Each index of a row, or of a column within it, is a loop: its size,
/// and the bytes from one to the next. Neighbours that lie next to one another are one loop.
struct ImageRows {
  struct Loop {
    int64_t size, bytes;
  };
  SmallVector<Loop> rows;
  SmallVector<Loop> taps; ///< Loops over the window but for the last one.
  int64_t run = 0;        ///< Bytes of the last loop, which lie next to one another.

  bool isThere() const { return run != 0; }
};

/// Codes of one side as integers, or floats.
struct MatmulSide {
  unsigned width = 8; ///< Bits of a code: 8, or 1 (packed along the reduction); of a float 32.
  bool isSigned = true;
  FloatType number;          ///< f8E4M3FN, f8E5M2 or f32; null where codes are integers.
  bool isTransposed = false; ///< Whether the rows in memory are those of the reduction, so that it is not contiguous. Of f32 alone.
  bool isShared = false;     ///< Whether all batches have the same.
  ImageRows windows = {};    ///< Of lhs alone.
};

/// What an operand of the epilogue varies along.
enum class OperandKind { Scalar, Row, Column, Full };

struct EpilogueOperand {
  Type type; ///< Of an element.
  OperandKind kind;
  bool isShared = true; ///< By all batches.
};

/// What was matched. Everything a kernel's code depends on is here: kernels that are equal in all of it are one.
struct MatmulKernel {
  MatmulSide lhs, rhs;
  SmallVector<EpilogueOperand> operands;
  bool hasBatches = false;
  int64_t group = 0;            ///< Of the reduction, each of which has scales; 0: there are none.
  FloatType lhsScale, rhsScale; ///< Of a group; null where a side has none.
  Region *epilogue = nullptr;   ///< Takes the sum (i32; f32 of floats, or in groups) and an element of each operand; yields one of each
                                ///< result. Constants may come from around it.
  SmallVector<Type> results;    ///< Elements of [M, N].
  /// Rows of lhs and rhs begin at multiples of so many bytes (a power of two, up to 16) and are as long, and elements of results and full
  /// operands that many columns apart are aligned together.
  unsigned depthAlignment = 16;
  unsigned columnAlignment = 1;
  /// Of floats of 8 bits: in which order they are to be added up; plain where it is open.
  SumOrder order;
  /// What is known of the problem, to choose a tile by; 0: nothing. The code does not depend on it.
  int64_t rows = 0, columns = 0, depth = 0, batches = 0;

  /// Whether both sides are floats of 8 bits.
  bool hasFloats() const { return lhs.number && lhs.width == 8; }
  /// How `wgmma` adds floats of 8 bits up, or `mma.sync`.
  static SumOrder getFloat8Order(bool byWarpgroups);
  /// Whether they may be added up so.
  bool allowsFloat8Order(bool byWarpgroups) const { return order.isPlain() || order == getFloat8Order(byWarpgroups); }
  /// Whether both are f32.
  bool hasWideFloats() const { return lhs.width == 32; }
  /// What the epilogue takes: i32, or f32.
  Type getSumType(MLIRContext *context) const;
  /// Rows, columns and depth to estimate by.
  std::array<int64_t, 3> guessSizes() const;
  /// Batches to estimate by.
  int64_t guessBatches() const;
};

/// Arguments of the kernel, in the order in which they are passed: lhs, rhs (`!llvm.ptr<1>`), scales of their groups where there are, each
/// operand (pointer; also of a scalar), each result (pointer), then rows, columns, depth (in bytes) and the bytes between rows of lhs and
/// of rhs (i32); where there are batches, their number and the bytes between those of lhs and of rhs (i32). A schedule may put arguments of
/// its own after them. On the host the same struct holds the values that are passed.
struct MatmulArguments {
  Value lhs, rhs;
  Value lhsScales, rhsScales; ///< Null where there are none.
  SmallVector<Value> operands, results;
  Value rows, columns, depth, lhsPitch, rhsPitch;
  Value batches, lhsBatchPitch, rhsBatchPitch; ///< Null where there are no batches.

  static SmallVector<Type> getTypes(MLIRContext *context, const MatmulKernel &kernel);
  static MatmulArguments get(ValueRange values, const MatmulKernel &kernel);
  SmallVector<Value> toValues() const;
  /// The same with the pointers at that batch (i32). What all batches share stays where it is.
  MatmulArguments atBatch(KernelBuilder &b, const MatmulKernel &kernel, Value batch) const;
};

} // namespace mlir::lowbit

#endif // LOWBIT_GPU_MATMULKERNEL_H
