//===- MatmulKernel.cpp - arguments of a kernel, on both sides ------------===//

#include "lowbit/GPU/MatmulKernel.h"

namespace mlir::lowbit {

std::array<int64_t, 3> MatmulKernel::guessSizes() const {
  constexpr int64_t usual = 1024;
  return {rows ? rows : usual, columns ? columns : usual, depth ? depth : usual};
}

SmallVector<Type> MatmulArguments::getTypes(MLIRContext *context, const MatmulKernel &kernel) {
  SmallVector<Type> types(2 + kernel.operands.size() + kernel.results.size(), LLVM::LLVMPointerType::get(context, 1));
  types.append(5, IntegerType::get(context, 32));
  return types;
}

MatmulArguments MatmulArguments::get(ValueRange values, const MatmulKernel &kernel) {
  MatmulArguments arguments;
  auto take = [&] {
    Value value = values.front();
    values = values.drop_front();
    return value;
  };
  arguments.lhs = take();
  arguments.rhs = take();
  for (size_t i = 0; i < kernel.operands.size(); ++i)
    arguments.operands.push_back(take());
  for (size_t i = 0; i < kernel.results.size(); ++i)
    arguments.results.push_back(take());
  for (Value *value : {&arguments.rows, &arguments.columns, &arguments.depth, &arguments.lhsPitch, &arguments.rhsPitch})
    *value = take();
  return arguments;
}

SmallVector<Value> MatmulArguments::toValues() const {
  SmallVector<Value> values{lhs, rhs};
  llvm::append_range(values, operands);
  llvm::append_range(values, results);
  values.append({rows, columns, depth, lhsPitch, rhsPitch});
  return values;
}

} // namespace mlir::lowbit
