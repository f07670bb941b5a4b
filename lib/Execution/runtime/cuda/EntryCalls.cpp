//===- EntryCalls.cpp - calls of exported functions ------------------------===//
// Law: every call that was entered is left, and a message stays until the thread's next failure.

#include "lowbit/Execution/CudaDevice.h"
#include <new>
#include <optional>

using namespace mlir::lowbit;

static thread_local std::optional<CallScope> entered;
static thread_local std::string lastError;

static int32_t leave() {
  bool failed = entered->hasFailed();
  if (failed)
    lastError = entered->takeError();
  entered.reset();
  return failed ? -1 : 0;
}

int32_t lowbit_gpu_enter(DeviceEntry *entry, const uint64_t *words, int32_t count, void *stream) {
  std::string error;
  Device *device = getCudaDevice(error);
  if (!device) {
    lastError = std::move(error);
    return -1;
  }
  entered.emplace(*device, stream);
  CallState state = device->begin(*entry, words, static_cast<unsigned>(count));
  if (state == CallState::Run)
    return 0;
  leave();
  return state == CallState::Replayed ? 1 : -1;
}

int32_t lowbit_gpu_leave(DeviceEntry *entry) {
  entered->getDevice().end(*entry);
  return leave();
}

const char *lowbit_gpu_error(void) { return lastError.c_str(); }

void lowbit_gpu_release(DeviceProgram *program) {
  std::string error;
  if (!program->cache)
    return;
  if (Device *device = getCudaDevice(error)) {
    CallScope scope(*device);
    device->release(*program);
  }
}
