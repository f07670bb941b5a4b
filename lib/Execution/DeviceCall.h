//===- DeviceCall.h - calls of functions whose arrays are on a device ------===//
//
// Arrays of the host are copied there and back; those that are on the device are used where they lie. What a call needs of the device's
// memory is taken once and used again: one piece for all that the call puts there, the workspace first.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_EXECUTION_DEVICECALL_H
#define LOWBIT_LIB_EXECUTION_DEVICECALL_H

#include "lowbit/Execution/BoundCall.h"
#include "lowbit/Execution/Device.h"
#include "lowbit/Execution/DeviceBinding.h"
#include "lowbit/Execution/Signature.h"
#include <mutex>

namespace mlir::lowbit {

/// Calls of one function. May be used from several threads at once.
class DeviceCalls {
public:
  DeviceCalls(Device &device, DeviceProgram &program, const Entry &entry, BoundCall::Function function);
  ~DeviceCalls();
  DeviceCalls(const DeviceCalls &) = delete;
  DeviceCalls &operator=(const DeviceCalls &) = delete;

  llvm::Error run(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs);

  /// A call with these arrays; it must not outlive this.
  llvm::Expected<std::unique_ptr<DeviceBinding>> bind(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs);

  /// Runs it once, and then `repeat` times; gives the seconds from the start of each until the device is done, without copies.
  llvm::Expected<std::vector<double>> time(ArrayRef<Buffer> inputs, ArrayRef<Buffer> outputs, unsigned repeat);

private:
  class Binding;
  struct Arena {
    char *memory = nullptr;
    size_t bytes = 0;
  };
  Arena take(size_t bytes);
  void call(const BoundCall &body, ArrayRef<uint64_t> words);

  Device &device;
  const Entry &entry;
  BoundCall::Function function;
  std::vector<const char *> names;
  DeviceEntry handle;
  std::mutex mutex;
  std::vector<Arena> idle;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_DEVICECALL_H
