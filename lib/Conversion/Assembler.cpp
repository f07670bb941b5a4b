//===- Assembler.cpp - tools that finish the code of kernels --------------===//
// Law: an assembler that is there and refuses is an error; one that is not there is none.

#include "Assembler.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <dlfcn.h>

using namespace llvm;

namespace mlir::lowbit {

/// Where CUDA installs it.
static constexpr StringLiteral usualFolders[] = {"/usr/local/cuda/bin", "/opt/cuda/bin"};

/// Where the Python package `nvidia-cuda-nvcc` has it, in the folder of packages.
static constexpr StringLiteral packageFolders[] = {"nvidia/cu13/bin", "nvidia/cuda_nvcc/bin"};

std::string findPTXAssembler() {
  if (std::optional<std::string> named = sys::Process::GetEnv("LOWBIT_PTXAS"))
    return *named == "none" ? "" : *named;
  if (ErrorOr<std::string> found = sys::findProgramByName("ptxas"))
    return *found;
  SmallVector<std::string> folders;
  // This code is part of a Python package, packages/lowbit/_native.so, or of a program.
  if (Dl_info info; dladdr(reinterpret_cast<void *>(&findPTXAssembler), &info) && sys::path::is_absolute(info.dli_fname))
    for (StringRef folder : packageFolders)
      folders.push_back((sys::path::parent_path(sys::path::parent_path(info.dli_fname)) + "/" + folder).str());
  llvm::append_range(folders, usualFolders);
  for (StringRef folder : folders)
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
      kernels.back().spillBytes = count(line, " bytes spill stores") + count(line, " bytes spill loads");
    if (line.contains("bytes stack frame"))
      kernels.back().stackBytes = count(line, " bytes stack frame");
    if (line.contains(" registers"))
      kernels.back().registers = count(line, " registers");
  }
  return kernels;
}

namespace {
/// What a tool wrote, and what it said.
struct Outcome {
  std::string output, messages;
};
} // namespace

/// Runs `program` with `options` on a file of `bytes`, in a folder of its own. `advice` ends the error where it refuses.
static FailureOr<Outcome> runTool(StringRef program, ArrayRef<StringRef> options, StringRef bytes, StringRef advice,
                                  function_ref<InFlightDiagnostic()> emitError) {
  SmallString<128> folder;
  if (std::error_code code = sys::fs::createUniqueDirectory("lowbit-kernels", folder))
    return emitError() << "no folder for `" << program << "` to work in: " << code.message(), failure();
  llvm::scope_exit removeFolder([&] { sys::fs::remove_directories(folder); });
  std::string input = (folder + "/input").str(), output = (folder + "/output").str(), log = (folder + "/log").str(), reason;
  if (!writeFile(input, bytes))
    return emitError() << "kernels cannot be written to " << input, failure();
  SmallVector<StringRef> arguments{program};
  llvm::append_range(arguments, options);
  arguments.append({"-o", output, input});
  int status = sys::ExecuteAndWait(program, arguments, std::nullopt, {StringRef(), StringRef(log), StringRef(log)}, /*SecondsToWait=*/0,
                                   /*MemoryLimit=*/0, &reason);
  std::string messages = readFile(log);
  if (status != 0)
    return emitError() << "`" << program << "` refuses the kernels: " << (reason.empty() ? messages : reason) << advice, failure();
  return Outcome{readFile(output), messages};
}

FailureOr<Assembly> assemblePTX(StringRef ptx, StringRef chip, function_ref<InFlightDiagnostic()> emitError) {
  std::string program = findPTXAssembler(), architecture = ("-arch=" + chip).str();
  if (program.empty())
    return Assembly();
  FailureOr<Outcome> outcome =
      runTool(program, {architecture, "-O3", "-v"}, ptx, "; with LOWBIT_PTXAS=none the driver assembles them", emitError);
  if (failed(outcome))
    return failure();
  return Assembly{outcome->output, readResources(outcome->messages)};
}

/// Reads the notes that the code generator ends assembly with, a list of kernels with a line for each of their numbers.
static std::vector<KernelResources> readNotes(StringRef assembly) {
  std::vector<KernelResources> kernels;
  KernelResources kernel;
  for (StringRef line : split(assembly.split("amdhsa.kernels:").second, '\n')) {
    auto [key, value] = line.split(':');
    key = key.trim(" -");
    unsigned number = 0;
    value.trim().getAsInteger(10, number);
    if (key == ".name" && line.starts_with("    .name")) // of the kernel, not of an argument
      kernel.name = value.trim().str();
    else if (key == ".private_segment_fixed_size")
      kernel.stackBytes = number;
    else if (key == ".vgpr_count")
      kernel.registers = number;
    else if (key == ".sgpr_spill_count")
      kernel.spillBytes = 4 * number;
    else if (key == ".vgpr_spill_count")
      kernel.spillBytes += 4 * number;
    else if (key == ".wavefront_size") // the last one
      kernels.push_back(std::exchange(kernel, {}));
  }
  return kernels;
}

FailureOr<Assembly> linkAMDGCN(StringRef object, StringRef assembly, function_ref<InFlightDiagnostic()> emitError) {
  Assembly result{"", readNotes(assembly)};
  for (StringRef name : {"ld.lld-22", "ld.lld", "/usr/lib/llvm-22/bin/ld.lld"}) {
    ErrorOr<std::string> program = sys::findProgramByName(name);
    if (!program)
      continue;
    FailureOr<Outcome> outcome = runTool(*program, {"-shared"}, object, "", emitError);
    if (failed(outcome))
      return failure();
    result.binary = outcome->output;
    break;
  }
  return result;
}

} // namespace mlir::lowbit
