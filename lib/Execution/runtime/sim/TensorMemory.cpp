//===- TensorMemory.cpp - tcgen05: tensor memory and products into it -----===//
#include "lowbit/Execution/Sim/TensorMemory.h"
#include "lowbit/Execution/Sim/WarpgroupMma.h"
#include <cstring>
#include <vector>

namespace mlir::lowbit::sim {

static constexpr unsigned kBytes = 32;

Illegal decode(uint32_t descriptor, TensorProduct &product) {
  auto field = [&](unsigned first, unsigned bits) { return descriptor >> first & ((1u << bits) - 1); };
  constexpr unsigned kS32 = 2;
  if (field(4, 2) != kS32 || field(7, 3) > 1 || field(10, 3) > 1)
    return "the instruction descriptor does not say signed or unsigned bytes and 32-bit integers";
  if (field(0, 3) || field(6, 1) || field(13, 2) || field(23, 1) || field(29, 1))
    return "the instruction descriptor has bits that kind::i8 does not have, or of sparse products, which have no model";
  if (field(15, 2) || field(30, 2))
    return "products with M or N along memory, and those with shifts, have no model";
  auto getType = [](unsigned isSigned) { return isSigned ? IntegerType::S8 : IntegerType::U8; };
  product.integers = {getType(field(7, 3)), getType(field(10, 3)), BitOperation::And, field(3, 1) != 0};
  product.rows = field(24, 5) << 4;
  product.columns = field(17, 6) << 3;
  if (product.rows != kTensorLanes)
    return "products of other than 128 rows have no model";
  if (product.columns % 16 || product.columns == 0 || product.columns > 256)
    return "N of a product of 128 rows of bytes is a multiple of 16 up to 256";
  return nullptr;
}

Illegal verifyDescriptor(uint64_t bits) {
  if ((bits >> 46 & 7) != 1)
    return "the descriptor of a matrix for tcgen05 has 1 in bits 46 to 48";
  if (bits >> 14 & 3 || bits >> 30 & 3 || bits >> 53 & 0xFF)
    return "the descriptor of a matrix has bits that are to be zero";
  if (bits >> 52 & 1 || bits >> 61 & 1)
    return "absolute distances and swizzles of 32 bytes within 128 have no model";
  return nullptr; // what is left has the fields of wgmma's
}

static Illegal gather(SharedMemory shared, uint64_t bits, unsigned rows, std::vector<IntegerRow> &decoded, IntegerType type) {
  if (Illegal why = verifyDescriptor(bits))
    return why;
  constexpr unsigned piece = 16;
  const MatrixDescriptor descriptor(bits);
  for (unsigned row = 0; row < rows; ++row) {
    uint8_t bytes[kBytes];
    for (unsigned byte = 0; byte < kBytes; byte += piece) {
      const uint32_t offset = descriptor.getKMajor(row, byte) - shared.address;
      if (offset >= shared.size || shared.size - offset < piece)
        return "a matrix of tcgen05.mma leaves shared memory";
      std::memcpy(bytes + byte, shared.bytes + offset, piece);
    }
    decoded.emplace_back(type, bytes, kBytes);
  }
  return nullptr;
}

Illegal mmaTensor(const TensorProduct &product, SharedMemory shared, uint64_t a, uint64_t b, bool accumulate, uint32_t *cells,
                  TensorAddress address) {
  std::vector<IntegerRow> left, right;
  if (Illegal why = gather(shared, a, product.rows, left, product.integers.a))
    return why;
  if (Illegal why = gather(shared, b, product.columns, right, product.integers.b))
    return why;
  for (unsigned row = 0; row < product.rows; ++row)
    for (unsigned column = 0; column < product.columns; ++column) {
      uint32_t &cell = cells[(address.lane + row) * kTensorColumns + address.column + column];
      cell = product.integers.accumulate(accumulate ? cell : 0, product.integers.dot(left[row], right[column]));
    }
  return nullptr;
}

} // namespace mlir::lowbit::sim
