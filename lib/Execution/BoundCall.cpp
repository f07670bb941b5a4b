//===- BoundCall.cpp - a call whose buffers are settled -------------------===//
// Law: compiled code is handed only buffers that were checked against its signature.

#include "lowbit/Execution/BoundCall.h"
#include "lowbit/Execution/Signature.h"
#include "llvm/ADT/STLExtras.h"

namespace mlir::lowbit {

/// The memref descriptor of one argument, and the bytes compiled code sees where the caller's will not do.
class BoundCall::Argument {
public:
  llvm::Error prepare(const Port &port, const Buffer &buffer, bool isInput, Narrow narrow) {
    type = port.type;
    caller = buffer;
    void *data = buffer.data;
    numElements = *countElements(buffer.shape);
    if (type.isNarrow() && narrow != Narrow::Trust) {
      if (narrow == Narrow::Refuse)
        return llvm::createStringError("`" + port.name + "` has elements of " + type.getName() +
                                       ", which are copied at every call; run the function without binding");
      copy.resize(numElements * type.getBytes());
      if (isInput)
        if (llvm::Error error = port.narrow(buffer, copy))
          return error;
      data = copy.data();
    }
    if (port.isScalar && isInput) {
      pointer = data;
      return llvm::Error::success();
    }
    describe(data);
    return llvm::Error::success();
  }

  /// Address of what the packed call reads: the scalar, or the pointer to the descriptor.
  void *getPacked() { return descriptor.empty() ? pointer : &pointer; }

  /// Gives what compiled code wrote to a copy back to the caller.
  void finish() { widenElements(type, copy, caller.data); }

  bool overlaps(const Argument &other) const {
    auto [begin, end] = getSpan();
    auto [otherBegin, otherEnd] = other.getSpan();
    return begin < otherEnd && otherBegin < end;
  }

private:
  std::pair<uint64_t, uint64_t> getSpan() const {
    uint64_t begin = reinterpret_cast<uint64_t>(caller.data);
    return {begin, begin + numElements * caller.type.bytes};
  }

  void describe(void *data) {
    size_t rank = caller.shape.size();
    descriptor = {reinterpret_cast<int64_t>(data), reinterpret_cast<int64_t>(data), /*offset=*/0};
    descriptor.insert(descriptor.end(), caller.shape.begin(), caller.shape.end());
    descriptor.resize(descriptor.size() + rank, 1);
    for (size_t axis = rank; axis-- > 1;)
      descriptor[3 + rank + axis - 1] = descriptor[3 + rank + axis] * caller.shape[axis];
    pointer = descriptor.data();
  }

  ElementType type;
  Buffer caller;
  uint64_t numElements = 0;
  std::vector<char> copy;
  std::vector<int64_t> descriptor; // on the heap, so that it stays where it is when the argument moves
  void *pointer = nullptr;
};

BoundCall::BoundCall(const Entry &entry, Function function) : entry(&entry), function(function) {}
BoundCall::BoundCall(BoundCall &&) = default;
BoundCall::~BoundCall() = default;

llvm::Expected<BoundCall> BoundCall::create(const Entry &entry, Function function, std::shared_ptr<void> workspace, ArrayRef<Buffer> inputs,
                                            ArrayRef<Buffer> outputs, Narrow narrow) {
  BoundCall call(entry, function);
  auto prepareSide = [&](ArrayRef<Port> ports, ArrayRef<Buffer> buffers, bool isInput, std::vector<Argument> &arguments) -> llvm::Error {
    std::string kind = isInput ? "input" : "output";
    if (ports.size() != buffers.size())
      return llvm::createStringError(std::to_string(buffers.size()) + " " + kind + "s given; expected " + std::to_string(ports.size()));
    arguments.resize(ports.size());
    for (auto [port, buffer, argument] : llvm::zip_equal(ports, buffers, arguments)) {
      llvm::Error error = port.check(buffer);
      if (!error && buffer.onDevice && narrow != Narrow::Trust)
        error = llvm::createStringError("`" + port.name + "` is in a GPU's memory, and this function runs on the host; copy it there");
      if (!error)
        error = argument.prepare(port, buffer, isInput, narrow);
      if (error)
        return llvm::createStringError(kind + " " + llvm::toString(std::move(error)));
    }
    return llvm::Error::success();
  };
  if (llvm::Error error = prepareSide(entry.inputs, inputs, /*isInput=*/true, call.inputs))
    return error;
  if (llvm::Error error = prepareSide(entry.outputs, outputs, /*isInput=*/false, call.outputs))
    return error;
  for (auto [index, output] : llvm::enumerate(call.outputs))
    for (const Argument &other : llvm::concat<const Argument>(call.inputs, ArrayRef(call.outputs).take_front(index)))
      if (output.overlaps(other))
        return llvm::createStringError("output `" + entry.outputs[index].name + "` shares memory with another buffer");
  for (Argument &argument : llvm::concat<Argument>(call.inputs, call.outputs))
    call.packed.push_back(argument.getPacked());
  if (entry.workspaceBytes != 0)
    call.packed.push_back(call.describeWorkspace(std::move(workspace), entry.workspaceBytes));
  if (!entry.assertions.empty())
    call.packed.push_back(call.describeStatus());
  call.context = call.packed.data();
  return call;
}

void *BoundCall::describeWorkspace(std::shared_ptr<void> memory, int64_t bytes) {
  workspace = std::move(memory);
  auto address = reinterpret_cast<int64_t>(workspace.get());
  workspaceDescriptor = {address, address, /*offset=*/0, bytes, /*stride=*/1};
  workspacePointers = {workspaceDescriptor.data()};
  return workspacePointers.data();
}

void *BoundCall::describeStatus() {
  status = std::make_unique<Status>();
  return &status->address;
}

const std::string *BoundCall::call() const {
  if (status)
    status->number = 0;
  function(context);
  return status && status->number != 0 ? &entry->assertions[status->number - 1] : nullptr;
}

llvm::Error BoundCall::operator()() const {
  if (const std::string *text = call())
    return llvm::createStringError("function `" + entry->name + "`: " + *text);
  return llvm::Error::success();
}

void BoundCall::finish() {
  for (Argument &output : outputs)
    output.finish();
}

} // namespace mlir::lowbit
