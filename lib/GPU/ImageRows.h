//===- ImageRows.h - rows of a product that are windows of an image -------===//
#ifndef LOWBIT_LIB_GPU_IMAGEROWS_H
#define LOWBIT_LIB_GPU_IMAGEROWS_H

#include "lowbit/GPU/MatmulKernel.h"
#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

/// Where the windows of an image of bytes lie, which is packed.
ImageRows findImageRows(WindowsAttr windows, MemRefType image);

/// Bytes (i64) from the begin of the image to the window `row` (i32).
Value buildRowOffset(KernelBuilder &b, const ImageRows &image, Value row);

/// Bytes (i32) from the begin of a window to the one at `column` (i32, bytes of the reduction).
Value buildColumnOffset(KernelBuilder &b, const ImageRows &image, Value column);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_IMAGEROWS_H
