//===- Npy.h - numpy's .npy and .npz files --------------------------------===//
//
// Reading trusts nothing: sizes are compared with what the file holds before memory is taken, nothing is unpickled, and names
// inside an archive are names only, never paths. Writing is atomic: a file appears whole, or the old one stays.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_ARRAYS_NPY_H
#define LOWBIT_ARRAYS_NPY_H

#include "lowbit/Arrays/Array.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <vector>

namespace mlir::lowbit {

/// The arrays of the .npz at `path`, in the archive's order; of a .npy, one array with an empty name.
llvm::Expected<std::vector<NamedArray>> readArrays(StringRef path);

/// The array `name` of the .npz at `path`, paged, without reading the others; and whether there is one.
llvm::Expected<Array> readArray(StringRef path, StringRef name);
llvm::Expected<bool> hasArray(StringRef path, StringRef name);

/// Writes a .npy when `path` ends so, and then `arrays` must be one; else a .npz. Same arrays, same bytes.
llvm::Error writeArrays(StringRef path, ArrayRef<NamedArray> arrays);
/// The same of bytes that are the caller's.
llvm::Error writeArrays(StringRef path, ArrayRef<NamedBuffer> buffers);

/// One array in .npy form out of a stream of `numBytes`. `read` fills a buffer whole or fails.
llvm::Expected<Array> readNpy(llvm::function_ref<llvm::Error(MutableArrayRef<char>)> read, uint64_t numBytes,
                              Array::Place place = Array::Place::Heap);

/// What stands before an array's bytes in .npy form.
std::string formatNpyHeader(StorageType type, ArrayRef<int64_t> shape);

} // namespace mlir::lowbit

#endif // LOWBIT_ARRAYS_NPY_H
