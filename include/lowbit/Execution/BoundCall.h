//===- BoundCall.h - a call whose buffers are settled ---------------------===//
//
// Checking buffers and describing them to compiled code takes about a microsecond, which is much of a small contraction. Who calls often
// with the same buffers does that once.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_BOUNDCALL_H
#define LOWBIT_EXECUTION_BOUNDCALL_H

#include "lowbit/Arrays/Array.h"
#include <memory>
#include <vector>

namespace mlir::lowbit {

struct Entry;

/// A function and what it is handed. The entry, the code and the buffers must outlive it, and one call at a time may use them.
class BoundCall {
public:
  using Function = void (*)(void **);

  /// What is done with elements of fewer than 8 bits: nothing, which is an error; copies of them, made here and given back by `finish`; or
  /// they have the form that compiled code reads already.
  enum class Narrow { Refuse, Copy, Trust };

  /// Buffers come in the order of the ports of `entry`. `workspace` is of the size that `entry` says.
  static llvm::Expected<BoundCall> create(const Entry &entry, Function function, std::shared_ptr<void> workspace, ArrayRef<Buffer> inputs,
                                          ArrayRef<Buffer> outputs, Narrow narrow = Narrow::Refuse);
  BoundCall(BoundCall &&);
  ~BoundCall();

  /// An error if an assertion of the function does not hold; what outputs then have in them is not said.
  [[nodiscard]] llvm::Error operator()() const;
  /// The same; the assertion's words, or null.
  [[nodiscard]] const std::string *call() const;
  /// Gives results that were copies to their buffers.
  void finish();

  /// The same call for a loop that is not ours: `getFunction()(getContext())`. Assertions end it, and nobody hears of them.
  Function getFunction() const { return function; }
  void **getContext() const { return context; }

private:
  class Argument;
  BoundCall(const Entry &entry, Function function);
  void *describeWorkspace(std::shared_ptr<void> memory, int64_t bytes);
  void *describeStatus();

  /// The number of the assertion that does not hold; the code takes its address.
  struct Status {
    int32_t number = 0;
    int32_t *address = &number;
  };

  const Entry *entry;
  Function function;
  void **context = nullptr;
  std::vector<Argument> inputs, outputs; // never grow once they are described
  std::shared_ptr<void> workspace;
  std::vector<int64_t> workspaceDescriptor; // on the heap, as the pointer to it, so that both stay where they are
  std::vector<void *> workspacePointers;
  std::unique_ptr<Status> status; // null where the function has no assertions
  std::vector<void *> packed;
};

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_BOUNDCALL_H
