//===- WorkspacePool.cpp - scratch memory of calls ------------------------===//
// Law: a workspace belongs to one call at a time, and starts where a cache line does.

#include "lowbit/Execution/WorkspacePool.h"
#include <new>

namespace mlir::lowbit {

static constexpr std::align_val_t alignment{64};

void WorkspacePool::Free::operator()(void *memory) const { ::operator delete(memory, alignment); }

std::shared_ptr<void> WorkspacePool::take() {
  Memory memory;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!idle.empty()) {
      memory = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (!memory)
    memory.reset(::operator new(bytes, alignment));
  return std::shared_ptr<void>(memory.release(), [pool = shared_from_this()](void *returned) {
    std::lock_guard<std::mutex> lock(pool->mutex);
    pool->idle.emplace_back(returned);
  });
}

} // namespace mlir::lowbit
