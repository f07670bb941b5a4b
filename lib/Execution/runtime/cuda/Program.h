//===- Program.h - what GPUs keep for a compiled module --------------------===//
//
// Every `cache` of compiled code is a list with an item for each GPU that has run it. Lists only grow while the program lives, so that they
// are read without a lock.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_PROGRAM_H
#define LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_PROGRAM_H

#include "GPU.h"
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace mlir::lowbit::cuda {

/// An item of such a list.
struct Cached {
  GPU *gpu;
  Cached *next = nullptr;
  void **cache; ///< The list's head, in compiled code.
};

struct Kernel : Cached {
  Handle function = nullptr;
  std::atomic<uint32_t> sharedBytes{48 << 10}; ///< Dynamic shared memory that it may ask for.
};

struct Constant : Cached {
  Address address = 0;
};

/// The last calls of one entry, and recordings of those that came again.
struct Recorder : Cached {
  struct Call {
    std::vector<uint64_t> words;
    Handle executable = nullptr;
    bool isFinal = false; ///< Whether it stays as it is: recorded, or not worth it, or not possible.
    uint64_t lastUse = 0;
  };
  std::mutex mutex;
  std::vector<std::unique_ptr<Call>> calls;
  Handle stream = nullptr; ///< Where launches are recorded.
  Call *recording = nullptr;
  uint64_t clock = 0;
  unsigned launches = 0; ///< In the last call that ran.
};

struct Program : Cached {
  std::vector<std::pair<const void *, Handle>> modules;
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::vector<std::unique_ptr<Constant>> constants;
  std::vector<std::unique_ptr<Recorder>> recorders;
};

/// The item of `gpu`, or null.
template <typename Item> Item *find(void *const &cache, const GPU *gpu) {
  auto *item = static_cast<Cached *>(__atomic_load_n(&cache, __ATOMIC_ACQUIRE));
  while (item && item->gpu != gpu)
    item = item->next;
  return static_cast<Item *>(item);
}

/// Makes `item` visible to all threads. Under the lock.
inline void publish(Cached &item, void *&cache) {
  item.cache = &cache;
  item.next = static_cast<Cached *>(cache);
  __atomic_store_n(&cache, static_cast<void *>(&item), __ATOMIC_RELEASE);
}

/// Held while lists grow.
std::mutex &getProgramMutex();

/// What `gpu` keeps for `program`. Under the lock.
Program &getProgram(DeviceProgram &program, GPU *gpu);

} // namespace mlir::lowbit::cuda

#endif // LOWBIT_LIB_EXECUTION_RUNTIME_CUDA_PROGRAM_H
