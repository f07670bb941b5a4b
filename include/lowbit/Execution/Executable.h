//===- Executable.h - a module compiled into this process -----------------===//
//
// Calls are thread-safe and take the caller's buffers as they are, without copies, unless elements have fewer than 8 bits.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_EXECUTABLE_H
#define LOWBIT_EXECUTION_EXECUTABLE_H

#include "lowbit/Execution/BoundCall.h"
#include "lowbit/Execution/DeviceBinding.h"
#include "lowbit/Execution/DeviceMemory.h"
#include "lowbit/Execution/Signature.h"
#include "lowbit/Execution/WorkspacePool.h"
#include "lowbit/Pipelines/Pipelines.h"

namespace mlir {
class ExecutionEngine;
} // namespace mlir

namespace mlir::lowbit {

/// A function of the run time that compiled code may call by name.
struct RuntimeSymbol {
  std::string name;
  void *address;
};

struct Timing {
  double median = 0, minimum = 0; // seconds a call
};

/// The entry called `name`, or an error that lists those there are.
llvm::Expected<const Entry *> findEntry(ArrayRef<Entry> entries, StringRef name);

class DeviceCalls;
struct DeviceProgram;

class Executable {
public:
  /// Lowers `module` in place, unless it is in the LLVM dialect already, and compiles it for its target. Failure has been
  /// reported to the context. Neither module nor context is needed afterwards.
  static FailureOr<std::unique_ptr<Executable>> compile(ModuleOp module, const CompileOptions &options,
                                                        ArrayRef<RuntimeSymbol> symbols = {});
  ~Executable();

  ArrayRef<Entry> getEntries() const { return entries; }
  llvm::Expected<const Entry *> findEntry(StringRef name) const { return lowbit::findEntry(entries, name); }

  /// Calls `entry`. Buffers come in the order of its ports and must not overlap where one is an output.
  llvm::Error run(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const;

  /// Whether it runs on a device, where `bindDevice` takes the place of `bind`.
  bool isOnDevice() const { return device != nullptr; }

  /// Whether it runs on an NVIDIA GPU, whose memory arrays may be in.
  bool hasGPUMemory() const;
  /// Memory of the GPU that it runs on; an error where that is none.
  llvm::Expected<std::shared_ptr<DeviceMemory>> allocate(size_t bytes) const;

  /// A call of `entry` with these buffers, checked now and never again.
  llvm::Expected<BoundCall> bind(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const;
  llvm::Expected<std::unique_ptr<DeviceBinding>> bindDevice(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs) const;

  /// Calls it `repeat` times after one call to warm up; the time is the compiled code's alone.
  llvm::Expected<Timing> benchmark(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs, unsigned repeat) const;

private:
  Executable() = default;
  llvm::Expected<BoundCall> bind(const Entry &entry, ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs, BoundCall::Narrow narrow) const;

  std::vector<Entry> entries;
  std::vector<BoundCall::Function> functions;
  std::vector<std::shared_ptr<WorkspacePool>> workspaces; // by entry; null where it needs none
  std::vector<Array> constants;
  std::unique_ptr<ExecutionEngine> engine;
  // Where kernels run, if the module has any; a call of each entry.
  std::shared_ptr<Device> device;
  DeviceProgram *program = nullptr;
  std::vector<std::unique_ptr<DeviceCalls>> deviceCalls;
};

/// Picks, for each input of `entry`, the array of its name out of `arrays`. Missing, unknown, and unfit ones are errors.
/// A single nameless array fits an entry of one input.
llvm::Expected<SmallVector<Buffer>> bindInputs(const Entry &entry, MutableArrayRef<NamedArray> arrays);

/// New arrays for the outputs of `entry`; an error when a shape is known only at run time.
llvm::Expected<std::vector<NamedArray>> createOutputs(const Entry &entry);

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_EXECUTABLE_H
