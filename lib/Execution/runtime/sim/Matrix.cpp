//===- Matrix.cpp - ldmatrix, stmatrix, movmatrix -------------------------===//
#include "lowbit/Execution/Sim/Matrix.h"
#include <cstring>

namespace mlir::lowbit::sim {

namespace {
/// Where half `half` of a lane's register lies in its 8x8 matrix.
struct Place {
  unsigned row, column;
  Place(unsigned lane, unsigned half, bool transposed) : row(lane / 4), column(2 * (lane % 4) + half) {
    if (transposed)
      std::swap(row, column);
  }
};
} // namespace

static Illegal checkRows(unsigned count, const void *const *rows) {
  for (unsigned lane = 0; lane < 8 * count; ++lane)
    if (reinterpret_cast<uintptr_t>(rows[lane]) % 16)
      return "the address of a matrix row is not a multiple of 16";
  return nullptr;
}

Illegal loadMatrix(unsigned count, bool transposed, const void *const *rows, Writes registers) {
  if (Illegal why = checkRows(count, rows))
    return why;
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned m = 0; m < count; ++m) {
      uint16_t halves[2];
      for (unsigned half = 0; half < 2; ++half) {
        const Place place(lane, half, transposed);
        std::memcpy(&halves[half], static_cast<const uint8_t *>(rows[8 * m + place.row]) + 2 * place.column, 2);
      }
      registers[lane][m] = halves[0] | static_cast<uint32_t>(halves[1]) << 16;
    }
  return nullptr;
}

Illegal storeMatrix(unsigned count, bool transposed, void *const *rows, Reads registers) {
  if (Illegal why = checkRows(count, rows))
    return why;
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned m = 0; m < count; ++m)
      for (unsigned half = 0; half < 2; ++half) {
        const Place place(lane, half, transposed);
        const auto value = static_cast<uint16_t>(registers[lane][m] >> (16 * half));
        std::memcpy(static_cast<uint8_t *>(rows[8 * m + place.row]) + 2 * place.column, &value, 2);
      }
  return nullptr;
}

void moveMatrix(Reads source, Writes target) {
  uint16_t matrix[8][8];
  for (unsigned lane = 0; lane < kLanes; ++lane)
    for (unsigned half = 0; half < 2; ++half) {
      const Place place(lane, half, /*transposed=*/true);
      matrix[place.row][place.column] = static_cast<uint16_t>(source[lane][0] >> (16 * half));
    }
  for (unsigned lane = 0; lane < kLanes; ++lane)
    target[lane][0] = matrix[lane / 4][2 * (lane % 4)] | static_cast<uint32_t>(matrix[lane / 4][2 * (lane % 4) + 1]) << 16;
}

} // namespace mlir::lowbit::sim
