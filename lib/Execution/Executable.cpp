//===- Executable.cpp - calls of compiled functions -----------------------===//
// Law: compiled code is called only with buffers that were checked against its signature.

#include "lowbit/Execution/Executable.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinTypeInterfaces.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <chrono>

namespace mlir::lowbit {
namespace {

/// The memref descriptor of one argument, and the bytes compiled code sees where the caller's will not do.
class Argument {
public:
  llvm::Error prepare(const Port &port, const Buffer &buffer, bool isInput) {
    this->port = &port;
    caller = buffer;
    void *data = buffer.data;
    numElements = *countElements(buffer.shape);
    if (port.type.isNarrow()) {
      if (llvm::Error error = makeCopy(isInput))
        return error;
      data = copy.data();
    }
    if (port.isScalar && isInput) {
      pointer = data;
      return llvm::Error::success();
    }
    size_t rank = buffer.shape.size();
    descriptor = {reinterpret_cast<int64_t>(data), reinterpret_cast<int64_t>(data), /*offset=*/0};
    descriptor.append(buffer.shape.begin(), buffer.shape.end());
    descriptor.append(rank, 1);
    for (size_t axis = rank; axis-- > 1;)
      descriptor[3 + rank + axis - 1] = descriptor[3 + rank + axis] * buffer.shape[axis];
    pointer = descriptor.data();
    return llvm::Error::success();
  }

  /// Address of what the packed call reads: the scalar, or the pointer to the descriptor.
  void *getPacked() { return descriptor.empty() ? pointer : &pointer; }

  /// Gives what compiled code wrote to a copy back to the caller.
  void finish() {
    unsigned bytes = port->type.getBytes();
    for (uint64_t i = 0; i < copy.size(); i += bytes) {
      uint64_t value = 0;
      std::memcpy(&value, copy.data() + i, bytes);
      value = port->type.widen(value);
      std::memcpy(static_cast<char *>(caller.data) + i, &value, bytes);
    }
  }

private:
  llvm::Error makeCopy(bool isInput) {
    unsigned bytes = port->type.getBytes();
    copy.resize(numElements * bytes);
    for (uint64_t i = 0; isInput && i < copy.size(); i += bytes) {
      uint64_t value = 0;
      std::memcpy(&value, static_cast<const char *>(caller.data) + i, bytes);
      uint64_t narrowed = value;
      if (!port->type.narrow(narrowed, caller.type))
        return llvm::createStringError(
            "`" + port->name + "` holds " +
            (caller.type.kind == 'i' ? std::to_string(llvm::SignExtend64(value, bytes * 8)) : std::to_string(value)) + " at element " +
            std::to_string(i / bytes) + ", which is no " + port->type.getName());
      std::memcpy(copy.data() + i, &narrowed, bytes);
    }
    return llvm::Error::success();
  }

  const Port *port = nullptr;
  Buffer caller;
  uint64_t numElements = 0;
  std::vector<char> copy;
  SmallVector<int64_t, 11> descriptor;
  void *pointer = nullptr;
};

} // namespace

Executable::~Executable() = default;

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

/// Checks one side's buffers and prepares their descriptors.
static llvm::Error prepareAll(ArrayRef<Port> ports, ArrayRef<Buffer> buffers, bool isInput, std::vector<Argument> &arguments) {
  StringRef kind = isInput ? "input" : "output";
  if (ports.size() != buffers.size())
    return llvm::createStringError(std::to_string(buffers.size()) + " " + kind + "s given; expected " + std::to_string(ports.size()));
  for (auto [port, buffer] : llvm::zip_equal(ports, buffers)) {
    llvm::Error error = port.check(buffer);
    if (!error)
      error = arguments.emplace_back().prepare(port, buffer, isInput);
    if (error)
      return llvm::createStringError(kind + " " + llvm::toString(std::move(error)));
  }
  return llvm::Error::success();
}

static bool overlap(const Buffer &left, const Buffer &right) {
  auto span = [](const Buffer &buffer) {
    uint64_t begin = reinterpret_cast<uint64_t>(buffer.data);
    return std::pair(begin, begin + countElements(buffer.shape).value_or(0) * buffer.type.bytes);
  };
  auto [leftBegin, leftEnd] = span(left);
  auto [rightBegin, rightEnd] = span(right);
  return leftBegin < rightEnd && rightBegin < leftEnd;
}

llvm::Error Executable::call(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs,
                             llvm::function_ref<void(llvm::function_ref<void()>)> invoke) const {
  std::vector<Argument> arguments;
  arguments.reserve(inputs.size() + outputs.size()); // descriptors are pointed to
  if (llvm::Error error = prepareAll(entry.inputs, inputs, /*isInput=*/true, arguments))
    return error;
  if (llvm::Error error = prepareAll(entry.outputs, outputs, /*isInput=*/false, arguments))
    return error;
  for (auto [index, output] : llvm::enumerate(outputs))
    for (const Buffer &other : llvm::concat<const Buffer>(inputs, outputs.take_front(index)))
      if (overlap(output, other))
        return llvm::createStringError("output `" + entry.outputs[index].name + "` shares memory with another buffer");
  SmallVector<void *> packed;
  for (Argument &argument : arguments)
    packed.push_back(argument.getPacked());
  PackedFunction function = functions[&entry - entries.data()];
  invoke([&] { function(packed.data()); });
  for (Argument &argument : MutableArrayRef(arguments).drop_front(inputs.size()))
    argument.finish();
  return llvm::Error::success();
}

llvm::Error Executable::run(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const {
  return call(entry, inputs, outputs, [](llvm::function_ref<void()> function) { function(); });
}

llvm::Expected<Timing> Executable::benchmark(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs, unsigned repeat) const {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  llvm::Error error = call(entry, inputs, outputs, [&](llvm::function_ref<void()> function) {
    function();
    for (unsigned i = 0; i < std::max(repeat, 1u); ++i) {
      Clock::time_point start = Clock::now();
      function();
      seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    }
  });
  if (error)
    return error;
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
