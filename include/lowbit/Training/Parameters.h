//===- Parameters.h - what training changes -------------------------------===//
//
// A parameter is an argument with `lowbit.parameter` (what it is to the model) and `lowbit.name`.
//
//===----------------------------------------------------------------------===//
#ifndef LOWBIT_TRAINING_PARAMETERS_H
#define LOWBIT_TRAINING_PARAMETERS_H

#include "lowbit/Transforms/Sites.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::lowbit {

constexpr StringLiteral kParameterAttr = "lowbit.parameter";
/// Values of `kParameterAttr`.
constexpr StringLiteral kWeight = "weight", kScale = "scale", kOther = "other";

/// Names of gradients and of an optimizer's states.
std::string getGradientName(StringRef parameter);
std::string getStateName(unsigned state, StringRef parameter);

/// What an argument or result is called; as the calling convention names it where it has no name.
std::string getPortName(func::FuncOp function, unsigned index);

/// One more result of `function`, whose body is one block, of that name; with `updates`, the argument of the name changes to it.
LogicalResult appendResult(func::FuncOp function, Value value, StringRef name, bool updates = false);

/// The function `name` of `module`, with a body of one block; null after an error.
func::FuncOp findFunction(ModuleOp module, StringRef name);

/// A private copy of `function` under a name that is free; null after an error. Its body is to be changed.
func::FuncOp cloneAs(func::FuncOp function, StringRef name);

} // namespace mlir::lowbit

#endif // LOWBIT_TRAINING_PARAMETERS_H
