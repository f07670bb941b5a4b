//===- Queues.cpp - which device of OpenCL a call goes to ------------------===//
// Law: a device is used in one context: its own, or that of the queue which a call of a library brings.

#include "../EntryCalls.h"
#include "Device.h"
#include "lowbit/Execution/OpenCLDevice.h"
#include <memory>
#include <vector>

namespace mlir::lowbit::opencl {

static constexpr uint64_t gpuType = 1 << 2, anyType = 0xFFFFFFFF;

/// The first device of this type that lacks nothing; `lacks` says what others lack.
static Handle findDevice(const Driver &driver, uint64_t type, std::string &lacks) {
  uint32_t platformCount = 0;
  driver.clGetPlatformIDs(0, nullptr, &platformCount);
  std::vector<Handle> platforms(platformCount);
  if (platformCount)
    driver.clGetPlatformIDs(platformCount, platforms.data(), nullptr);
  lacks.clear();
  for (Handle platform : platforms) {
    uint32_t count = 0;
    if (driver.clGetDeviceIDs(platform, type, 0, nullptr, &count) != Success || count == 0)
      continue;
    std::vector<Handle> devices(count);
    driver.clGetDeviceIDs(platform, type, count, devices.data(), nullptr);
    for (Handle device : devices) {
      std::string lack = findLack(driver, device);
      if (lack.empty())
        return device;
      lacks += (lacks.empty() ? "" : "; ") + getName(driver, device) + " " + lack;
    }
  }
  return nullptr;
}

/// Devices of queues that callers brought.
static std::vector<std::unique_ptr<OpenCLDevice>> &getShared() {
  static std::vector<std::unique_ptr<OpenCLDevice>> devices;
  return devices;
}

static std::mutex &getSharedMutex() {
  static std::mutex mutex;
  return mutex;
}

/// The device of `queue`, which puts work in order, or null and why not.
static OpenCLDevice *findOfQueue(const Driver &driver, Handle queue, std::string &error) {
  // Of cl_command_queue_info, and a bit of cl_command_queue_properties.
  constexpr uint32_t queueContext = 0x1090, queueDevice = 0x1091, queueProperties = 0x1093;
  constexpr uint64_t outOfOrder = 1;
  if (!queue) {
    error = "no queue is given; expected a cl_command_queue, in whose context arrays are (clSVMAlloc)";
    return nullptr;
  }
  Handle context = nullptr, device = nullptr;
  uint64_t properties = 0;
  int status = driver.clGetCommandQueueInfo(queue, queueContext, sizeof(context), &context, nullptr);
  if (status == Success)
    status = driver.clGetCommandQueueInfo(queue, queueDevice, sizeof(device), &device, nullptr);
  if (status == Success)
    status = driver.clGetCommandQueueInfo(queue, queueProperties, sizeof(properties), &properties, nullptr);
  if (status != Success)
    error = "the queue cannot be used: " + describe(status) + "; expected a cl_command_queue";
  else if (properties & outOfOrder)
    error = "the queue does work in any order; expected one without CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE";
  if (!error.empty())
    return nullptr;
  std::lock_guard<std::mutex> lock(getSharedMutex());
  for (auto &known : getShared())
    if (known->isOf(context, device))
      return known.get();
  if (std::string lack = findLack(driver, device); !lack.empty()) {
    error = "the queue's device does not fit: " + getName(driver, device) + " " + lack;
    return nullptr;
  }
  getShared().push_back(std::make_unique<OpenCLDevice>(driver));
  getShared().back()->share(device, context);
  return getShared().back().get();
}

} // namespace mlir::lowbit::opencl

namespace mlir::lowbit {

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
  opencl::Handle chosen = opencl::findDevice(*driver, opencl::gpuType, lacks);
  if (!chosen)
    chosen = opencl::findDevice(*driver, opencl::anyType, lacks);
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

int32_t lowbit_gpu_enter_opencl(mlir::lowbit::DeviceEntry *entry, const uint64_t *words, int32_t count, void *queue) {
  using namespace mlir::lowbit;
  std::string error;
  const opencl::Driver *driver = opencl::Driver::get(error);
  Device *device = driver ? opencl::findOfQueue(*driver, queue, error) : nullptr;
  return enterCall(device, std::move(error), *entry, words, count, queue);
}

void lowbit_gpu_release_opencl(mlir::lowbit::DeviceProgram *program) {
  using namespace mlir::lowbit;
  std::lock_guard<std::mutex> lock(opencl::getSharedMutex());
  for (auto &device : opencl::getShared()) {
    CallScope scope(*device);
    device->release(*program);
    device->close();
  }
  opencl::getShared().clear();
}
