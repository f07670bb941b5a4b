//===- PagedMemory.h - working memory that the system can write out -------===//
//
// Matrices of a channel by a channel (second moments and what is made of them) outgrow the weights they are for: 512 MiB for 8192 channels.
// They lie in pages of a temporary file without a name (in TMPDIR), which the system writes out when memory runs short.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_ARRAYS_PAGEDMEMORY_H
#define LOWBIT_ARRAYS_PAGEDMEMORY_H

#include <cstddef>
#include <vector>

namespace mlir::lowbit {

/// `bytes` of zeros at the start of a page; never null. Of the process's own memory when a file cannot be had.
void *allocatePaged(size_t bytes);
void freePaged(void *memory, size_t bytes);

/// Smaller allocations are not worth a file.
constexpr size_t kPagedBytes = size_t(4) << 20;

template <typename T> struct PagedAllocator {
  using value_type = T;
  PagedAllocator() = default;
  template <typename Other> PagedAllocator(const PagedAllocator<Other> &) {}
  bool operator==(const PagedAllocator &) const { return true; }

  T *allocate(size_t count) {
    size_t bytes = count * sizeof(T);
    return static_cast<T *>(bytes < kPagedBytes ? ::operator new(bytes) : allocatePaged(bytes));
  }
  void deallocate(T *memory, size_t count) {
    size_t bytes = count * sizeof(T);
    bytes < kPagedBytes ? ::operator delete(memory) : freePaged(memory, bytes);
  }
};

/// A vector that keeps what is large in a file.
template <typename T> using PagedVector = std::vector<T, PagedAllocator<T>>;

} // namespace mlir::lowbit

#endif // LOWBIT_ARRAYS_PAGEDMEMORY_H
