//===- Native.h - what the files of the Python module share ---------------===//
#ifndef LOWBIT_PYTHON_NATIVE_H
#define LOWBIT_PYTHON_NATIVE_H

#include "lowbit/Session/Model.h"
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace lowbit_python {

namespace nb = nanobind;

/// Raises lowbit.Error with the text and the location of `error`.
[[noreturn]] void raise(llvm::Error error);

inline void check(llvm::Error error) {
  if (error)
    raise(std::move(error));
}

template <typename T> T take(llvm::Expected<T> value) {
  if (!value)
    raise(value.takeError());
  return std::move(*value);
}

/// Runs compiler or compiled code without holding Python's lock.
template <typename Function> auto withoutLock(Function function) {
  nb::gil_scoped_release release;
  return function();
}

/// What DLPack calls elements, and back.
nb::dlpack::dtype getDLPackType(mlir::lowbit::StorageType type);
mlir::lowbit::StorageType getStorage(nb::dlpack::dtype type);

/// Whether rows lie next to one another, in order.
template <typename ArrayType> bool isDense(const ArrayType &array) {
  int64_t expected = 1;
  bool dense = true;
  for (size_t axis = array.ndim(); axis-- > 0;) {
    if (array.shape(axis) == 0)
      return true;
    dense &= array.shape(axis) == 1 || array.stride(axis) == expected;
    expected *= static_cast<int64_t>(array.shape(axis));
  }
  return dense;
}

void bindPrograms(nb::module_ &module);
void bindDeviceArrays(nb::module_ &module, nb::class_<mlir::lowbit::Program> &programs);

} // namespace lowbit_python

#endif // LOWBIT_PYTHON_NATIVE_H
