//===- GPUArchitecture.cpp - what each generation of GPUs can do ----------===//
// Sources: CUDA C++ Programming Guide, table of technical specifications per compute capability; PTX ISA, target notes of the instructions.

#include "lowbit/Targets/GPUArchitecture.h"
#include "llvm/TargetParser/Host.h"

namespace mlir::lowbit {

static GPUArchitecture makeTuring() {
  GPUArchitecture gpu{"sm_75", "+ptx63", 64 << 10, 64 << 10, 72};
  gpu.hasSmallByteMma = true;
  return gpu;
}

static GPUArchitecture makeAmpere() {
  GPUArchitecture gpu{"sm_80", "+ptx70", 163 << 10, 164 << 10, 108};
  gpu.hasSmallByteMma = gpu.hasByteMma = gpu.hasBinaryMma = gpu.hasAsyncCopy = true;
  return gpu;
}

static GPUArchitecture makeAda() {
  GPUArchitecture gpu{"sm_89", "+ptx81", 99 << 10, 100 << 10, 142};
  gpu.hasSmallByteMma = gpu.hasByteMma = gpu.hasBinaryMma = gpu.hasAsyncCopy = true;
  return gpu;
}

static GPUArchitecture makeHopper() {
  // PTX 8.4 has wgmma of signed with unsigned bytes.
  GPUArchitecture gpu{"sm_90a", "+ptx84", 227 << 10, 228 << 10, 132};
  gpu.hasSmallByteMma = gpu.hasByteMma = gpu.hasBinaryMma = gpu.hasAsyncCopy = true;
  gpu.hasBulkCopy = gpu.hasWarpgroupMma = true;
  return gpu;
}

/// Bits are multiplied with integer instructions there, eight for each product of fragments.
static GPUArchitecture makeBlackwell() {
  GPUArchitecture gpu{"sm_100", "+ptx86", 227 << 10, 228 << 10, 148};
  gpu.hasSmallByteMma = gpu.hasByteMma = gpu.hasAsyncCopy = gpu.hasBulkCopy = true;
  return gpu;
}

static GPUArchitecture makeBlackwellA() {
  GPUArchitecture gpu = makeBlackwell();
  gpu.chip = "sm_100a";
  gpu.hasTensorMemoryMma = true;
  return gpu;
}

llvm::ArrayRef<GPUArchitecture> getGPUArchitectures() {
  static const GPUArchitecture all[] = {makeTuring(), makeAmpere(), makeAda(), makeHopper(), makeBlackwell(), makeBlackwellA()};
  return all;
}

const GPUArchitecture *findGPUArchitecture(llvm::StringRef chip) {
  for (const GPUArchitecture &gpu : getGPUArchitectures())
    if (gpu.chip == chip)
      return &gpu;
  return nullptr;
}

llvm::StringRef getHostTriple() {
  static const std::string triple = llvm::sys::getDefaultTargetTriple();
  return triple;
}

} // namespace mlir::lowbit
