//===- Device.cpp - one device with a driver for OpenCL --------------------===//
// Law: what the driver refuses is an error of the call, with what was asked for; work is done in the order in which it is put there.

#include "Device.h"
#include "../EntryCalls.h"

namespace mlir::lowbit::opencl {

namespace {
/// Of cl_device_info and its like, and bits of their values.
enum Query : uint32_t {
  DeviceName = 0x102B,
  DeviceExtensions = 0x1030,
  DeviceILVersion = 0x105B,
  DeviceSVM = 0x1053,
  MaxGroupSize = 0x1004,
  LocalMemorySize = 0x1023,
  FloatConfig = 0x101B,
  BuildLog = 0x1183
};
} // namespace

static constexpr uint64_t roundedDivision = 1 << 7;

static std::string getText(const Driver &driver, Handle device, Query query) {
  size_t bytes = 0;
  if (driver.clGetDeviceInfo(device, query, 0, nullptr, &bytes) != Success || bytes == 0)
    return {};
  std::string text(bytes, 0);
  driver.clGetDeviceInfo(device, query, bytes, text.data(), nullptr);
  return text.c_str();
}

static uint64_t getNumber(const Driver &driver, Handle device, Query query) {
  uint64_t value = 0;
  driver.clGetDeviceInfo(device, query, sizeof(value), &value, nullptr);
  return value;
}

std::string findLack(const Driver &driver, Handle device) {
  if (getText(driver, device, DeviceILVersion).find("SPIR-V_1.4") == std::string::npos)
    return "takes no kernels in SPIR-V 1.4";
  if (getText(driver, device, DeviceExtensions).find("cl_khr_integer_dot_product") == std::string::npos)
    return "has no products of packed bytes (cl_khr_integer_dot_product)";
  if (!(getNumber(driver, device, DeviceSVM) & 1))
    return "shares no addresses with the host (SVM)";
  return {};
}

std::string getName(const Driver &driver, Handle device) { return getText(driver, device, DeviceName); }

void OpenCLDevice::setDevice(Handle chosen) {
  device = chosen;
  name = getName(driver, device);
  roundsDivision = getNumber(driver, device, FloatConfig) & roundedDivision;
}

bool OpenCLDevice::open(Handle chosen, std::string &error) {
  setDevice(chosen);
  int status = Success;
  context = driver.clCreateContext(nullptr, 1, &device, nullptr, nullptr, &status);
  if (status == Success)
    ownQueue = driver.clCreateCommandQueueWithProperties(context, device, nullptr, &status);
  if (status != Success)
    error = "the OpenCL device " + name + " cannot be used: " + describe(status) + "; check `clinfo`";
  return status == Success;
}

void OpenCLDevice::share(Handle chosen, Handle callers) {
  setDevice(chosen);
  context = callers;
  driver.clRetainContext(context);
}

Handle OpenCLDevice::getQueue() const {
  CallScope *scope = CallScope::getCurrent();
  return scope && scope->getStream() ? scope->getStream() : ownQueue;
}

CallState OpenCLDevice::begin(DeviceEntry &entry, const uint64_t *words, unsigned count) {
  return checkAlignment(entry, words, count) ? CallState::Run : CallState::Failed;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

void *OpenCLDevice::allocate(size_t bytes) {
  constexpr uint64_t readWrite = 1;
  constexpr uint32_t alignment = 128; // the most that every device has to know
  void *memory = driver.clSVMAlloc(context, readWrite, bytes ? bytes : 1, alignment);
  if (!memory)
    failCall("out of device memory: " + std::to_string(bytes) + " bytes are asked for on " + name +
             "; give memory back, or use a smaller batch");
  return memory;
}

void OpenCLDevice::deallocate(void *memory) {
  if (!memory)
    return;
  if (ownQueue)
    driver.clFinish(ownQueue);
  driver.clSVMFree(context, memory);
}

bool OpenCLDevice::copy(void *target, const void *source, size_t bytes) {
  constexpr uint32_t blocking = 1;
  return bytes == 0 || check(driver.clEnqueueSVMMemcpy(getQueue(), blocking, target, source, bytes, 0, nullptr, nullptr),
                             "copy of " + std::to_string(bytes) + " bytes");
}

void *OpenCLDevice::getConstant(DeviceConstant &constant, const void *bytes, size_t size) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  void *&known = programs[constant.program].constants[&constant];
  if (known)
    return known;
  void *memory = allocate(size);
  if (!memory || copy(memory, bytes, size))
    return known = memory;
  driver.clSVMFree(context, memory);
  return nullptr;
}

TensorMap *OpenCLDevice::encodeTensorMap(const TensorMapShape &) {
  failCall("kernels ask for tensor maps, which OpenCL does not have; compile for `spirv:opencl`");
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

void OpenCLDevice::release(DeviceProgram &program) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  auto found = programs.find(&program);
  if (found == programs.end())
    return;
  if (ownQueue)
    driver.clFinish(ownQueue);
  for (auto [key, kernel] : found->second.kernels)
    driver.clReleaseKernel(kernel);
  for (auto [key, module] : found->second.modules)
    driver.clReleaseProgram(module);
  for (auto [key, memory] : found->second.constants)
    driver.clSVMFree(context, memory);
  programs.erase(found);
}

std::string OpenCLDevice::getBuildLog(Handle program) const {
  size_t bytes = 0;
  if (driver.clGetProgramBuildInfo(program, device, BuildLog, 0, nullptr, &bytes) != Success || bytes < 2)
    return {};
  std::string text(bytes, 0);
  driver.clGetProgramBuildInfo(program, device, BuildLog, bytes, text.data(), nullptr);
  return "\n" + std::string(text.c_str());
}

Handle OpenCLDevice::getModule(const DeviceKernel &kernel, Program &program) {
  Handle &module = program.modules[kernel.image];
  if (module)
    return module;
  int status = Success;
  Handle made = driver.clCreateProgramWithIL(context, kernel.image, kernel.imageBytes, &status);
  if (!check(status, "kernels of " + std::to_string(kernel.imageBytes) + " bytes cannot be loaded"))
    return nullptr;
  // Divisions and square roots are those of the host, where the device can.
  status = driver.clBuildProgram(made, 1, &device, roundsDivision ? "-cl-fp32-correctly-rounded-divide-sqrt" : "", nullptr, nullptr);
  if (status != Success) {
    failCall("kernels cannot be built: " + describe(status) + " (" + name + ")" + getBuildLog(made));
    driver.clReleaseProgram(made);
    return nullptr;
  }
  return module = made;
}

Handle OpenCLDevice::getKernel(DeviceKernel &kernel) {
  Program &program = programs[kernel.program];
  Handle &found = program.kernels[&kernel];
  if (found)
    return found;
  Handle module = getModule(kernel, program);
  if (!module)
    return nullptr;
  int status = Success;
  Handle made = driver.clCreateKernel(module, kernel.name, &status);
  if (!check(status, "kernel `" + std::string(kernel.name) + "` cannot be found in its module"))
    return nullptr;
  return found = made;
}

void OpenCLDevice::launch(const void *address, const LaunchShape &shape, void **parameters, unsigned count) {
  auto &kernel = *static_cast<DeviceKernel *>(const_cast<void *>(address));
  std::lock_guard<std::recursive_mutex> lock(mutex);
  Handle loaded = getKernel(kernel);
  if (!loaded)
    return;
  int status = Success;
  for (unsigned i = 0; i < count && status == Success; ++i)
    status = kernel.parameters[i] == 'p' ? driver.clSetKernelArgSVMPointer(loaded, i, *static_cast<void **>(parameters[i]))
                                         : driver.clSetKernelArg(loaded, i, static_cast<size_t>(kernel.parameters[i] - '0'), parameters[i]);
  size_t global[3], local[3];
  for (unsigned i = 0; i < 3; ++i) {
    local[i] = shape.block[i];
    global[i] = size_t(shape.grid[i]) * shape.block[i];
  }
  if (status == Success)
    status = driver.clEnqueueNDRangeKernel(getQueue(), loaded, 3, nullptr, global, local, 0, nullptr, nullptr);
  check(status, "launch of kernel `" + std::string(kernel.name) + "` in groups of " + std::to_string(local[0] * local[1] * local[2]) +
                    " (the device has at most " + std::to_string(getNumber(driver, device, MaxGroupSize)) + ", and " +
                    std::to_string(getNumber(driver, device, LocalMemorySize)) + " bytes of local memory)");
}

} // namespace mlir::lowbit::opencl
