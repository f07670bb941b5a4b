//===- Devices.cpp - what code of a target runs its kernels on -------------===//
// Law: code for a device is made ready only where that device is.

#include "Devices.h"
#include "lowbit/Execution/CudaDevice.h"
#include "lowbit/Execution/OpenCLDevice.h"
#include "lowbit/Execution/SimDevice.h"
#include "lowbit/Targets/GPUArchitecture.h"

namespace mlir::lowbit {

/// The device of this process that runs such kernels.
static Device *openDevice(KernelCode code, std::string &error) {
  switch (code) {
  case KernelCode::PTX:
    return getCudaDevice(error);
  case KernelCode::SPIRV:
    return getOpenCLDevice(error);
  case KernelCode::AMDGCN:
    error = "there is no run time for it; `lowbit compile` writes its kernels";
    return nullptr;
  }
  llvm_unreachable("all cases are above");
}

llvm::Expected<std::shared_ptr<Device>> openDevice(QuantTargetAttrInterface target) {
  if (!target || !target.getGPU())
    return nullptr;
  if (target.isSimulated())
    return std::make_shared<SimDevice>();
  std::string error;
  if (Device *device = openDevice(target.getGPU()->code, error))
    return std::shared_ptr<Device>(device, [](Device *) {}); // lives as long as the process
  return llvm::createStringError("target `" + target.getName() + "` cannot run here: " + error);
}

void addDeviceSymbols(SmallVectorImpl<RuntimeSymbol> &symbols) {
  symbols.push_back({"lowbit_gpu_launch", reinterpret_cast<void *>(&lowbit_gpu_launch)});
  symbols.push_back({"lowbit_gpu_tensor_map", reinterpret_cast<void *>(&lowbit_gpu_tensor_map)});
  symbols.push_back({"lowbit_gpu_constant", reinterpret_cast<void *>(&lowbit_gpu_constant)});
  for (auto [name, address] : sim::getMachineSymbols())
    symbols.push_back({name, address});
}

} // namespace mlir::lowbit
