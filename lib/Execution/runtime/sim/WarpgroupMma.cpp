//===- WarpgroupMma.cpp - wgmma.mma_async ---------------------------------===//
#include "lowbit/Execution/Sim/WarpgroupMma.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <cstring>
#include <vector>

namespace mlir::lowbit::sim {

static constexpr unsigned kRows = 64, kBytes = 32, kMaxColumns = 256;

MatrixDescriptor::MatrixDescriptor(uint64_t bits)
    : start((bits & 0x3FFF) << 4), leading((bits >> 16 & 0x3FFF) << 4), stride((bits >> 32 & 0x3FFF) << 4), baseOffset(bits >> 49 & 7),
      swizzle(static_cast<Swizzle>((4 - (bits >> 62)) % 4)) {}

uint32_t MatrixDescriptor::swizzled(uint32_t address) const {
  // The pattern is that of the address moved back; the address stays.
  const uint32_t moved = address - 128 * baseOffset;
  return address ^ (sim::swizzle(swizzle, moved) ^ moved);
}

uint32_t MatrixDescriptor::getKMajor(unsigned row, unsigned byte) const {
  if (swizzle == Swizzle::None) // core matrices of 8 rows of 16 bytes
    return start + row / 8 * stride + row % 8 * 16 + byte / 16 * leading + byte % 16;
  return swizzled(start + row / 8 * stride + row % 8 * getSpan(swizzle) + byte);
}

uint32_t MatrixDescriptor::getMNMajor(unsigned row, unsigned k) const {
  const unsigned span = getSpan(swizzle), byte = 2 * row;
  const uint32_t alongMN = swizzle == Swizzle::None ? stride : leading, alongK = swizzle == Swizzle::None ? leading : stride;
  return swizzled(start + byte / span * alongMN + byte % span + k / 8 * alongK + k % 8 * span);
}

namespace {
/// A and B as rows of 32 bytes along K.
struct Gathered {
  alignas(4) uint8_t a[kRows][kBytes];
  std::vector<uint8_t> b;
  const uint8_t *getB(unsigned column) const { return b.data() + column * kBytes; }
};
} // namespace

static Illegal gather(SharedMemory shared, uint64_t bits, bool transposed, unsigned rows, uint8_t *target) {
  const MatrixDescriptor descriptor(bits);
  // Swizzles move pieces of 16 bytes; where K does not run along memory, neighbours are two bytes at most.
  const unsigned piece = transposed ? 2 : 16;
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned byte = 0; byte < kBytes; byte += piece) {
      const uint32_t address = (transposed ? descriptor.getMNMajor(row, byte / 2) : descriptor.getKMajor(row, byte)) - shared.address;
      if (address >= shared.size || shared.size - address < piece)
        return "a matrix of wgmma leaves shared memory";
      std::memcpy(target + row * kBytes + byte, shared.bytes + address, piece);
    }
  return nullptr;
}

static Illegal gather(WarpgroupShape shape, const WarpgroupOperands &operands, Gathered &gathered) {
  if (shape.n % 8 || shape.n == 0 || shape.n > kMaxColumns)
    return "wgmma's N is a multiple of 8 up to 256";
  gathered.b.resize(shape.n * kBytes);
  if (operands.a) {
    for (unsigned thread = 0; thread < kGroupThreads; ++thread)
      for (unsigned r = 0; r < 4; ++r) {
        const unsigned lane = thread % kLanes, row = 16 * (thread / kLanes) + rowOfA(lane, r);
        std::memcpy(&gathered.a[row][4 * wordOfA(lane, r)], &operands.a[thread][r], 4);
      }
  } else if (Illegal why = gather(operands.shared, operands.aDescriptor, shape.aTransposed, kRows, gathered.a[0])) {
    return why;
  }
  return gather(operands.shared, operands.bDescriptor, shape.bTransposed, shape.n, gathered.b.data());
}

/// function(thread, register, row of A, row of B) for every element of the result; `decode` makes rows of their bytes.
template <typename Row, typename Function>
static void forEachElement(WarpgroupShape shape, const Gathered &gathered, llvm::function_ref<Row(bool, const uint8_t *)> decode,
                           Function function) {
  std::vector<Row> a(kRows), b(shape.n);
  for (unsigned row = 0; row < kRows; ++row)
    a[row] = decode(true, gathered.a[row]);
  for (unsigned column = 0; column < shape.n; ++column)
    b[column] = decode(false, gathered.getB(column));
  for (unsigned thread = 0; thread < kGroupThreads; ++thread)
    for (unsigned r = 0; r < shape.n / 2; ++r) {
      const unsigned lane = thread % kLanes;
      function(thread, r, a[16 * (thread / kLanes) + rowOfC(lane, r)], b[columnOfC(lane, r)]);
    }
}

Illegal mmaWarpgroup(const IntegerProduct &form, WarpgroupShape shape, const WarpgroupOperands &operands, bool accumulate, Writes d) {
  Gathered gathered;
  if (Illegal why = gather(shape, operands, gathered))
    return why;
  auto decode = [&](bool isA, const uint8_t *bytes) { return IntegerRow(isA ? form.a : form.b, bytes, kBytes); };
  forEachElement<IntegerRow>(shape, gathered, decode, [&](unsigned thread, unsigned r, const IntegerRow &a, const IntegerRow &b) {
    d[thread][r] = form.accumulate(accumulate ? d[thread][r] : 0, form.dot(a, b));
  });
  return nullptr;
}

Illegal mmaWarpgroup(const WarpgroupFloat &form, WarpgroupShape shape, const WarpgroupOperands &operands, bool accumulate, Writes d) {
  Gathered gathered;
  if (Illegal why = gather(shape, operands, gathered))
    return why;
  Precision precision;
  precision.half = form.half;
  if (getBytes(form.a) == 1)
    precision.fraction = precision.mantissa = 13;
  auto decode = [&](bool isA, const uint8_t *bytes) { return FloatRow(isA ? form.a : form.b, bytes, kBytes); };
  forEachElement<FloatRow>(shape, gathered, decode, [&](unsigned thread, unsigned r, const FloatRow &a, const FloatRow &b) {
    const unsigned shift = form.half ? 16 * (r % 2) : 0;
    const uint32_t mask = form.half ? 0xFFFFu << shift : ~0u;
    uint32_t &word = d[thread][form.half ? r / 2 : r];
    const uint32_t start = accumulate ? (word & mask) >> shift : 0;
    word = (word & ~mask) | addProducts(precision, a, b, start, form.negate) << shift;
  });
  return nullptr;
}

} // namespace mlir::lowbit::sim
