//===- EntryCalls.h - calls of exported functions --------------------------===//
//
// A library calls what it needs of this by name, and the linker leaves out the run times of other devices.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_EXECUTION_RUNTIME_ENTRYCALLS_H
#define LOWBIT_LIB_EXECUTION_RUNTIME_ENTRYCALLS_H

#include "lowbit/Execution/Device.h"
#include <string>

namespace mlir::lowbit {

/// Enters a call on `device`, or keeps `error` where that is null. Returns what `lowbit_gpu_enter_cuda` does.
int32_t enterCall(Device *device, std::string error, DeviceEntry &entry, const uint64_t *words, int32_t count, void *stream);

/// Whether all arrays begin where kernels can read them; reports the first that does not.
bool checkAlignment(const DeviceEntry &entry, const uint64_t *words, unsigned count);

} // namespace mlir::lowbit

extern "C" {
/// What an exported function does before and after its body, on a CUstream or a cl_command_queue: the body runs where it gives 0; it gives
/// 1 where a recording did the work, and -1 where nothing can be done. `lowbit_gpu_leave` ends the call where it gave 0; both give -1 after
/// an error.
int32_t lowbit_gpu_enter_cuda(mlir::lowbit::DeviceEntry *entry, const uint64_t *words, int32_t count, void *stream);
int32_t lowbit_gpu_enter_opencl(mlir::lowbit::DeviceEntry *entry, const uint64_t *words, int32_t count, void *queue);
int32_t lowbit_gpu_leave(mlir::lowbit::DeviceEntry *entry);

/// Between those two: fails the call with `assertion`, unless that is null.
void lowbit_gpu_check(const char *assertion);

/// What was wrong with the last call of this thread that gave -1.
const char *lowbit_gpu_error(void);

/// Gives back all memory of devices that a program took. It may be called again afterwards.
void lowbit_gpu_release_cuda(mlir::lowbit::DeviceProgram *program);
void lowbit_gpu_release_opencl(mlir::lowbit::DeviceProgram *program);
}

#endif // LOWBIT_LIB_EXECUTION_RUNTIME_ENTRYCALLS_H
