//===- Kernels.cpp - one NVIDIA GPU: binaries, constants, launches ---------===//
// Law: a binary is loaded once, when the first of its kernels is launched, and a constant is copied once.

#include "Profile.h"
#include "Program.h"

namespace mlir::lowbit::cuda {

//===----------------------------------------------------------------------===//
// Binaries
//===----------------------------------------------------------------------===//

std::string GPU::explainImage(int status, const DeviceKernel &kernel, const char *log) const {
  std::string target = kernel.architecture, text = "kernels for " + target + " cannot be loaded on " + getDescription() + ": ";
  text += driver.describe(status);
  switch (status) {
  case NoBinaryForDevice:
  case InvalidPtx:
    text += "; compile for `nvptx:sm_" + std::to_string(major) + std::to_string(minor) + "`";
    break;
  case InvalidImage:
  case UnsupportedPtxVersion:
    text += "; the driver is for CUDA " + formatVersion(driver.version) +
            ", which may be older than the assembler: update the driver, or compile with an older CUDA";
    break;
  }
  return *log ? text + "\n" + log : text;
}

Handle GPU::loadImage(const DeviceKernel &kernel, Program &program) const {
  for (auto [image, module] : program.modules)
    if (image == kernel.image)
      return module;
  char log[4096] = "";
  int options[] = {/*CU_JIT_ERROR_LOG_BUFFER=*/5, /*CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES=*/6};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  Handle module = nullptr;
  int status = driver.cuModuleLoadDataEx(&module, kernel.image, 2, options, values);
  log[sizeof(log) - 1] = 0;
  if (status == OutOfMemory)
    failCall("out of device memory for kernels of " + std::to_string(kernel.imageBytes) + " bytes on " + getDescription());
  else if (status != Success)
    failCall(explainImage(status, kernel, log));
  if (status != Success)
    return nullptr;
  program.modules.emplace_back(kernel.image, module);
  return module;
}

Kernel *GPU::loadKernel(DeviceKernel &kernel, Program &program) {
  Handle module = loadImage(kernel, program);
  if (!module)
    return nullptr;
  auto loaded = std::make_unique<Kernel>();
  loaded->gpu = this;
  int status = driver.cuModuleGetFunction(&loaded->function, module, kernel.name);
  if (!check(status, [&] { return "kernel `" + std::string(kernel.name) + "` cannot be found in its binary"; }))
    return nullptr;
  publish(*loaded, kernel.cache);
  program.kernels.push_back(std::move(loaded));
  return program.kernels.back().get();
}

Kernel *GPU::getKernel(DeviceKernel &kernel) {
  if (auto *found = find<Kernel>(kernel.cache, this))
    return found;
  std::lock_guard<std::mutex> lock(getProgramMutex());
  if (auto *found = find<Kernel>(kernel.cache, this))
    return found;
  return activate() ? loadKernel(kernel, getProgram(*kernel.program, this)) : nullptr;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

bool GPU::allowShared(Kernel &kernel, const char *name, uint32_t bytes) const {
  if (bytes > static_cast<uint32_t>(sharedLimit)) {
    failCall("kernel `" + std::string(name) + "` takes " + std::to_string(bytes) + " bytes of shared memory, and a block on " +
             getDescription() + " has " + std::to_string(sharedLimit) + "; compile for this GPU");
    return false;
  }
  int status = driver.cuFuncSetAttribute(kernel.function, /*MAX_DYNAMIC_SHARED_SIZE_BYTES=*/8, static_cast<int>(bytes));
  if (!check(status, [&] { return std::to_string(bytes) + " bytes of shared memory for kernel `" + name + "`"; }))
    return false;
  kernel.sharedBytes.store(bytes, std::memory_order_relaxed);
  return true;
}

static std::string formatShape(const uint32_t (&shape)[3]) {
  return std::to_string(shape[0]) + "x" + std::to_string(shape[1]) + "x" + std::to_string(shape[2]);
}

/// As driver.cuLaunchKernel, but the kernel may begin before what is on the stream has ended.
static int launchEarly(const Driver &driver, Handle function, const LaunchShape &shape, Handle stream, void **parameters) {
  LaunchAttribute attribute{/*PROGRAMMATIC_STREAM_SERIALIZATION=*/6, /*value=*/1, {}};
  LaunchConfig config{{shape.grid[0], shape.grid[1], shape.grid[2]},
                      {shape.block[0], shape.block[1], shape.block[2]},
                      shape.sharedBytes,
                      stream,
                      &attribute,
                      1};
  return driver.cuLaunchKernelEx(&config, function, parameters, /*extra=*/nullptr);
}

/// Launches that this thread has made.
thread_local unsigned launchCount = 0;

void GPU::launch(const void *address, const LaunchShape &shape, void **parameters, unsigned) {
  auto &kernel = *static_cast<DeviceKernel *>(const_cast<void *>(address));
  Kernel *loaded = getKernel(kernel);
  if (!loaded)
    return;
  if (shape.sharedBytes > loaded->sharedBytes.load(std::memory_order_relaxed) && !allowShared(*loaded, kernel.name, shape.sharedBytes))
    return;
  ++launchCount;
  Handle stream = CallScope::getCurrent()->getStream();
  ProfiledLaunch profiled(driver, stream, kernel.name, shape);
  int status = kernel.startsEarly
                   ? launchEarly(driver, loaded->function, shape, stream, parameters)
                   : driver.cuLaunchKernel(loaded->function, shape.grid[0], shape.grid[1], shape.grid[2], shape.block[0], shape.block[1],
                                           shape.block[2], shape.sharedBytes, stream, parameters, /*extra=*/nullptr);
  check(status, [&] {
    return "launch of kernel `" + std::string(kernel.name) + "` in " + formatShape(shape.grid) + " blocks of " + formatShape(shape.block) +
           " threads with " + std::to_string(shape.sharedBytes) + " bytes of shared memory";
  });
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

void *GPU::getConstant(DeviceConstant &constant, const void *bytes, size_t size) {
  auto address = [](Constant *found) { return reinterpret_cast<void *>(found->address); };
  if (auto *found = find<Constant>(constant.cache, this))
    return address(found);
  std::lock_guard<std::mutex> lock(getProgramMutex());
  if (auto *found = find<Constant>(constant.cache, this))
    return address(found);
  void *memory = allocate(size);
  if (!memory)
    return nullptr;
  copyToDevice(memory, bytes, size);
  synchronize(); // other streams may read it from now on
  if (CallScope::getCurrent()->hasFailed()) {
    driver.cuMemFree(reinterpret_cast<Address>(memory));
    return nullptr;
  }
  auto uploaded = std::make_unique<Constant>();
  uploaded->gpu = this;
  uploaded->address = reinterpret_cast<Address>(memory);
  publish(*uploaded, constant.cache);
  Program &program = getProgram(*constant.program, this);
  program.constants.push_back(std::move(uploaded));
  return memory;
}

} // namespace mlir::lowbit::cuda
