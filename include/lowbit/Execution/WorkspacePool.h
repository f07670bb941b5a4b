//===- WorkspacePool.h - scratch memory of calls --------------------------===//
//
// Compiled code takes the memory it works in as an argument and allocates none. Calls that run at the same time take one workspace each;
// a workspace that is given back serves the next call, its pages already in place.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_WORKSPACEPOOL_H
#define LOWBIT_EXECUTION_WORKSPACEPOOL_H

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace mlir::lowbit {

/// Workspaces of one size. May be used from several threads at once.
class WorkspacePool : public std::enable_shared_from_this<WorkspacePool> {
public:
  explicit WorkspacePool(int64_t bytes) : bytes(bytes) {}

  /// A workspace of the caller's own, which goes back to the pool by itself.
  std::shared_ptr<void> take();
  int64_t getBytes() const { return bytes; }

private:
  struct Free {
    void operator()(void *memory) const;
  };
  using Memory = std::unique_ptr<void, Free>;

  int64_t bytes;
  std::mutex mutex;
  std::vector<Memory> idle;
};

} // namespace mlir::lowbit

#endif // LOWBIT_EXECUTION_WORKSPACEPOOL_H
