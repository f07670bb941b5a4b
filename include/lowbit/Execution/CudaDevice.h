//===- CudaDevice.h - NVIDIA GPUs ------------------------------------------===//
#ifndef LOWBIT_EXECUTION_CUDADEVICE_H
#define LOWBIT_EXECUTION_CUDADEVICE_H

#include "lowbit/Execution/Device.h"

namespace mlir::lowbit {

/// The GPU that this thread has chosen through another library of CUDA, else the first one that the driver shows. Null and why, when there
/// is none or no driver that fits. GPUs live as long as the process.
Device *getCudaDevice(std::string &error);

} // namespace mlir::lowbit

extern "C" {
/// What an exported function does before and after its body, on a CUstream: the body runs where `lowbit_gpu_enter` gives 0; it gives 1
/// where a recording did the work, and -1 where nothing can be done. `lowbit_gpu_leave` ends the call where `lowbit_gpu_enter` gave 0; both
/// give -1 after an error.
int32_t lowbit_gpu_enter(mlir::lowbit::DeviceEntry *entry, const uint64_t *words, int32_t count, void *stream);
int32_t lowbit_gpu_leave(mlir::lowbit::DeviceEntry *entry);

/// What was wrong with the last call of this thread that gave -1.
const char *lowbit_gpu_error(void);

/// Gives back all memory of GPUs that a program took. It may be called again afterwards.
void lowbit_gpu_release(mlir::lowbit::DeviceProgram *program);
}

#endif // LOWBIT_EXECUTION_CUDADEVICE_H
