//===- DeviceCall.cpp - calls of functions whose arrays are on a device ----===//
// Law: a call that failed has told why, and has left nothing behind that later calls would see.

#include "DeviceCall.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/MathExtras.h"
#include <chrono>

namespace mlir::lowbit {

DeviceCalls::DeviceCalls(Device &device, DeviceProgram &program, const Entry &entry, BoundCall::Function function)
    : device(device), entry(entry), function(function) {
  for (const Port &port : entry.inputs)
    names.push_back(port.isScalar ? nullptr : port.name.c_str());
  for (const Port &port : entry.outputs)
    names.push_back(port.name.c_str());
  names.push_back("workspace");
  handle = {&program, entry.name.c_str(), names.data(), nullptr};
}

DeviceCalls::~DeviceCalls() {
  CallScope scope(device);
  for (const Arena &arena : idle)
    device.deallocate(arena.memory);
}

DeviceCalls::Arena DeviceCalls::take(size_t bytes) {
  Arena arena;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!idle.empty()) {
      arena = idle.back();
      idle.pop_back();
    }
  }
  if (arena.bytes >= bytes && arena.memory)
    return arena;
  device.deallocate(arena.memory);
  return {static_cast<char *>(device.allocate(bytes)), bytes};
}

void DeviceCalls::call(const BoundCall &body, ArrayRef<uint64_t> words) {
  if (device.begin(handle, words.data(), static_cast<unsigned>(words.size())) != CallState::Run)
    return;
  body();
  device.end(handle);
}

namespace {
/// One array of a call: where the caller has it, and where the device has it.
struct Staged {
  const Port *port;
  Buffer caller, onDevice;
  size_t bytes = 0, offset = 0;
  bool isCopied = false;
  std::vector<char> converted; ///< The form that compiled code reads, of elements of less than a byte.
};
} // namespace

static bool isValue(const Staged &array, bool isInput) { return isInput && array.port->isScalar; }

static llvm::Error stage(ArrayRef<Port> ports, ArrayRef<Buffer> buffers, bool isInput, std::vector<Staged> &arrays) {
  std::string kind = isInput ? "input" : "output";
  if (ports.size() != buffers.size())
    return llvm::createStringError(std::to_string(buffers.size()) + " " + kind + "s given; expected " + std::to_string(ports.size()));
  for (auto [port, buffer] : llvm::zip_equal(ports, buffers)) {
    if (llvm::Error error = port.check(buffer))
      return llvm::createStringError(kind + " " + llvm::toString(std::move(error)));
    Staged array{&port, buffer, buffer, 0, 0, false, {}};
    array.bytes = *countElements(buffer.shape) * buffer.type.bytes;
    array.isCopied = !buffer.onDevice && !isValue(array, isInput);
    if (isInput && port.type.isNarrow() && !buffer.onDevice)
      if (llvm::Error error = port.narrow(buffer, array.converted))
        return llvm::createStringError(kind + " " + llvm::toString(std::move(error)));
    if (buffer.onDevice && isValue(array, isInput))
      return llvm::createStringError("input `" + port.name + "` is a number on the device; expected one of the host's");
    arrays.push_back(std::move(array));
  }
  return llvm::Error::success();
}

/// What decides what a call does: addresses, and numbers passed by value.
static std::vector<uint64_t> getWords(ArrayRef<Staged> inputs, ArrayRef<Staged> outputs, void *workspace) {
  std::vector<uint64_t> words;
  for (const Staged &array : inputs) {
    uint64_t word = reinterpret_cast<uint64_t>(array.onDevice.data);
    if (isValue(array, /*isInput=*/true)) {
      word = 0;
      std::memcpy(&word, array.caller.data, std::min<size_t>(array.bytes, sizeof(word)));
    }
    words.push_back(word);
  }
  for (const Staged &array : outputs)
    words.push_back(reinterpret_cast<uint64_t>(array.onDevice.data));
  words.push_back(reinterpret_cast<uint64_t>(workspace));
  return words;
}

llvm::Error DeviceCalls::run(ArrayRef<Buffer> inputBuffers, ArrayRef<Buffer> outputBuffers, std::vector<double> *seconds, unsigned repeat) {
  std::vector<Staged> inputs, outputs;
  if (llvm::Error error = stage(entry.inputs, inputBuffers, /*isInput=*/true, inputs))
    return error;
  if (llvm::Error error = stage(entry.outputs, outputBuffers, /*isInput=*/false, outputs))
    return error;
  size_t total = llvm::alignTo(entry.workspaceBytes, 256);
  for (Staged &array : llvm::concat<Staged>(inputs, outputs))
    if (array.isCopied) {
      array.offset = total;
      total += llvm::alignTo(array.bytes, 256);
    }
  CallScope scope(device);
  auto fail = [&] { return llvm::createStringError("function `" + entry.name + "`: " + scope.takeError()); };
  Arena arena = total ? take(total) : Arena();
  if (scope.hasFailed())
    return fail();
  llvm::scope_exit giveBack([&] {
    std::lock_guard<std::mutex> lock(mutex);
    if (arena.memory)
      idle.push_back(arena);
  });
  for (Staged &array : llvm::concat<Staged>(inputs, outputs))
    if (array.isCopied)
      array.onDevice.data = arena.memory + array.offset;
  for (Staged &array : inputs)
    if (array.isCopied)
      device.copyToDevice(array.onDevice.data, array.converted.empty() ? array.caller.data : array.converted.data(), array.bytes);
  auto buffers = [](ArrayRef<Staged> arrays) { return llvm::map_to_vector(arrays, [](const Staged &array) { return array.onDevice; }); };
  auto body = BoundCall::create(entry, function, std::shared_ptr<void>(arena.memory, [](void *) {}), buffers(inputs), buffers(outputs),
                                BoundCall::Narrow::Trust);
  if (!body)
    return body.takeError();
  std::vector<uint64_t> words = getWords(inputs, outputs, arena.memory);
  call(*body, words);
  for (unsigned i = 0; seconds && i < repeat && !scope.hasFailed(); ++i) {
    if (i == 0)
      device.synchronize();
    auto start = std::chrono::steady_clock::now();
    call(*body, words);
    device.synchronize();
    seconds->push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  for (Staged &array : outputs)
    if (array.isCopied && !scope.hasFailed()) {
      if (array.port->type.isNarrow())
        array.converted.resize(array.bytes);
      device.copyToHost(array.converted.empty() ? array.caller.data : array.converted.data(), array.onDevice.data, array.bytes);
    }
  // Also where nothing is copied back: memory of the call may be the next one's.
  if (!scope.hasFailed())
    device.synchronize();
  if (scope.hasFailed())
    return fail();
  for (const Staged &array : outputs)
    if (!array.converted.empty())
      widenElements(array.port->type, array.converted, array.caller.data);
  return llvm::Error::success();
}

llvm::Expected<std::vector<double>> DeviceCalls::time(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs, unsigned repeat) {
  std::vector<double> seconds;
  if (llvm::Error error = run(inputs, outputs, &seconds, repeat))
    return error;
  return seconds;
}

} // namespace mlir::lowbit
