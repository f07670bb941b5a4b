//===- Device.cpp - calls of compiled code, and the device they go to -----===//
// Law: after the first error of a call the device is left alone until the call ends.

#include "lowbit/Execution/Device.h"
#include <memory>
#include <utility>
#include <vector>

namespace mlir::lowbit {

namespace {
/// Tensor maps of the calls that a thread is in, the outermost first.
struct MapStack {
  std::vector<std::unique_ptr<TensorMap>> maps;
  size_t used = 0;
};
} // namespace

static thread_local CallScope *current = nullptr;
static thread_local MapStack mapStack;

CallState Device::begin(DeviceEntry &, const uint64_t *, unsigned) { return CallState::Run; }
void Device::end(DeviceEntry &) {}
void Device::release(DeviceProgram &) {}

CallScope::CallScope(Device &device, void *stream) : device(device), stream(stream), outer(current), firstMap(mapStack.used) {
  current = this;
}

CallScope::~CallScope() {
  current = outer;
  mapStack.used = firstMap;
}

TensorMap *CallScope::allocateMap() {
  if (mapStack.used == mapStack.maps.size())
    mapStack.maps.push_back(std::make_unique<TensorMap>());
  return mapStack.maps[mapStack.used++].get();
}

CallScope *CallScope::getCurrent() { return current; }

void CallScope::fail(std::string message) {
  if (!failed)
    error = std::move(message);
  failed = true;
}

std::string CallScope::takeError() {
  failed = false;
  return std::exchange(error, {});
}

void failCall(std::string message) {
  if (current)
    current->fail(std::move(message));
}

/// The scope that work may go to; null where there is none or it has failed.
static CallScope *getWorking() { return current && !current->hasFailed() ? current : nullptr; }

} // namespace mlir::lowbit

using namespace mlir::lowbit;

int32_t lowbit_gpu_launch(const void *kernel, int32_t gridX, int32_t gridY, int32_t gridZ, int32_t blockX, int32_t blockY, int32_t blockZ,
                          int32_t sharedBytes, void **parameters, int32_t count) {
  CallScope *scope = getWorking();
  if (!scope)
    return 1;
  auto word = [](int32_t value) { return static_cast<uint32_t>(value); };
  LaunchShape shape = {{word(gridX), word(gridY), word(gridZ)}, {word(blockX), word(blockY), word(blockZ)}, word(sharedBytes)};
  // An array without elements has nothing to compute; drivers refuse such grids.
  if (gridX != 0 && gridY != 0 && gridZ != 0)
    scope->getDevice().launch(kernel, shape, parameters, word(count));
  return scope->hasFailed();
}

void *lowbit_gpu_tensor_map(int64_t address, int32_t elementBytes, int64_t rows, int64_t columns, int64_t rowBytes, int32_t boxRows,
                            int32_t boxColumns, int32_t swizzleBytes, int64_t batches, int64_t batchBytes) {
  CallScope *scope = getWorking();
  if (!scope)
    return nullptr;
  auto word = [](int64_t value) { return static_cast<uint64_t>(value); };
  auto half = [](int32_t value) { return static_cast<uint32_t>(value); };
  return scope->getDevice().encodeTensorMap({word(address), half(elementBytes), word(rows), word(columns), word(rowBytes), half(boxRows),
                                             half(boxColumns), half(swizzleBytes), word(batches), word(batchBytes)});
}

void *lowbit_gpu_constant(DeviceConstant *constant, const void *bytes, int64_t size) {
  CallScope *scope = getWorking();
  return scope ? scope->getDevice().getConstant(*constant, bytes, static_cast<size_t>(size)) : nullptr;
}
