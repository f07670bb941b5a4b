//===- SPIRVLabels.h - blocks of SPIR-V have names of their own -----------===//
//
// LLVM 22 at times gives two blocks one name, depending on where they lie in memory: a module is then invalid. Blocks are named within
// their function alone, so that each function's can be renamed; where two are of one function, the module has to be written again.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_LIB_CONVERSION_SPIRVLABELS_H
#define LOWBIT_LIB_CONVERSION_SPIRVLABELS_H

#include <string>

namespace mlir::lowbit {

/// Numbers the labels of a binary module on from its bound. False where two of a function have one name.
bool renumberLabels(std::string &binary);

/// The same in assembly, on from the largest number that is none.
bool renumberTextLabels(std::string &assembly);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_CONVERSION_SPIRVLABELS_H
