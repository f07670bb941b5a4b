//===- DeviceArchive.cpp - the run time of GPUs, to link into libraries ----===//
// Law: a library that is written has the run time of the compiler that wrote it, wherever that is installed.

#include "DeviceArchive.h"

__asm__(".section .rodata\n"
        ".hidden lowbit_device_archive\n"
        ".hidden lowbit_device_archive_end\n"
        ".globl lowbit_device_archive\n"
        ".globl lowbit_device_archive_end\n"
        "lowbit_device_archive:\n"
        ".incbin \"" LOWBIT_DEVICE_ARCHIVE "\"\n"
        "lowbit_device_archive_end:\n"
        ".text\n");

extern "C" const char lowbit_device_archive[], lowbit_device_archive_end[];

namespace mlir::lowbit {

llvm::StringRef getDeviceArchive() {
  return {lowbit_device_archive, static_cast<size_t>(lowbit_device_archive_end - lowbit_device_archive)};
}

} // namespace mlir::lowbit
