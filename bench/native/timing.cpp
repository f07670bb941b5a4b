//===- timing.cpp - times of calls, without Python's share ----------------===//
// Law: ours and a peer go through the same loop.

#include <chrono>
#include <cstddef>
#include <immintrin.h>

using Clock = std::chrono::steady_clock;

/// Fills `seconds` with `count` times of one call each, taken over batches of `batch` calls.
extern "C" void bench_time(void (*function)(void *), void *context, int batch, int count, double *seconds) {
  for (int i = 0; i < count; ++i) {
    Clock::time_point start = Clock::now();
    for (int call = 0; call < batch; ++call)
      function(context);
    seconds[i] = std::chrono::duration<double>(Clock::now() - start).count() / batch;
  }
}

/// Takes the caches by reading something else that is larger than they are.
extern "C" void bench_evict(const char *data, size_t numBytes) {
  char sum = 0;
  for (size_t i = 0; i < numBytes; i += 64)
    sum |= *const_cast<const volatile char *>(data + i);
  (void)sum;
}
