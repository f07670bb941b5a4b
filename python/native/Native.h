//===- Native.h - what the files of the Python module share ---------------===//
#ifndef LOWBIT_PYTHON_NATIVE_H
#define LOWBIT_PYTHON_NATIVE_H

#include "lowbit/Session/Model.h"
#include <nanobind/nanobind.h>

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

void bindPrograms(nb::module_ &module);

} // namespace lowbit_python

#endif // LOWBIT_PYTHON_NATIVE_H
