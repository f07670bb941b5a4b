//===- DeviceBinding.h - a call whose arrays have places on a device -------===//
#ifndef LOWBIT_EXECUTION_DEVICEBINDING_H
#define LOWBIT_EXECUTION_DEVICEBINDING_H

#include "llvm/Support/Error.h"

namespace mlir::lowbit {

/// A function of a device with its arrays. Arrays of the host that it updates are on the device from its making on: calls leave them there.
/// The caller's arrays must outlive it, and one call at a time may use them.
class DeviceBinding {
public:
  virtual ~DeviceBinding() = default;
  /// Takes what is in the other inputs now, calls, and brings results back.
  virtual llvm::Error run() = 0;
  /// Takes what is in the arrays that calls update to the device.
  virtual llvm::Error push() = 0;
  /// Brings them back as they are now.
  virtual llvm::Error pull() = 0;
};

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_DEVICEBINDING_H
