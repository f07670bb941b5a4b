//===- SimDevice.cpp - the simulator of a GPU as a device -----------------===//
// Law: a call that the simulator has anything to say about has failed, and says all of it.

#include "lowbit/Execution/SimDevice.h"
#include "lowbit/Execution/Sim/Copies.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace mlir::lowbit {

static constexpr size_t kAlignment = 256;

SimDevice::~SimDevice() = default;

std::unique_ptr<sim::Machine> SimDevice::take(sim::MemoryRanges &ranges) {
  std::lock_guard<std::mutex> lock(mutex);
  ranges = memory;
  if (idle.empty())
    return std::make_unique<sim::Machine>();
  std::unique_ptr<sim::Machine> machine = std::move(idle.back());
  idle.pop_back();
  return machine;
}

void SimDevice::giveBack(std::unique_ptr<sim::Machine> machine) {
  std::lock_guard<std::mutex> lock(mutex);
  idle.push_back(std::move(machine));
}

void SimDevice::launch(const void *kernel, const LaunchShape &shape, void **parameters, unsigned) {
  sim::MemoryRanges ranges;
  std::unique_ptr<sim::Machine> machine = take(ranges);
  machine->launch(*static_cast<const sim::Kernel *>(kernel), shape.grid, shape.block, shape.sharedBytes, parameters, /*options=*/{},
                  &ranges);
  std::string text;
  for (const sim::Finding &finding : machine->takeFindings())
    text += (text.empty() ? "" : "\n") + finding.text + (finding.times > 1 ? " (" + std::to_string(finding.times) + " times)" : "");
  giveBack(std::move(machine));
  if (!text.empty())
    failCall(std::move(text));
}

TensorMap *SimDevice::encodeTensorMap(const TensorMapShape &shape) {
  sim::TensorMap map = {};
  static_assert(sizeof(sim::TensorMap) <= sizeof(TensorMap::bytes));
  map.global = reinterpret_cast<uint8_t *>(shape.address);
  map.rank = shape.batches ? 3 : 2;
  map.elementBytes = shape.elementBytes;
  map.sizes[0] = shape.columns;
  map.sizes[1] = shape.rows;
  map.pitches[0] = shape.elementBytes;
  map.pitches[1] = shape.rowBytes;
  map.box[0] = shape.boxColumns;
  map.box[1] = shape.boxRows;
  map.sizes[2] = shape.batches;
  map.pitches[2] = shape.batchBytes;
  map.box[2] = 1;
  switch (shape.swizzleBytes) {
  case 0:
    map.swizzle = sim::Swizzle::None;
    break;
  case 32:
    map.swizzle = sim::Swizzle::Span32;
    break;
  case 64:
    map.swizzle = sim::Swizzle::Span64;
    break;
  case 128:
    map.swizzle = sim::Swizzle::Span128;
    break;
  default:
    failCall("a tensor map with a swizzle of " + std::to_string(shape.swizzleBytes) + " bytes; expected 0, 32, 64 or 128");
    return nullptr;
  }
  if (sim::Illegal why = sim::verify(map)) {
    failCall(std::string("a tensor map that no GPU takes: ") + why);
    return nullptr;
  }
  CallScope *scope = CallScope::getCurrent();
  TensorMap *result = scope ? scope->allocateMap() : nullptr;
  if (result)
    std::memcpy(result->bytes, &map, sizeof map);
  return result;
}

void SimDevice::addMemory(const void *begin, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex);
  const std::pair<const uint8_t *, uint64_t> range(static_cast<const uint8_t *>(begin), bytes);
  if (std::find(memory.begin(), memory.end(), range) == memory.end())
    memory.push_back(range);
}

void *SimDevice::getConstant(DeviceConstant &constant, const void *bytes, size_t size) {
  // The code that the constant is of has no other device.
  if (!__atomic_load_n(&constant.cache, __ATOMIC_ACQUIRE)) {
    addMemory(bytes, size);
    __atomic_store_n(&constant.cache, const_cast<void *>(bytes), __ATOMIC_RELEASE);
  }
  return const_cast<void *>(bytes);
}

void *SimDevice::allocate(size_t bytes) {
  void *result = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment + kAlignment);
  if (result)
    addMemory(result, bytes);
  else
    failCall("no memory for " + std::to_string(bytes) + " bytes");
  return result;
}

void SimDevice::deallocate(void *begin) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    memory.erase(std::remove_if(memory.begin(), memory.end(), [&](const auto &range) { return range.first == begin; }), memory.end());
  }
  std::free(begin);
}

void SimDevice::copyToDevice(void *target, const void *source, size_t bytes) { std::memcpy(target, source, bytes); }
void SimDevice::copyToHost(void *target, const void *source, size_t bytes) { std::memcpy(target, source, bytes); }

} // namespace mlir::lowbit
