//===- Link.cpp - shared libraries out of objects -------------------------===//
// Law: the linker works on files of its own, so that an output is there whole or as it was.

#include "Link.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"

using namespace llvm;

namespace mlir::lowbit {

namespace {
/// A compiler driver, and what it has to be told.
struct Driver {
  std::string path;
  std::vector<std::string> options;
};
} // namespace

/// The first driver there is: for this machine its own, for another one that is made for it, then LLVM's, which links for all.
static Expected<Driver> findDriver(const Triple &triple) {
  Triple host(sys::getProcessTriple());
  std::string gnu = (triple.getArchName() + "-" + triple.getOSName() + "-" + triple.getEnvironmentName()).str(), tried;
  std::vector<Driver> drivers;
  if (triple.getArch() == host.getArch() && triple.getOS() == host.getOS())
    drivers = {{"clang-22", {}}, {"clang", {}}, {"cc", {}}, {"gcc", {}}};
  else
    drivers = {{gnu + "-gcc", {}}, {"clang-22", {"--target=" + gnu, "-fuse-ld=lld"}}, {"clang", {"--target=" + gnu, "-fuse-ld=lld"}}};
  for (Driver &driver : drivers) {
    if (ErrorOr<std::string> path = sys::findProgramByName(driver.path))
      return Driver{*path, driver.options};
    tried += (tried.empty() ? "`" : ", `") + driver.path + "`";
  }
  return createStringError("no linker for " + triple.str() + " is there: tried " + tried +
                           "; install one of them, or write an object (`-o name.o`) and link it yourself");
}

static Error writeFile(StringRef path, StringRef bytes) {
  std::error_code code;
  raw_fd_ostream stream(path, code);
  if (code)
    return createFileError(path, code);
  stream << bytes;
  stream.close();
  return stream.has_error() ? createFileError(path, stream.error()) : Error::success();
}

static std::string readText(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().trim().str() : "";
}

Expected<std::string> linkSharedLibrary(StringRef object, StringRef name, const Triple &triple, ArrayRef<StringRef> libraries,
                                        StringRef archive) {
  Expected<Driver> driver = findDriver(triple);
  if (!driver)
    return driver.takeError();
  SmallString<128> folder;
  if (std::error_code code = sys::fs::createUniqueDirectory("lowbit-link", folder))
    return createStringError("no folder for the linker to work in: " + code.message());
  llvm::scope_exit removeFolder([&] { sys::fs::remove_directories(folder); });
  std::string input = (folder + "/input.o").str(), output = (folder + "/output.so").str(), messages = (folder + "/messages").str();
  if (Error error = writeFile(input, object))
    return std::move(error);
  // What is not defined would be found out only when the library is loaded.
  std::vector<std::string> command = {driver->path, "-shared", "-o", output, input, "-Wl,-soname," + name.str(), "-Wl,-z,defs"};
  command.insert(command.begin() + 1, driver->options.begin(), driver->options.end());
  if (!archive.empty()) {
    std::string path = (folder + "/runtime.a").str();
    if (Error error = writeFile(path, archive))
      return std::move(error);
    for (const char *option : {"-Wl,--exclude-libs,ALL", "-Wl,--gc-sections", "-static-libgcc"})
      command.push_back(option);
    command.push_back(path);
    for (const char *option : {"-Wl,-Bstatic", "-lstdc++", "-Wl,-Bdynamic", "-ldl", "-lpthread"})
      command.push_back(option);
  }
  for (StringRef library : libraries)
    command.push_back("-l" + library.str());
  SmallVector<StringRef> arguments(command.begin(), command.end());
  std::string failure;
  int status = sys::ExecuteAndWait(driver->path, arguments, std::nullopt, {StringRef(), StringRef(messages), StringRef(messages)},
                                   /*SecondsToWait=*/0, /*MemoryLimit=*/0, &failure);
  if (status != 0)
    return createStringError("`" + driver->path + "` could not link: " + (failure.empty() ? readText(messages) : failure));
  auto buffer = MemoryBuffer::getFile(output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createFileError(output, buffer.getError());
  return (*buffer)->getBuffer().str();
}

} // namespace mlir::lowbit
