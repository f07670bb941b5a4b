//===- GPUArchitecture.cpp - what each generation of GPUs can do ----------===//
// Sources: CUDA C++ Programming Guide, table of technical specifications per compute capability; PTX ISA, target notes of the instructions;
// AMD Instinct MI200 and MI300 instruction set architecture, matrix arithmetic; OpenCL 3.0, minimum values of device queries.

#include "lowbit/Targets/GPUArchitecture.h"
#include "llvm/TargetParser/Host.h"

namespace mlir::lowbit {

static GPUArchitecture makeTuring() {
  GPUArchitecture gpu{"sm_75", "+ptx65", 64 << 10, 64 << 10, 72};
  gpu.hasByteDot = gpu.hasSmallByteMma = true;
  return gpu;
}

static GPUArchitecture makeAmpere() {
  GPUArchitecture gpu{"sm_80", "+ptx71", 163 << 10, 164 << 10, 108};
  gpu.hasByteDot = gpu.hasSmallByteMma = gpu.hasByteMma = gpu.hasBinaryMma = gpu.hasAsyncCopy = true;
  return gpu;
}

static GPUArchitecture makeAda() {
  // PTX 8.4 has mma.sync of 8-bit floats.
  GPUArchitecture gpu{"sm_89", "+ptx84", 99 << 10, 100 << 10, 142};
  gpu.hasByteDot = gpu.hasSmallByteMma = gpu.hasByteMma = gpu.hasBinaryMma = gpu.hasFloat8Mma = gpu.hasAsyncCopy = true;
  return gpu;
}

static GPUArchitecture makeHopper() {
  // PTX 8.4 has wgmma of signed with unsigned bytes.
  GPUArchitecture gpu{"sm_90a", "+ptx84", 227 << 10, 228 << 10, 132};
  gpu.hasByteDot = gpu.hasSmallByteMma = gpu.hasByteMma = gpu.hasBinaryMma = gpu.hasFloat8Mma = gpu.hasAsyncCopy = true;
  gpu.hasBulkCopy = gpu.hasWarpgroupMma = true;
  return gpu;
}

/// Bits are multiplied with integer instructions there, eight for each product of fragments.
static GPUArchitecture makeBlackwell() {
  GPUArchitecture gpu{"sm_100", "+ptx86", 227 << 10, 228 << 10, 148};
  gpu.hasByteDot = gpu.hasSmallByteMma = gpu.hasByteMma = gpu.hasFloat8Mma = gpu.hasAsyncCopy = gpu.hasBulkCopy = true;
  return gpu;
}

static GPUArchitecture makeBlackwellA() {
  GPUArchitecture gpu = makeBlackwell();
  gpu.chip = "sm_100a";
  gpu.hasTensorMemoryMma = true;
  return gpu;
}

static GPUArchitecture makeCDNA2() {
  GPUArchitecture gpu{"gfx90a", "", 64 << 10, 64 << 10, 104};
  gpu.code = KernelCode::AMDGCN;
  gpu.warpThreads = 64;
  gpu.hasByteDot = true;
  gpu.mfmaDepth = 16;
  return gpu;
}

static GPUArchitecture makeCDNA3() {
  GPUArchitecture gpu = makeCDNA2();
  gpu.chip = "gfx942";
  gpu.multiprocessors = 304;
  gpu.mfmaDepth = 32;
  return gpu;
}

/// Any device that takes SPIR-V 1.4 kernels: what every one has. The number of multiprocessors is a guess.
static GPUArchitecture makeOpenCL() {
  GPUArchitecture gpu{"opencl", "", 32 << 10, 64 << 10, 32};
  gpu.code = KernelCode::SPIRV;
  gpu.hasShuffle = gpu.hasBFloat16 = false;
  gpu.hasByteDot = true;
  return gpu;
}

KernelFiles getKernelFiles(KernelCode code) {
  switch (code) {
  case KernelCode::PTX:
    return {".ptx", ".cubin", "ptxas", /*hasLibraries=*/true};
  case KernelCode::AMDGCN:
    return {".s", ".hsaco", "ld.lld", /*hasLibraries=*/false};
  case KernelCode::SPIRV:
    return {".spvasm", ".spv", "", /*hasLibraries=*/true};
  }
  llvm_unreachable("all cases are above");
}

llvm::ArrayRef<GPUArchitecture> getGPUArchitectures() {
  static const GPUArchitecture all[] = {makeTuring(),     makeAmpere(), makeAda(),   makeHopper(), makeBlackwell(),
                                        makeBlackwellA(), makeCDNA2(),  makeCDNA3(), makeOpenCL()};
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
