//===- EntryCalls.cpp - calls of exported functions ------------------------===//
// Law: every call that was entered is left, and a message stays until the thread's next failure.

#include "EntryCalls.h"
#include <optional>
#include <utility>

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

int32_t mlir::lowbit::enterCall(Device *device, std::string error, DeviceEntry &entry, const uint64_t *words, int32_t count, void *stream) {
  if (!device) {
    lastError = std::move(error);
    return -1;
  }
  entered.emplace(*device, stream);
  CallState state = device->begin(entry, words, static_cast<unsigned>(count));
  if (state == CallState::Run)
    return 0;
  leave();
  return state == CallState::Replayed ? 1 : -1;
}

bool mlir::lowbit::checkAlignment(const DeviceEntry &entry, const uint64_t *words, unsigned count) {
  constexpr uint64_t arrayAlignment = 16; // what kernels count on
  for (unsigned i = 0; i < count; ++i) {
    if (!entry.arguments[i] || words[i] % arrayAlignment == 0)
      continue;
    failCall("array `" + std::string(entry.arguments[i]) + "` of `" + entry.name + "` begins at " +
             std::to_string(words[i] % arrayAlignment) + " bytes past a multiple of " + std::to_string(arrayAlignment) +
             "; kernels read whole pieces of that size: copy it");
    return false;
  }
  return true;
}

int32_t lowbit_gpu_leave(DeviceEntry *entry) {
  entered->getDevice().end(*entry);
  return leave();
}

void lowbit_gpu_check(const char *assertion) {
  if (assertion)
    failCall(assertion);
}

const char *lowbit_gpu_error(void) { return lastError.c_str(); }
