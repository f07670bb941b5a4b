//===- Library.h - a driver's library, found when it is first needed -------===//
#ifndef LOWBIT_LIB_EXECUTION_RUNTIME_LIBRARY_H
#define LOWBIT_LIB_EXECUTION_RUNTIME_LIBRARY_H

#include <cstdlib>
#include <dlfcn.h>
#include <string>

namespace mlir::lowbit {

/// Stays as long as the process.
class Library {
public:
  /// `variable` of the environment names another library than `name`.
  Library(const char *variable, const char *name) {
    const char *other = std::getenv(variable);
    handle = dlopen(other && *other ? other : name, RTLD_NOW | RTLD_LOCAL);
    if (handle)
      return;
    const char *said = dlerror();
    reason = said ? said : "unknown";
  }

  explicit operator bool() const { return handle; }
  /// Why it is not there.
  const std::string &getReason() const { return reason; }

  /// Whether it has that function.
  template <typename Function> bool find(Function *&function, const char *name) const {
    function = reinterpret_cast<Function *>(dlsym(handle, name));
    return function;
  }

private:
  void *handle = nullptr;
  std::string reason;
};

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXECUTION_RUNTIME_LIBRARY_H
