//===- IntegerMma.h - mma.sync of 8, 4 and 1-bit integers -----------------===//
#ifndef LOWBIT_EXECUTION_SIM_INTEGERMMA_H
#define LOWBIT_EXECUTION_SIM_INTEGERMMA_H

#include "lowbit/Execution/Sim/Fragments.h"

namespace mlir::lowbit::sim {

enum class IntegerType : uint8_t { S8, U8, S4, U4, B1 };

/// How bits meet before they are counted.
enum class BitOperation : uint8_t { And, Xor };

/// A row of 16 or 32 bytes, decoded once for all products it is in: numbers, zeros after them, or bits as they are.
struct IntegerRow {
  IntegerRow() = default;
  /// The lower half of a byte comes first.
  IntegerRow(IntegerType type, const uint8_t *bytes, unsigned count);

  union {
    int16_t numbers[64];
    uint64_t bits[4];
  };
};

/// What two rows are multiplied with, and how the sum is kept.
struct IntegerProduct {
  IntegerType a = IntegerType::S8, b = IntegerType::S8;
  BitOperation bits = BitOperation::And;
  bool saturate = false;

  /// The exact dot product of two rows of up to 32 bytes.
  int32_t dot(const IntegerRow &rowOfA, const IntegerRow &rowOfB) const;

  /// `c` plus a dot product in 32 bits, wrapped or saturated once, at the end.
  uint32_t accumulate(uint32_t c, int32_t product) const;
};

/// m16n8 or m8n8; K is as many elements as fit in `rowBytes`.
struct IntegerMma {
  IntegerProduct product;
  unsigned rows = 16, rowBytes = 32;
};

void mmaSync(const IntegerMma &form, Reads a, Reads b, Reads c, Writes d);

} // namespace mlir::lowbit::sim

#endif // LOWBIT_EXECUTION_SIM_INTEGERMMA_H
