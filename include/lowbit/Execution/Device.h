//===- Device.h - what the host side of compiled kernels runs on ----------===//
//
// The host function of a module for GPUs calls the C functions below. They go to the device of the call that the thread is in: a GPU
// (CudaDevice) or its simulator. Addresses are the device's. No LLVM in here: a shared library that `lowbit compile` writes has all of it
// inside.
//
// The first error of a call sticks: what follows in it does nothing, and `CallScope::takeError` says what was wrong, what was expected and
// what to do.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_EXECUTION_DEVICE_H
#define LOWBIT_EXECUTION_DEVICE_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace mlir::lowbit {

/// Blocks in the grid, threads in a block, bytes of dynamic shared memory.
struct LaunchShape {
  uint32_t grid[3], block[3], sharedBytes;
};

/// A row-major matrix in device memory, or several of them, and the box of one that one copy takes. Elements outside read as zero.
struct TensorMapShape {
  uint64_t address;
  uint32_t elementBytes;
  uint64_t rows, columns, rowBytes;
  uint32_t boxRows, boxColumns, swizzleBytes;
  uint64_t batches, batchBytes; ///< batches 0: one matrix, and copies have no coordinate for it.
};

/// 128 bytes that a device fills.
struct alignas(64) TensorMap {
  unsigned char bytes[128];
};

// What compiled code has of these, with every `cache` null. A device keeps there what it made, so that a call looks nothing up.

/// One compiled module, which owns everything that a device made for it.
struct DeviceProgram {
  void *cache;
};

/// A kernel in a binary for GPUs. Where kernels run on the host they are whatever their compiler makes of them.
struct DeviceKernel {
  DeviceProgram *program;
  const void *image; ///< A cubin, or PTX with a zero at its end.
  uint64_t imageBytes;
  const char *architecture, *name;
  const char *parameters; ///< For each, `p` if it is an address, the number of its bytes, or `m` if it is a tensor map.
  uint64_t startsEarly; ///< Not 0: it waits itself for what was launched before it, and may begin earlier.
  void *cache;
};

/// A constant of the host's that kernels read.
struct DeviceConstant {
  DeviceProgram *program;
  void *cache;
};

/// A function that is called again and again.
struct DeviceEntry {
  DeviceProgram *program;
  const char *name;
  const char *const *arguments; ///< Names of arrays; null for numbers.
  void *cache;
};

enum class CallState { Run, Replayed, Failed };

/// May be used from several threads at once, each in a call of its own.
class Device {
public:
  virtual ~Device() = default;

  /// Puts a kernel on the stream of the call. `kernel` is the address of what the compiler made of it for this kind of device; `parameters`
  /// point at its arguments.
  virtual void launch(const void *kernel, const LaunchShape &shape, void **parameters, unsigned count) = 0;

  /// A tensor map that lives until the call ends.
  virtual TensorMap *encodeTensorMap(const TensorMapShape &shape) = 0;

  /// Where kernels find a constant, which is brought there once.
  virtual void *getConstant(DeviceConstant &constant, const void *bytes, size_t size) = 0;

  /// Memory at a multiple of 256; null after an error.
  virtual void *allocate(size_t bytes) = 0;
  virtual void deallocate(void *memory) = 0;

  /// Copies on the stream of the call.
  virtual void copyToDevice(void *target, const void *source, size_t bytes) = 0;
  virtual void copyToHost(void *target, const void *source, size_t bytes) = 0;

  /// Until everything on the stream of the call is done.
  virtual void synchronize() = 0;

  /// Before the body of `entry`, and after it. Equal `words` (addresses, numbers) mean the same launches: a device may record the body and
  /// replay it, and then it need not run.
  virtual CallState begin(DeviceEntry &entry, const uint64_t *words, unsigned count);
  virtual void end(DeviceEntry &entry);

  /// Gives back what was made for `program`, which nothing runs any more.
  virtual void release(DeviceProgram &program);

  /// The number that CUDA gives the GPU whose memory this has; -1 where it has other memory.
  virtual int getGPUNumber() const { return -1; }
};

/// What the thread does while this lives is done on `device` and `stream` (a CUstream; null for the default one). Calls may nest.
class CallScope {
public:
  explicit CallScope(Device &device, void *stream = nullptr);
  ~CallScope();
  CallScope(const CallScope &) = delete;
  CallScope &operator=(const CallScope &) = delete;

  /// The innermost one of this thread; null outside of all.
  static CallScope *getCurrent();

  Device &getDevice() const { return device; }
  void *getStream() const { return stream; }
  void setStream(void *other) { stream = other; }

  /// A tensor map that lives as long as this. Memory is used again by later calls.
  TensorMap *allocateMap();

  /// Keeps the first message.
  void fail(std::string message);
  bool hasFailed() const { return failed; }
  /// The message, empty when there is none; the scope is then without.
  std::string takeError();

private:
  Device &device;
  void *stream;
  CallScope *outer;
  size_t firstMap;
  bool failed = false;
  std::string error;
};

/// Reports to the call that the thread is in.
void failCall(std::string message);

} // namespace mlir::lowbit

extern "C" {
/// Returns 0, or 1 when this or something before it in the call failed.
int32_t lowbit_gpu_launch(const void *kernel, int32_t gridX, int32_t gridY, int32_t gridZ, int32_t blockX, int32_t blockY, int32_t blockZ,
                          int32_t sharedBytes, void **parameters, int32_t count);
/// Device::encodeTensorMap.
void *lowbit_gpu_tensor_map(int64_t address, int32_t elementBytes, int64_t rows, int64_t columns, int64_t rowBytes, int32_t boxRows,
                            int32_t boxColumns, int32_t swizzleBytes, int64_t batches, int64_t batchBytes);
/// Device::getConstant.
void *lowbit_gpu_constant(mlir::lowbit::DeviceConstant *constant, const void *bytes, int64_t size);
}

#endif // LOWBIT_EXECUTION_DEVICE_H
