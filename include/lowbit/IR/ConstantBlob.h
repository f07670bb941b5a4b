//===- ConstantBlob.h - where the bytes of large constants lie ------------===//
//
// Law: the bytes of a large constant are pages of a file, so that the system can take their memory back. What a pass makes of a weight lies
// in a temporary file without a name, which ends with its last reader; what a file brings is mapped where it lies.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_IR_CONSTANTBLOB_H
#define LOWBIT_IR_CONSTANTBLOB_H

#include "mlir/IR/AsmState.h"
#include "llvm/Support/Error.h"

namespace mlir::lowbit {

/// Bytes that constants are aligned to: those of a cache line, and more than any vector register needs.
constexpr size_t kConstantAlignment = 64;

/// Constants of fewer bytes are on the heap.
constexpr size_t kMappedBytes = 256 * 1024;

/// The blob of a resource with `bytes`; on the heap too when the folder for temporary files has no room.
AsmResourceBlob makeBlob(ArrayRef<char> bytes);

/// `size` bytes from `offset` of the file at `path`, mapped; an error when they are not there.
llvm::Expected<AsmResourceBlob> mapBlob(StringRef path, uint64_t offset, uint64_t size);

} // namespace mlir::lowbit

#endif // LOWBIT_IR_CONSTANTBLOB_H
