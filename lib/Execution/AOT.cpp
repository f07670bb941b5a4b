//===- AOT.cpp - objects and shared libraries for C programs --------------===//
// Law: what was asked for is refused before work begins or written whole, header and object together; code is what the JIT would run.

#include "lowbit/Execution/AOT.h"
#include "CodeGen.h"
#include "Constants.h"
#include "DeviceArchive.h"
#include "EntryPoints.h"
#include "Link.h"
#include "lowbit/Conversion/KernelSymbols.h"
#include "lowbit/Targets/GPUArchitecture.h"
#include "lowbit/Targets/Resolve.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Target/LLVMIR/ModuleTranslation.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace mlir::lowbit {

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static llvm::Error checkPlace(StringRef path, StringRef expectedSuffixes, bool fits) {
  if (!fits)
    return llvm::createStringError(path + ": has suffix `" + llvm::sys::path::extension(path) + "`; expected " + expectedSuffixes);
  StringRef folder = llvm::sys::path::parent_path(path);
  if (!folder.empty() && !llvm::sys::fs::is_directory(folder))
    return llvm::createStringError(path + ": folder `" + folder + "` does not exist");
  if (llvm::sys::fs::is_directory(path))
    return llvm::createStringError(path + ": is a folder; expected the name of a file");
  return llvm::Error::success();
}

static bool isKernelFile(const GPUArchitecture &gpu, StringRef suffix) {
  KernelFiles files = getKernelFiles(gpu.code);
  return suffix == files.text || suffix == files.binary;
}

/// `gpu`: what kernels are written for, if they are not simulated; else null.
static llvm::Error checkPlaces(const ObjectOptions &options, const GPUArchitecture *gpu) {
  StringRef output = options.outputPath, header = options.headerPath;
  StringRef suffix = llvm::sys::path::extension(output);
  bool hasFunctions = suffix == ".so" || (suffix == ".o" && !gpu), isKernels = gpu && isKernelFile(*gpu, suffix);
  std::string expected = "`.o` or `.so`";
  if (gpu) {
    KernelFiles files = getKernelFiles(gpu->code);
    hasFunctions &= files.hasLibraries;
    expected = ("`" + files.text + "` or `" + files.binary + "`").str();
    expected = files.hasLibraries ? "`.so`, " + expected : expected + " (kernels alone: libraries have no run time for this machine)";
  }
  if (llvm::Error error = checkPlace(output, expected, hasFunctions || isKernels))
    return error;
  if (header.empty())
    return llvm::Error::success();
  if (isKernels)
    return llvm::createStringError(header + ": kernels alone have no functions for C; write a `.so` for a header");
  return checkPlace(header, "`.h`", header.ends_with(".h"));
}

namespace {
struct OutputFile {
  StringRef path, bytes;
  bool executable;
};
} // namespace

/// Writes all files beside their places, then moves all there.
static llvm::Error writeFiles(ArrayRef<OutputFile> files) {
  std::vector<llvm::sys::fs::TempFile> written;
  auto discardAll = [&](llvm::Error error) {
    for (auto &file : written)
      llvm::consumeError(file.discard());
    return error;
  };
  for (const OutputFile &file : files) {
    auto temporary = llvm::sys::fs::TempFile::create(
        file.path + ".%%%%%%", file.executable ? llvm::sys::fs::all_all : llvm::sys::fs::all_read | llvm::sys::fs::all_write);
    if (!temporary)
      return discardAll(llvm::createFileError(file.path, temporary.takeError()));
    written.push_back(std::move(*temporary));
    llvm::raw_fd_ostream stream(written.back().FD, /*shouldClose=*/false);
    stream << file.bytes;
    stream.flush();
    if (stream.has_error()) {
      std::error_code code = stream.error();
      stream.clear_error();
      return discardAll(llvm::createFileError(file.path, code));
    }
  }
  for (auto [file, temporary] : llvm::zip_equal(files, written))
    if (llvm::Error error = temporary.keep(file.path))
      return discardAll(llvm::createFileError(file.path, std::move(error)));
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

/// Weights become bytes of the object only now, so that no pass of the optimizer reads them.
static void embedConstants(llvm::Module &module, ArrayRef<RuntimeSymbol> symbols, ArrayRef<Array> constants) {
  for (auto [symbol, array] : llvm::zip_equal(symbols, constants)) {
    llvm::GlobalVariable *declared = module.getNamedGlobal(symbol.name);
    if (!declared)
      continue;
    auto *bytes = llvm::ConstantDataArray::getRaw(StringRef(array.getData(), array.getNumBytes()), array.getNumBytes(),
                                                  llvm::Type::getInt8Ty(module.getContext()));
    auto *global = new llvm::GlobalVariable(module, bytes->getType(), /*isConstant=*/true, llvm::GlobalValue::InternalLinkage, bytes);
    global->setAlignment(llvm::Align(64));
    declared->replaceAllUsesWith(global);
    global->takeName(declared);
    declared->eraseFromParent();
  }
}

/// The first function that no library of C, and OpenMP's where `threads` need it, defines; empty when there is none.
static StringRef findUnknownFunction(const llvm::Module &module, unsigned threads) {
  llvm::TargetLibraryInfoImpl library(module.getTargetTriple());
  llvm::TargetLibraryInfo info(library);
  for (const llvm::Function &function : module) {
    llvm::LibFunc known;
    StringRef name = function.getName();
    if (!function.isDeclaration() || function.isIntrinsic() || function.use_empty() || info.getLibFunc(name, known))
      continue;
    if (threads > 1 && (name.starts_with("__kmpc_") || name.starts_with("omp_")))
      continue;
    if (name.starts_with("lowbit_gpu_")) // of the run time that is linked in
      continue;
    return name;
  }
  return {};
}

static FailureOr<std::string> emitObject(ModuleOp module, const Machine &described, const ObjectOptions &options) {
  std::vector<Array> constants;
  SmallVector<RuntimeSymbol> symbols;
  if (failed(externalizeConstants(module, constants, symbols)))
    return failure();
  FailureOr<std::unique_ptr<llvm::TargetMachine>> machine = createTargetMachine(module, described, /*jit=*/false);
  if (failed(machine))
    return failure();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, llvm::sys::path::filename(options.outputPath));
  if (!code)
    return emitError(module.getLoc()) << "the module cannot be translated to LLVM IR";
  code->setDataLayout((*machine)->createDataLayout());
  code->setTargetTriple(described.triple);
  if (llvm::Error error = makeOptimizingTransformer(optimizationLevel, /*sizeLevel=*/0, machine->get())(code.get()))
    return emitError(module.getLoc()) << "code generation failed: " << llvm::toString(std::move(error));
  if (StringRef name = findUnknownFunction(*code, options.compile.threads); !name.empty())
    return emitError(module.getLoc()) << "code calls `" << name << "`, which the C library does not have; an object can call nothing else";
  embedConstants(*code, symbols, constants);
  SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile))
    return emitError(module.getLoc()) << "no objects can be written for " << described.triple.str();
  passes.run(*code);
  return std::string(bytes);
}

/// Whether kernels run on a GPU, which code in an object can then do.
static bool isGPU(QuantTargetAttrInterface target) { return target.getGPU() && !target.isSimulated(); }

static ObjectDescription describeObject(const ObjectOptions &options, const Machine &machine, QuantTargetAttrInterface target) {
  ObjectDescription object;
  object.stem = llvm::sys::path::stem(options.outputPath).str();
  object.file = llvm::sys::path::filename(options.outputPath).str();
  object.target =
      (target.getName() + " (" + machine.triple.str() + (machine.processor.empty() ? "" : ", ") + machine.processor + ")").str();
  object.threads = options.compile.threads;
  if (isGPU(target))
    object.device = getDeviceInterface(target.getGPU()->code);
  return object;
}

static FailureOr<std::vector<CFunction>> nameFunctions(ModuleOp module, StringRef stem, const DeviceInterface *device) {
  std::vector<CFunction> functions;
  for (const Entry &entry : readSignatures(module)) {
    Location loc = module.lookupSymbol(entry.name)->getLoc();
    FailureOr<CFunction> function = nameFunction(loc, entry, stem, device);
    if (failed(function))
      return failure();
    for (const CFunction &other : functions)
      if (other.symbol == function->symbol)
        return emitError(loc) << "functions `" << other.entry.name << "` and `" << entry.name << "` are both `" << other.symbol
                              << "` in C; rename one";
    functions.push_back(std::move(*function));
  }
  if (functions.empty())
    return emitError(module.getLoc()) << "the module has no public function with a body; expected at least one to export";
  return functions;
}

/// The kernels of `module` as a file of `suffix`.
static FailureOr<std::string> getKernels(ModuleOp module, const GPUArchitecture &gpu, StringRef suffix) {
  SmallVector<LLVM::GlobalOp> images;
  for (auto global : module.getOps<LLVM::GlobalOp>())
    if (global->hasAttr(kernelTextAttrName))
      images.push_back(global);
  if (images.size() != 1)
    return emitError(module.getLoc()) << "the module has " << images.size() << " binaries of kernels; expected one to write", failure();
  KernelFiles files = getKernelFiles(gpu.code);
  StringRef text = images.front()->getAttrOfType<StringAttr>(kernelTextAttrName).getValue();
  if (suffix == files.text)
    return text.str();
  // Where the tool is missing, the assembly is there instead.
  StringRef bytes = cast<StringAttr>(images.front().getValueOrNull()).getValue();
  if (bytes.drop_back() != text)
    return bytes.str();
  InFlightDiagnostic diagnostic = emitError(module.getLoc())
                                  << "no `" << files.tool << "` is there to make a `" << files.binary << "` of kernels; ";
  if (files.hasLibraries)
    diagnostic << "install CUDA's, name one with LOWBIT_PTXAS, or ";
  else
    diagnostic << "install LLVM's, or ";
  return diagnostic << "write a `" << files.text << "`", failure();
}

/// Code with the functions of `object`, linked if it is a library.
static FailureOr<std::string> compileFunctions(ModuleOp module, const Machine &machine, const ObjectOptions &options,
                                               const ObjectDescription &object, ArrayRef<CFunction> functions) {
  if (failed(object.device ? buildDeviceEntryPoints(module, functions, object.stem) : buildEntryPoints(module, functions)))
    return failure();
  FailureOr<std::string> code = emitObject(module, machine, options);
  if (failed(code) || !StringRef(object.file).ends_with(".so"))
    return code;
  SmallVector<StringRef> libraries = {"m"};
  if (options.compile.threads > 1)
    libraries.insert(libraries.begin(), "omp");
  auto linked = linkSharedLibrary(*code, object.file, machine.triple, libraries, object.device ? getDeviceArchive() : StringRef());
  if (!linked)
    return emitError(module.getLoc()) << llvm::toString(linked.takeError()), failure();
  return std::move(*linked);
}

LogicalResult compileToFile(ModuleOp module, const ObjectOptions &options) {
  auto report = [&](llvm::Error error) { return emitError(module.getLoc()) << llvm::toString(std::move(error)); };
  // One that is not known is reported when it is compiled for.
  const GPUArchitecture *gpu = nullptr;
  if (auto named = findTarget(module.getContext(), options.compile.target); named && isGPU(named))
    gpu = named.getGPU();
  if (llvm::Error error = checkPlaces(options, gpu))
    return report(std::move(error));
  // Of other machines it is not known how many cores they have.
  if (options.compile.target == "host" && failed(checkThreads(module, options.compile.threads)))
    return failure();
  if (failed(lowerToLLVM(module, options.compile)))
    return failure();
  QuantTargetAttrInterface target = getTarget(module);
  if (!target)
    return emitError(module.getLoc()) << "the module is lowered but bears no `" << targetAttrName << "`; give one that is not lowered";
  if (target.isSimulated())
    return emitError(module.getLoc()) << "target `" << target.getName()
                                      << "` runs kernels inside this process only; choose a GPU's, such as "
                                      << "`nvptx:" << target.getGPU()->chip << "`";
  StringRef suffix = llvm::sys::path::extension(options.outputPath);
  Machine machine{llvm::Triple(target.getTriple()), target.getProcessor().str(), target.getFeatures().str()};
  ObjectDescription object = describeObject(options, machine, target);
  bool isKernels = isGPU(target) && isKernelFile(*target.getGPU(), suffix);
  FailureOr<std::vector<CFunction>> functions = nameFunctions(module, object.stem, object.device);
  if (failed(functions))
    return failure();
  FailureOr<std::string> code =
      isKernels ? getKernels(module, *target.getGPU(), suffix) : compileFunctions(module, machine, options, object, *functions);
  if (failed(code))
    return failure();
  std::string header = formatHeader(*functions, object);
  SmallVector<OutputFile> files = {{options.outputPath, *code, suffix == ".so"}};
  if (!options.headerPath.empty())
    files.push_back({options.headerPath, header, /*executable=*/false});
  if (llvm::Error error = writeFiles(files))
    return report(std::move(error));
  return success();
}

} // namespace mlir::lowbit
