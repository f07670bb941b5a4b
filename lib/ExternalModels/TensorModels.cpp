//===- TensorModels.cpp - tensor ops that only move elements --------------===//

#include "lowbit/ExternalModels/Register.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

void registerTensorModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *, tensor::TensorDialect *) {});
}

} // namespace mlir::lowbit
