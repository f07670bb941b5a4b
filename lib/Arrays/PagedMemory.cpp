//===- PagedMemory.cpp - working memory that the system can write out -----===//

#include "lowbit/Arrays/PagedMemory.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace mlir::lowbit {

/// Pages of a new file; null without one. Its blocks are taken now: a full disk found later would be a signal.
static void *mapNewFile(size_t bytes) {
  int file = -1;
  llvm::SmallString<128> path;
  if (llvm::sys::fs::createTemporaryFile("lowbit", "pages", file, path))
    return nullptr;
  llvm::sys::fs::remove(path);
  void *memory = MAP_FAILED;
  if (posix_fallocate(file, 0, static_cast<off_t>(bytes)) == 0)
    memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? nullptr : memory;
}

void *allocatePaged(size_t bytes) {
  if (void *memory = mapNewFile(bytes))
    return memory;
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    llvm::report_bad_alloc_error("no memory, and no room for a temporary file");
  return memory;
}

void freePaged(void *memory, size_t bytes) { munmap(memory, bytes); }

} // namespace mlir::lowbit
