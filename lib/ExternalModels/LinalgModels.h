//===- LinalgModels.h - what the models of linalg ops share ---------------===//
#ifndef LOWBIT_LIB_EXTERNALMODELS_LINALGMODELS_H
#define LOWBIT_LIB_EXTERNALMODELS_LINALGMODELS_H

#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace mlir::lowbit {

/// Whether `value` is a constant, or what codes of one stand for.
bool isConstantTensor(Value value);

/// Sums of products: matmul, batch matmul, convolution, and generics of that form.
SmallVector<QuantizableOperand> getContractionOperands(linalg::LinalgOp op, std::string &reason);
FailureOr<Value> buildQuantizedContraction(linalg::LinalgOp op, RewriterBase &rewriter, ArrayRef<DequantizeOp> operands);
StringRef getContractionKind(linalg::LinalgOp op);

/// The `tensor.extract` whose element `op` yields, when `op` looks rows of a constant table up; null otherwise.
tensor::ExtractOp getTableLookup(linalg::GenericOp op);
SmallVector<QuantizableOperand> getTableOperands(linalg::GenericOp op, std::string &reason);
FailureOr<Value> buildQuantizedLookup(linalg::GenericOp op, RewriterBase &rewriter, DequantizeOp table);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_EXTERNALMODELS_LINALGMODELS_H
