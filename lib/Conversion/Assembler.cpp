//===- Assembler.cpp - PTX to machine code of NVIDIA's GPUs ----------------===//
// Law: an assembler that is there and refuses is an error; one that is not there is none.

#include "Assembler.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace mlir::lowbit {

/// Where CUDA installs it.
static constexpr StringLiteral usualFolders[] = {"/usr/local/cuda/bin", "/opt/cuda/bin"};

static std::string findAssembler() {
  if (std::optional<std::string> named = sys::Process::GetEnv("LOWBIT_PTXAS"))
    return *named == "none" ? "" : *named;
  if (ErrorOr<std::string> found = sys::findProgramByName("ptxas"))
    return *found;
  for (StringRef folder : usualFolders)
    if (ErrorOr<std::string> found = sys::findProgramByName("ptxas", {folder}))
      return *found;
  return "";
}

static std::string readFile(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

static bool writeFile(StringRef path, StringRef text) {
  std::error_code code;
  raw_fd_ostream stream(path, code);
  if (code)
    return false;
  stream << text;
  stream.close();
  bool failed = stream.has_error();
  stream.clear_error();
  return !failed;
}

/// Reads what `ptxas -v` prints, a kernel in four lines.
static std::vector<KernelResources> readResources(StringRef log) {
  std::vector<KernelResources> kernels;
  // The number before `unit` in `line`.
  auto count = [](StringRef line, StringRef unit) {
    unsigned value = 0;
    StringRef before = line.take_front(line.find(unit)).rtrim();
    before.substr(before.find_last_not_of("0123456789") + 1).getAsInteger(10, value);
    return value;
  };
  for (StringRef line : split(log, '\n')) {
    if (line.contains("Compiling entry function '"))
      kernels.push_back({line.split('\'').second.split('\'').first.str()});
    if (kernels.empty())
      continue;
    if (line.contains("bytes spill stores"))
      kernels.back().spillBytes = count(line, " bytes spill stores");
    if (line.contains("bytes stack frame"))
      kernels.back().stackBytes = count(line, " bytes stack frame");
    if (line.contains(" registers"))
      kernels.back().registers = count(line, " registers");
  }
  return kernels;
}

FailureOr<Assembly> assemblePTX(StringRef ptx, StringRef chip, function_ref<InFlightDiagnostic()> emitError) {
  std::string program = findAssembler();
  if (program.empty())
    return Assembly();
  SmallString<128> folder;
  if (std::error_code code = sys::fs::createUniqueDirectory("lowbit-ptxas", folder))
    return emitError() << "no folder for the assembler to work in: " << code.message(), failure();
  llvm::scope_exit removeFolder([&] { sys::fs::remove_directories(folder); });
  std::string input = (folder + "/kernels.ptx").str(), output = (folder + "/kernels.cubin").str(), log = (folder + "/log").str();
  if (!writeFile(input, ptx))
    return emitError() << "PTX cannot be written to " << input, failure();
  std::string architecture = ("-arch=" + chip).str(), failure;
  StringRef arguments[] = {program, architecture, "-O3", "-v", "-o", output, input};
  int status = sys::ExecuteAndWait(program, arguments, std::nullopt, {StringRef(), StringRef(log), StringRef(log)}, /*SecondsToWait=*/0,
                                   /*MemoryLimit=*/0, &failure);
  std::string messages = readFile(log);
  if (status != 0)
    return emitError() << "`" << program << "` refuses the kernels: " << (failure.empty() ? messages : failure)
                       << "; with LOWBIT_PTXAS=none the driver assembles them",
           mlir::failure();
  return Assembly{readFile(output), readResources(messages)};
}

} // namespace mlir::lowbit
