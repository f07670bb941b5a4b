//===- Bufferize.cpp - products on buffers ---------------------------------===//

#include "lowbit/GPU/Register.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::lowbit {

namespace {
/// Operands are read, and the result is written where `init` is, whose contents are not.
template <typename OpT> struct BufferizeProduct final : bufferization::DstBufferizableOpInterfaceExternalModel<BufferizeProduct<OpT>, OpT> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const bufferization::AnalysisState &) const {
    return !cast<OpT>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const {
    IRMapping mapping;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> buffer = bufferization::getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      mapping.map(operand, *buffer);
    }
    rewriter.setInsertionPoint(op);
    OperationState onBuffers(op->getLoc(), op->getName());
    for (Value operand : op->getOperands())
      onBuffers.operands.push_back(mapping.lookup(operand));
    onBuffers.propertiesAttr = op->getPropertiesAsAttribute();
    onBuffers.addAttributes(llvm::to_vector(op->getDiscardableAttrs()));
    onBuffers.addRegion()->takeBody(op->getRegion(0));
    rewriter.create(onBuffers);
    Value init = mapping.lookup(cast<OpT>(op).getInit());
    bufferization::replaceOpWithBufferizedValues(rewriter, op, init);
    return success();
  }
};
} // namespace

void registerMatmulBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LowbitDialect *) {
    MatmulOp::attachInterface<BufferizeProduct<MatmulOp>>(*context);
    GroupedMatmulOp::attachInterface<BufferizeProduct<GroupedMatmulOp>>(*context);
  });
}

} // namespace mlir::lowbit
