//===- KernelModule.h - the module of all kernels, and their launches -----===//
#ifndef LOWBIT_LIB_GPU_KERNELMODULE_H
#define LOWBIT_LIB_GPU_KERNELMODULE_H

#include "lowbit/GPU/KernelBuilder.h"
#include "llvm/ADT/StringSet.h"
#include <map>

namespace mlir::lowbit {

/// The one `gpu.module` of a program. Kernels that are the same are one.
class KernelModule {
public:
  explicit KernelModule(ModuleOp program);

  /// A type and attributes of an argument.
  using Argument = std::pair<Type, DictionaryAttr>;
  /// The kernel whose code `text` determines; where there is none, `emit` fills the body of a new one, before its gpu.return. It takes
  /// `types` and behind them `extra`.
  gpu::GPUFuncOp get(const std::string &text, const Twine &name, Location loc, TypeRange types, ArrayRef<Argument> extra, unsigned threads,
                     function_ref<void(KernelBuilder &, gpu::GPUFuncOp)> emit);

private:
  /// `name`, or the first of `name_1`, `name_2` … that is free: a search by the module's symbols would take ever longer.
  std::string makeName(std::string name);

  ModuleOp program;
  gpu::GPUModuleOp kernels;
  std::map<std::string, gpu::GPUFuncOp> known;
  llvm::StringSet<> names;
  llvm::StringMap<unsigned> copies;
};

/// `block` as text in which values are numbered from the first, so that equal code has equal text. Constants from outside are written out,
/// other values from outside numbered on.
void describe(Block &block, llvm::raw_ostream &stream);

/// The values from outside, constants apart, that regions use.
SmallVector<Value> getCapturedValues(MutableArrayRef<Region> regions);

/// Launches `kernel` in `x` times `y` blocks (index) of the threads that it is for. sharedBytes: of dynamic shared memory.
/// `op`: what the kernel computes; the launch is for it, and says what it reads and writes (lowbit/GPU/Traffic.h).
void buildLaunch(KernelBuilder &b, Operation *op, gpu::GPUFuncOp kernel, Value x, Value y, unsigned sharedBytes, ValueRange values);

/// The address of a buffer's first element on the host's side, `!llvm.ptr<1>`.
Value getBufferPointer(KernelBuilder &b, Value buffer);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_GPU_KERNELMODULE_H
