//===- ConstantBlob.cpp - where the bytes of large constants lie ----------===//

#include "lowbit/IR/ConstantBlob.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::lowbit {
namespace fs = llvm::sys::fs;

/// Bytes of an open file as a blob; the mapping lives as long as the blob.
static llvm::Expected<AsmResourceBlob> map(fs::file_t file, uint64_t offset, uint64_t size) {
  uint64_t start = offset / fs::mapped_file_region::alignment() * fs::mapped_file_region::alignment();
  std::error_code error;
  auto region = std::make_shared<fs::mapped_file_region>(file, fs::mapped_file_region::readonly, size + (offset - start), start, error);
  if (error)
    return llvm::errorCodeToError(error);
  ArrayRef<char> bytes(region->const_data() + (offset - start), size);
  auto release = [region](void *, size_t, size_t) mutable { region.reset(); };
  return AsmResourceBlob(bytes, llvm::MinAlign(offset - start, kConstantAlignment), std::move(release), /*dataIsMutable=*/false);
}

/// A copy of `bytes` in a temporary file, which is written rather than mapped so that a full disk is an error here and no signal later.
static llvm::Expected<AsmResourceBlob> makeFileBlob(ArrayRef<char> bytes) {
  int file = -1;
  SmallString<128> path;
  if (std::error_code error = fs::createTemporaryFile("lowbit", "constant", file, path))
    return llvm::errorCodeToError(error);
  llvm::raw_fd_ostream stream(file, /*shouldClose=*/true, /*unbuffered=*/true);
  fs::remove(path);
  stream.write(bytes.data(), bytes.size());
  if (std::error_code error = stream.error()) {
    stream.clear_error();
    return llvm::errorCodeToError(error);
  }
  return map(fs::file_t(file), 0, bytes.size());
}

AsmResourceBlob makeBlob(ArrayRef<char> bytes) {
  if (bytes.size() >= kMappedBytes) {
    llvm::Expected<AsmResourceBlob> blob = makeFileBlob(bytes);
    if (blob)
      return std::move(*blob);
    llvm::consumeError(blob.takeError()); // memory does as well, while there is some
  }
  return HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, kConstantAlignment, /*dataIsMutable=*/false);
}

llvm::Expected<AsmResourceBlob> mapBlob(StringRef path, uint64_t offset, uint64_t size) {
  llvm::Expected<fs::file_t> file = fs::openNativeFileForRead(path);
  if (!file)
    return file.takeError();
  llvm::scope_exit close([&] { fs::closeFile(*file); });
  fs::file_status status;
  if (std::error_code error = fs::status(*file, status))
    return llvm::errorCodeToError(error);
  if (offset > status.getSize() || size > status.getSize() - offset)
    return llvm::createStringError(path + " has " + Twine(status.getSize()) + " bytes; expected " + Twine(size) + " from " + Twine(offset) +
                                   " on");
  return map(*file, offset, size);
}

} // namespace mlir::lowbit
