//===- Compiled.h - a kernel as code in this process ----------------------===//
#ifndef LOWBIT_UNITTESTS_COMPILED_H
#define LOWBIT_UNITTESTS_COMPILED_H

#include "lowbit/Execution/Sim/Machine.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::lowbit::unittest {

class Compiled {
public:
  /// Lowers the module, which is lost, and compiles its kernel `name` of `@container`.
  static FailureOr<Compiled> compile(ModuleOp module, StringRef container, StringRef name, unsigned optimizationLevel);
  const sim::Kernel &getKernel() const { return *kernel; }

private:
  std::unique_ptr<ExecutionEngine> engine;
  const sim::Kernel *kernel = nullptr;
};

} // namespace mlir::lowbit::unittest

#endif // LOWBIT_UNITTESTS_COMPILED_H
