//===- Devices.cpp - what code of a target runs its kernels on -------------===//
// Law: code for a device is made ready only where that device is.

#include "Devices.h"
#include "lowbit/Execution/CudaDevice.h"

namespace mlir::lowbit {

llvm::Expected<Device *> openDevice(QuantTargetAttrInterface target) {
  if (!target || !target.getGPU())
    return nullptr;
  if (target.isSimulated())
    return llvm::createStringError("target `" + target.getName() + "` has no simulator in this build");
  std::string error;
  if (Device *device = getCudaDevice(error))
    return device;
  return llvm::createStringError("target `" + target.getName() + "` cannot run here: " + error);
}

void addDeviceSymbols(SmallVectorImpl<RuntimeSymbol> &symbols) {
  symbols.push_back({"lowbit_gpu_launch", reinterpret_cast<void *>(&lowbit_gpu_launch)});
  symbols.push_back({"lowbit_gpu_tensor_map", reinterpret_cast<void *>(&lowbit_gpu_tensor_map)});
  symbols.push_back({"lowbit_gpu_constant", reinterpret_cast<void *>(&lowbit_gpu_constant)});
}

} // namespace mlir::lowbit
