//===- DeviceCall.cpp - calls of functions whose arrays are on a device ----===//
// Law: a call that failed has told why, and has left nothing behind that later calls would see.

#include "DeviceCall.h"
#include "llvm/ADT/STLExtras.h"
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
  if (const std::string *text = body.call())
    failCall(*text);
  device.end(handle);
}

namespace {
/// One array of a call: where the caller has it, and where the device has it.
struct Staged {
  const Port *port;
  bool isInput;
  Buffer caller, onDevice;
  size_t bytes = 0, offset = 0;
  bool isCopied = false;
  std::vector<char> converted; ///< The form that compiled code reads, of elements of less than a byte.

  bool isValue() const { return isInput && port->isScalar; }
};
} // namespace

static llvm::Error stage(const Device &device, ArrayRef<Port> ports, ArrayRef<Buffer> buffers, bool isInput, std::vector<Staged> &arrays) {
  std::string kind = isInput ? "input" : "output";
  if (ports.size() != buffers.size())
    return llvm::createStringError(std::to_string(buffers.size()) + " " + kind + "s given; expected " + std::to_string(ports.size()));
  for (auto [port, buffer] : llvm::zip_equal(ports, buffers)) {
    if (llvm::Error error = port.check(buffer))
      return llvm::createStringError(kind + " " + llvm::toString(std::move(error)));
    if (buffer.onDevice && device.getGPUNumber() < 0)
      return llvm::createStringError(kind + " `" + port.name +
                                     "` is in a GPU's memory, and this function runs on another device; copy it to the host");
    Staged array{&port, isInput, buffer, buffer, 0, 0, false, {}};
    array.bytes = *countElements(buffer.shape) * buffer.type.bytes;
    array.isCopied = !buffer.onDevice && !array.isValue();
    if (buffer.onDevice && array.isValue())
      return llvm::createStringError("input `" + port.name + "` is a number on the device; expected one of the host's");
    arrays.push_back(std::move(array));
  }
  return llvm::Error::success();
}

/// A call with its arrays. What it needs of the device's memory is its own as long as it lives.
class DeviceCalls::Binding final : public DeviceBinding {
public:
  explicit Binding(DeviceCalls &calls) : calls(calls) {}
  ~Binding() override {
    std::lock_guard<std::mutex> lock(calls.mutex);
    if (arena.memory)
      calls.idle.push_back(arena);
  }

  llvm::Error create(ArrayRef<Buffer> inputBuffers, ArrayRef<Buffer> outputBuffers);
  llvm::Error run() override {
    return within([&](CallScope &scope) { return runIn(scope); });
  }
  llvm::Error push() override {
    return within([&](CallScope &) { return copyThere(/*updated=*/true); });
  }
  llvm::Error pull() override {
    return within(
        [&](CallScope &scope) { return copyBack(scope, [](const Staged &array) { return array.isInput && array.port->isUpdated; }); });
  }
  /// Seconds from the start of each of `repeat` calls until the device is done, without copies.
  llvm::Error time(std::vector<double> &seconds, unsigned repeat);

private:
  llvm::Error within(llvm::function_ref<llvm::Error(CallScope &)> work) {
    CallScope scope(calls.device);
    llvm::Error error = work(scope);
    if (!scope.hasFailed())
      return error;
    llvm::consumeError(std::move(error));
    return llvm::createStringError("function `" + calls.entry.name + "`: " + scope.takeError());
  }
  llvm::Error runIn(CallScope &scope);
  llvm::Error copyThere(bool updated);
  llvm::Error copyBack(CallScope &scope, llvm::function_ref<bool(const Staged &)> isWanted);
  std::vector<uint64_t> getWords() const;

  DeviceCalls &calls;
  std::vector<Staged> arrays; ///< Inputs, then outputs.
  Arena arena;
  std::optional<BoundCall> body;
};

llvm::Error DeviceCalls::Binding::create(ArrayRef<Buffer> inputBuffers, ArrayRef<Buffer> outputBuffers) {
  if (llvm::Error error = stage(calls.device, calls.entry.inputs, inputBuffers, /*isInput=*/true, arrays))
    return error;
  if (llvm::Error error = stage(calls.device, calls.entry.outputs, outputBuffers, /*isInput=*/false, arrays))
    return error;
  size_t total = llvm::alignTo(calls.entry.workspaceBytes, 256);
  for (Staged &array : arrays)
    if (array.isCopied) {
      array.offset = total;
      total += llvm::alignTo(array.bytes, 256);
    }
  return within([&](CallScope &scope) -> llvm::Error {
    arena = total ? calls.take(total) : Arena();
    if (scope.hasFailed())
      return llvm::Error::success();
    SmallVector<Buffer> inputs, outputs;
    for (Staged &array : arrays) {
      if (array.isCopied)
        array.onDevice.data = arena.memory + array.offset;
      (array.isInput ? inputs : outputs).push_back(array.onDevice);
    }
    auto made = BoundCall::create(calls.entry, calls.function, std::shared_ptr<void>(arena.memory, [](void *) {}), inputs, outputs,
                                  BoundCall::Narrow::Trust);
    if (!made)
      return made.takeError();
    body.emplace(std::move(*made));
    return copyThere(/*updated=*/true);
  });
}

/// What decides what a call does: addresses, and numbers passed by value.
std::vector<uint64_t> DeviceCalls::Binding::getWords() const {
  std::vector<uint64_t> words;
  for (const Staged &array : arrays) {
    uint64_t word = reinterpret_cast<uint64_t>(array.onDevice.data);
    if (array.isValue()) {
      word = 0;
      std::memcpy(&word, array.caller.data, std::min<size_t>(array.bytes, sizeof(word)));
    }
    words.push_back(word);
  }
  words.push_back(reinterpret_cast<uint64_t>(arena.memory));
  return words;
}

llvm::Error DeviceCalls::Binding::copyThere(bool updated) {
  for (Staged &array : arrays) {
    if (!array.isInput || !array.isCopied || array.port->isUpdated != updated)
      continue;
    if (array.port->type.isNarrow())
      if (llvm::Error error = array.port->narrow(array.caller, array.converted))
        return llvm::createStringError("input " + llvm::toString(std::move(error)));
    calls.device.copyToDevice(array.onDevice.data, array.converted.empty() ? array.caller.data : array.converted.data(), array.bytes);
  }
  return llvm::Error::success();
}

llvm::Error DeviceCalls::Binding::copyBack(CallScope &scope, llvm::function_ref<bool(const Staged &)> isWanted) {
  auto wanted = [&](const Staged &array) { return array.isCopied && isWanted(array); };
  for (Staged &array : arrays)
    if (wanted(array) && !scope.hasFailed()) {
      if (array.port->type.isNarrow())
        array.converted.resize(array.bytes);
      calls.device.copyToHost(array.converted.empty() ? array.caller.data : array.converted.data(), array.onDevice.data, array.bytes);
    }
  // Also where nothing is copied back: memory of the call may be the next one's.
  if (!scope.hasFailed())
    calls.device.synchronize();
  if (!scope.hasFailed())
    for (Staged &array : arrays)
      if (wanted(array) && array.port->type.isNarrow())
        widenElements(array.port->type, array.converted, array.caller.data);
  return llvm::Error::success();
}

llvm::Error DeviceCalls::Binding::runIn(CallScope &scope) {
  if (llvm::Error error = copyThere(/*updated=*/false))
    return error;
  calls.call(*body, getWords());
  return copyBack(scope, [](const Staged &array) { return !array.isInput; });
}

llvm::Error DeviceCalls::Binding::time(std::vector<double> &seconds, unsigned repeat) {
  return within([&](CallScope &scope) {
    llvm::Error error = runIn(scope);
    std::vector<uint64_t> words = getWords();
    for (unsigned i = 0; i < repeat && !error && !scope.hasFailed(); ++i) {
      auto start = std::chrono::steady_clock::now();
      calls.call(*body, words);
      calls.device.synchronize();
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return error;
  });
}

llvm::Expected<std::unique_ptr<DeviceBinding>> DeviceCalls::bind(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) {
  auto binding = std::make_unique<Binding>(*this);
  if (llvm::Error error = binding->create(inputs, outputs))
    return error;
  return binding;
}

llvm::Error DeviceCalls::run(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) {
  Binding binding(*this);
  if (llvm::Error error = binding.create(inputs, outputs))
    return error;
  if (llvm::Error error = binding.run())
    return error;
  return llvm::any_of(entry.inputs, [](const Port &port) { return port.isUpdated; }) ? binding.pull() : llvm::Error::success();
}

llvm::Expected<std::vector<double>> DeviceCalls::time(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs, unsigned repeat) {
  Binding binding(*this);
  std::vector<double> seconds;
  if (llvm::Error error = binding.create(inputs, outputs))
    return error;
  if (llvm::Error error = binding.time(seconds, repeat))
    return error;
  return seconds;
}

} // namespace mlir::lowbit
