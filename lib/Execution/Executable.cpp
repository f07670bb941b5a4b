//===- Executable.cpp - calls of compiled functions -----------------------===//
// Law: every call goes through BoundCall, which checks its buffers.

#include "lowbit/Execution/Executable.h"
#include "DeviceCall.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <chrono>

namespace mlir::lowbit {

Executable::~Executable() {
  if (!program)
    return;
  deviceCalls.clear();
  CallScope scope(*device);
  device->release(*program);
}

static std::string quoteNames(ArrayRef<Entry> entries) {
  std::string text;
  for (const Entry &entry : entries)
    text += (text.empty() ? "`" : ", `") + entry.name + "`";
  return text.empty() ? "none" : text;
}

llvm::Expected<const Entry *> findEntry(ArrayRef<Entry> entries, StringRef name) {
  for (const Entry &entry : entries)
    if (entry.name == name) {
      if (!entry.obstacle.empty())
        return llvm::createStringError("function `" + name + "` cannot be called from outside: " + entry.obstacle);
      return &entry;
    }
  return llvm::createStringError("no public function `" + name + "` with a body; the module has " + quoteNames(entries));
}

llvm::Expected<BoundCall> Executable::bind(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs,
                                           BoundCall::Narrow narrow) const {
  size_t index = &entry - entries.data();
  std::shared_ptr<void> workspace = workspaces[index] ? workspaces[index]->take() : nullptr;
  return BoundCall::create(entry, functions[index], std::move(workspace), inputs, outputs, narrow);
}

llvm::Expected<BoundCall> Executable::bind(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const {
  if (device)
    return llvm::createStringError("function `" + entry.name + "` runs on a device; expected one of the host, bind it by `bindDevice`");
  return bind(entry, inputs, outputs, BoundCall::Narrow::Refuse);
}

llvm::Expected<std::unique_ptr<DeviceBinding>> Executable::bindDevice(const Entry &entry, ArrayRef<Buffer> inputs,
                                                                      ArrayRef<Buffer> outputs) const {
  return deviceCalls[&entry - entries.data()]->bind(inputs, outputs);
}

bool Executable::hasGPUMemory() const { return device && device->getGPUNumber() >= 0; }

llvm::Expected<std::shared_ptr<DeviceMemory>> Executable::allocate(size_t bytes) const {
  if (!hasGPUMemory())
    return llvm::createStringError("the function runs on no NVIDIA GPU; expected a target `nvptx:…` for arrays in a GPU's memory");
  return DeviceMemory::create(device, bytes);
}

llvm::Error Executable::run(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const {
  if (device)
    return deviceCalls[&entry - entries.data()]->run(inputs, outputs);
  auto call = bind(entry, inputs, outputs, BoundCall::Narrow::Copy);
  if (!call)
    return call.takeError();
  if (llvm::Error error = (*call)())
    return error;
  call->finish();
  return llvm::Error::success();
}

llvm::Expected<Timing> Executable::benchmark(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs, unsigned repeat) const {
  using Clock = std::chrono::steady_clock;
  if (device) {
    auto seconds = deviceCalls[&entry - entries.data()]->time(inputs, outputs, std::max(repeat, 1u));
    if (!seconds)
      return seconds.takeError();
    llvm::sort(*seconds);
    return Timing{(*seconds)[seconds->size() / 2], seconds->front()};
  }
  auto call = bind(entry, inputs, outputs, BoundCall::Narrow::Copy);
  if (!call)
    return call.takeError();
  if (llvm::Error error = (*call)())
    return error;
  std::vector<double> seconds;
  for (unsigned i = 0; i < std::max(repeat, 1u); ++i) {
    Clock::time_point start = Clock::now();
    llvm::Error error = (*call)();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    if (error)
      return error;
  }
  llvm::sort(seconds);
  return Timing{seconds[seconds.size() / 2], seconds.front()};
}

llvm::Expected<SmallVector<Buffer>> bindInputs(const Entry &entry, MutableArrayRef<NamedArray> arrays) {
  SmallVector<Buffer> buffers;
  llvm::StringSet<> used;
  for (const Port &port : entry.inputs) {
    auto found = llvm::find_if(arrays, [&](const NamedArray &array) { return array.name == port.name; });
    if (found == arrays.end() && arrays.size() == 1 && entry.inputs.size() == 1 && arrays[0].name.empty())
      found = arrays.begin();
    if (found == arrays.end())
      return llvm::createStringError("input `" + port.name + "` is missing; expected " + port.type.getStorage().getName() + " of shape [" +
                                     formatShape(port.shape) + "]");
    used.insert(found->name);
    buffers.push_back(found->array.getBuffer());
  }
  for (const NamedArray &array : arrays)
    if (!used.contains(array.name))
      return llvm::createStringError("array `" + array.name + "` is no input of function `" + entry.name + "`");
  return buffers;
}

llvm::Expected<std::vector<NamedArray>> createOutputs(const Entry &entry) {
  std::vector<NamedArray> outputs;
  for (const Port &port : entry.outputs) {
    if (ShapedType::isDynamicShape(port.shape))
      return llvm::createStringError("output `" + port.name + "` has shape [" + formatShape(port.shape) +
                                     "]; expected sizes that are known, so import the model with fixed dimensions");
    llvm::Expected<Array> array = Array::create(port.type.getStorage(), port.shape);
    if (!array)
      return llvm::createStringError("output `" + port.name + "`: " + llvm::toString(array.takeError()));
    outputs.push_back({port.name, std::move(*array)});
  }
  return outputs;
}

} // namespace mlir::lowbit
