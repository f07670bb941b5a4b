//===- Copies.cpp - cp.async, bulk copies, tensor maps --------------------===//
#include "lowbit/Execution/Sim/Copies.h"
#include <cstring>

namespace mlir::lowbit::sim {

uint32_t swizzle(Swizzle mode, uint32_t address) {
  const uint32_t pieces = getSpan(mode) - 16;
  return address ^ ((address >> 3) & pieces);
}

Illegal copyAsync(void *shared, const void *global, uint32_t size, uint32_t read) {
  if (size != 4 && size != 8 && size != 16)
    return "cp.async copies 4, 8 or 16 bytes";
  if (reinterpret_cast<uintptr_t>(shared) % size || reinterpret_cast<uintptr_t>(global) % size)
    return "cp.async needs addresses at multiples of its size";
  if (read > size)
    return "cp.async reads at most its size";
  std::memcpy(shared, global, read);
  std::memset(static_cast<uint8_t *>(shared) + read, 0, size - read);
  return nullptr;
}

template <typename T> static void addTo(void *target, const void *source, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i += sizeof(T)) {
    T left, right;
    std::memcpy(&left, static_cast<uint8_t *>(target) + i, sizeof left);
    std::memcpy(&right, static_cast<const uint8_t *>(source) + i, sizeof right);
    left += right;
    std::memcpy(static_cast<uint8_t *>(target) + i, &left, sizeof left);
  }
}

Illegal copyBulk(void *target, const void *source, uint32_t bytes, BulkReduction reduction) {
  if (bytes % 16 || reinterpret_cast<uintptr_t>(target) % 16 || reinterpret_cast<uintptr_t>(source) % 16)
    return "a bulk copy needs addresses and a size that are multiples of 16";
  switch (reduction) {
  case BulkReduction::None:
    std::memcpy(target, source, bytes);
    break;
  case BulkReduction::AddS32:
    addTo<uint32_t>(target, source, bytes);
    break;
  case BulkReduction::AddF32:
    addTo<float>(target, source, bytes);
    break;
  }
  return nullptr;
}

Illegal verify(const TensorMap &map) {
  if (map.rank == 0 || map.rank > TensorMap::kMaxRank)
    return "a tensor map has 1 to 5 dimensions";
  if (reinterpret_cast<uintptr_t>(map.global) % 16)
    return "a tensor map's global address is a multiple of 16";
  if (map.pitches[0] != map.elementBytes)
    return "a tensor map's innermost elements lie one after the other";
  for (unsigned d = 0; d < map.rank; ++d) {
    if (map.sizes[d] == 0 || map.sizes[d] > (uint64_t(1) << 32))
      return "a tensor map's sizes are 1 to 2^32";
    if (map.box[d] == 0 || map.box[d] > 256)
      return "a box has 1 to 256 elements in a dimension";
    if (d && (map.pitches[d] % 16 || map.pitches[d] >= uint64_t(1) << 40))
      return "a tensor map's pitches are multiples of 16 below 2^40";
  }
  const uint32_t row = map.box[0] * map.elementBytes;
  if (row % 16)
    return "a row of a box has a multiple of 16 bytes";
  if (map.swizzle != Swizzle::None && row > getSpan(map.swizzle))
    return "a row of a box is not longer than the swizzle's span";
  return nullptr;
}

uint32_t getBoxBytes(const TensorMap &map) {
  uint32_t bytes = map.elementBytes;
  for (unsigned d = 0; d < map.rank; ++d)
    bytes *= map.box[d];
  return bytes;
}

static uint32_t getRowPitch(const TensorMap &map) {
  return map.swizzle == Swizzle::None ? map.box[0] * map.elementBytes : getSpan(map.swizzle);
}

static Illegal checkPlace(const TensorMap &map, const int32_t *coordinates, SharedMemory shared, uint32_t address) {
  // The driver lets it pass, and the GPU stops with an illegal instruction.
  if (coordinates[0] * static_cast<int64_t>(map.elementBytes) % 16)
    return "a box starts at a multiple of 16 bytes in a row";
  if (address % 128)
    return "a tensor copy needs a shared address that is a multiple of 128";
  // A swizzle moves pieces within 128 bytes.
  const uint64_t unit = map.swizzle == Swizzle::None ? 16 : 128, rows = getBoxBytes(map) / (map.box[0] * map.elementBytes);
  const uint64_t end = (static_cast<uint64_t>(address) + rows * getRowPitch(map) + unit - 1) / unit * unit;
  if (address < shared.address || end > static_cast<uint64_t>(shared.address) + shared.size)
    return "a tensor copy leaves shared memory";
  return nullptr;
}

/// Calls function(offset in the tensor, or -1 outside; shared address) for every element of the box.
template <typename Function>
static void forEachElement(const TensorMap &map, const int32_t *coordinates, uint32_t address, Function function) {
  uint32_t index[TensorMap::kMaxRank] = {};
  const uint32_t padding = getRowPitch(map) - map.box[0] * map.elementBytes;
  for (;;) {
    int64_t offset = 0;
    for (unsigned d = 0; d < map.rank; ++d) {
      const int64_t place = static_cast<int64_t>(coordinates[d]) + index[d];
      const bool isInside = offset >= 0 && place >= 0 && static_cast<uint64_t>(place) < map.sizes[d];
      offset = isInside ? offset + place * static_cast<int64_t>(map.pitches[d]) : -1;
    }
    function(offset, swizzle(map.swizzle, address));
    address += map.elementBytes;
    if (index[0] + 1 == map.box[0])
      address += padding;
    unsigned d = 0;
    while (d < map.rank && ++index[d] == map.box[d])
      index[d++] = 0;
    if (d == map.rank)
      return;
  }
}

Illegal loadTensor(const TensorMap &map, const int32_t *coordinates, SharedMemory shared, uint32_t address) {
  if (Illegal why = checkPlace(map, coordinates, shared, address))
    return why;
  forEachElement(map, coordinates, address, [&](int64_t offset, uint32_t place) {
    uint8_t *target = shared.bytes + (place - shared.address);
    if (offset < 0)
      std::memset(target, 0, map.elementBytes);
    else
      std::memcpy(target, map.global + offset, map.elementBytes);
  });
  return nullptr;
}

Illegal storeTensor(const TensorMap &map, const int32_t *coordinates, SharedMemory shared, uint32_t address) {
  if (Illegal why = checkPlace(map, coordinates, shared, address))
    return why;
  // A load may do this; a store stops the GPU.
  for (unsigned d = 0; d < map.rank; ++d)
    if (coordinates[d] < 0)
      return "a box that is stored does not begin before the tensor";
  // Observed: rows of 150 bytes get bytes 150 to 159 too; a store leaves out only 16-byte pieces that lie outside as a whole.
  TensorMap whole = map;
  whole.sizes[0] = (map.sizes[0] * map.elementBytes + 15) / 16 * 16 / map.elementBytes;
  forEachElement(whole, coordinates, address, [&](int64_t offset, uint32_t place) {
    if (offset >= 0)
      std::memcpy(map.global + offset, shared.bytes + (place - shared.address), map.elementBytes);
  });
  return nullptr;
}

} // namespace mlir::lowbit::sim
