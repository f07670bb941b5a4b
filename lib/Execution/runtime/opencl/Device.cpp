//===- Device.cpp - one device with a driver for OpenCL --------------------===//
// Law: what the driver refuses is an error of the call, with what was asked for; work is done in the order in which it is put there.

#include "Driver.h"
#include "lowbit/Execution/OpenCLDevice.h"
#include <map>
#include <memory>
#include <mutex>
#include <vector>

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
constexpr uint64_t gpuType = 1 << 2, anyType = 0xFFFFFFFF, roundedDivision = 1 << 7;

/// What the device keeps for a compiled module.
struct Program {
  std::map<const void *, Handle> modules;
  std::map<const DeviceKernel *, Handle> kernels;
  std::map<const DeviceConstant *, void *> constants;
};

class OpenCLDevice final : public Device {
public:
  explicit OpenCLDevice(const Driver &driver) : driver(driver) {}
  bool open(Handle chosen, std::string &error);

  void launch(const void *kernel, const LaunchShape &shape, void **parameters, unsigned count) override;
  TensorMap *encodeTensorMap(const TensorMapShape &shape) override;
  void *getConstant(DeviceConstant &constant, const void *bytes, size_t size) override;
  void *allocate(size_t bytes) override;
  void deallocate(void *memory) override;
  void copyToDevice(void *target, const void *source, size_t bytes) override { copy(target, source, bytes); }
  void copyToHost(void *target, const void *source, size_t bytes) override { copy(target, source, bytes); }
  void synchronize() override { check(driver.clFinish(queue), "a kernel failed while it ran, of this call or one before it"); }
  void release(DeviceProgram &program) override;

private:
  bool check(int status, const std::string &what) const {
    if (status != Success)
      failCall(what + ": " + describe(status) + " (" + name + ")");
    return status == Success;
  }
  void copy(void *target, const void *source, size_t bytes);
  Program &getProgram(DeviceProgram &program);
  Handle getModule(const DeviceKernel &kernel, Program &program);
  Handle getKernel(DeviceKernel &kernel);
  std::string getBuildLog(Handle program) const;

  const Driver &driver;
  std::string name;
  Handle device = nullptr, context = nullptr, queue = nullptr;
  bool roundsDivision = false;
  std::recursive_mutex mutex; ///< A kernel's arguments are set one after the other.
};
} // namespace

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

/// What kernels of ours need that the device lacks; empty when it has all.
static std::string findLack(const Driver &driver, Handle device) {
  if (getText(driver, device, DeviceILVersion).find("SPIR-V_1.4") == std::string::npos)
    return "takes no kernels in SPIR-V 1.4";
  if (getText(driver, device, DeviceExtensions).find("cl_khr_integer_dot_product") == std::string::npos)
    return "has no products of packed bytes (cl_khr_integer_dot_product)";
  if (!(getNumber(driver, device, DeviceSVM) & 1))
    return "shares no addresses with the host (SVM)";
  return {};
}

bool OpenCLDevice::open(Handle chosen, std::string &error) {
  device = chosen;
  name = getText(driver, device, DeviceName);
  roundsDivision = getNumber(driver, device, FloatConfig) & roundedDivision;
  int status = Success;
  context = driver.clCreateContext(nullptr, 1, &device, nullptr, nullptr, &status);
  if (status == Success)
    queue = driver.clCreateCommandQueueWithProperties(context, device, nullptr, &status);
  if (status != Success)
    error = "the OpenCL device " + name + " cannot be used: " + describe(status) + "; check `clinfo`";
  return status == Success;
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
  driver.clFinish(queue);
  driver.clSVMFree(context, memory);
}

void OpenCLDevice::copy(void *target, const void *source, size_t bytes) {
  constexpr uint32_t blocking = 1;
  if (bytes)
    check(driver.clEnqueueSVMMemcpy(queue, blocking, target, source, bytes, 0, nullptr, nullptr),
          "copy of " + std::to_string(bytes) + " bytes");
}

void *OpenCLDevice::getConstant(DeviceConstant &constant, const void *bytes, size_t size) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  void *&memory = getProgram(*constant.program).constants[&constant];
  if (!memory && (memory = allocate(size)))
    copy(memory, bytes, size);
  return memory;
}

TensorMap *OpenCLDevice::encodeTensorMap(const TensorMapShape &) {
  failCall("kernels ask for tensor maps, which OpenCL does not have; compile for `spirv:opencl`");
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

Program &OpenCLDevice::getProgram(DeviceProgram &program) {
  if (!program.cache)
    program.cache = new Program();
  return *static_cast<Program *>(program.cache);
}

void OpenCLDevice::release(DeviceProgram &program) {
  std::lock_guard<std::recursive_mutex> lock(mutex);
  std::unique_ptr<Program> kept(static_cast<Program *>(program.cache));
  program.cache = nullptr;
  if (!kept)
    return;
  driver.clFinish(queue);
  for (auto [key, kernel] : kept->kernels)
    driver.clReleaseKernel(kernel);
  for (auto [key, module] : kept->modules)
    driver.clReleaseProgram(module);
  for (auto [key, memory] : kept->constants)
    driver.clSVMFree(context, memory);
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
  Program &program = getProgram(*kernel.program);
  Handle &found = program.kernels[&kernel];
  if (found)
    return found;
  Handle module = getModule(kernel, program);
  int status = Success;
  Handle made = module ? driver.clCreateKernel(module, kernel.name, &status) : nullptr;
  if (!made || !check(status, "kernel `" + std::string(kernel.name) + "` cannot be found in its module"))
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
    status = driver.clEnqueueNDRangeKernel(queue, loaded, 3, nullptr, global, local, 0, nullptr, nullptr);
  check(status, "launch of kernel `" + std::string(kernel.name) + "` in groups of " + std::to_string(local[0] * local[1] * local[2]) +
                    " (the device has at most " + std::to_string(getNumber(driver, device, MaxGroupSize)) + ", and " +
                    std::to_string(getNumber(driver, device, LocalMemorySize)) + " bytes of local memory)");
}

} // namespace mlir::lowbit::opencl

namespace mlir::lowbit {

/// The first device of this type that lacks nothing; `lacks` says what others lack.
static opencl::Handle findDevice(const opencl::Driver &driver, uint64_t type, std::string &lacks) {
  uint32_t platformCount = 0;
  driver.clGetPlatformIDs(0, nullptr, &platformCount);
  std::vector<opencl::Handle> platforms(platformCount);
  if (platformCount)
    driver.clGetPlatformIDs(platformCount, platforms.data(), nullptr);
  lacks.clear();
  for (opencl::Handle platform : platforms) {
    uint32_t count = 0;
    if (driver.clGetDeviceIDs(platform, type, 0, nullptr, &count) != opencl::Success || count == 0)
      continue;
    std::vector<opencl::Handle> devices(count);
    driver.clGetDeviceIDs(platform, type, count, devices.data(), nullptr);
    for (opencl::Handle device : devices) {
      std::string lack = opencl::findLack(driver, device);
      if (lack.empty())
        return device;
      lacks += (lacks.empty() ? "" : "; ") + opencl::getText(driver, device, opencl::DeviceName) + " " + lack;
    }
  }
  return nullptr;
}

Device *getOpenCLDevice(std::string &error) {
  static std::mutex mutex;
  static std::unique_ptr<opencl::OpenCLDevice> found;
  std::lock_guard<std::mutex> lock(mutex);
  if (found)
    return found.get();
  const opencl::Driver *driver = opencl::Driver::get(error);
  if (!driver)
    return nullptr;
  std::string lacks;
  opencl::Handle chosen = findDevice(*driver, opencl::gpuType, lacks);
  if (!chosen)
    chosen = findDevice(*driver, opencl::anyType, lacks);
  if (!chosen) {
    error = lacks.empty() ? "OpenCL finds no device; install the driver of one, and check `clinfo`" : "no device of OpenCL fits: " + lacks;
    return nullptr;
  }
  auto made = std::make_unique<opencl::OpenCLDevice>(*driver);
  if (!made->open(chosen, error))
    return nullptr;
  found = std::move(made);
  return found.get();
}

} // namespace mlir::lowbit
