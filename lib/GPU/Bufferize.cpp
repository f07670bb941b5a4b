//===- Bufferize.cpp - lowbit.matmul on buffers ---------------------------===//

#include "lowbit/GPU/Register.h"
#include "lowbit/IR/Lowbit.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"

namespace mlir::lowbit {

namespace {
/// Operands are read, and the result is written where `init` is, whose contents are not.
struct BufferizeMatmul final : bufferization::DstBufferizableOpInterfaceExternalModel<BufferizeMatmul, MatmulOp> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand, const bufferization::AnalysisState &) const {
    return !cast<MatmulOp>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter, const bufferization::BufferizationOptions &options,
                          bufferization::BufferizationState &state) const {
    auto matmul = cast<MatmulOp>(op);
    auto getBuffer = [&](Value tensor) { return bufferization::getBuffer(rewriter, tensor, options, state); };
    FailureOr<Value> lhs = getBuffer(matmul.getLhs()), rhs = getBuffer(matmul.getRhs()), init = getBuffer(matmul.getInit());
    if (failed(lhs) || failed(rhs) || failed(init))
      return failure();
    SmallVector<Value> operands;
    for (Value operand : matmul.getEpilogueOperands()) {
      FailureOr<Value> buffer = getBuffer(operand);
      if (failed(buffer))
        return failure();
      operands.push_back(*buffer);
    }
    rewriter.setInsertionPoint(op);
    auto onBuffers = MatmulOp::create(rewriter, op->getLoc(), TypeRange(), *lhs, *rhs, *init, operands, matmul.getLhsUnsigned(),
                                      matmul.getRhsUnsigned(), matmul.getBits());
    onBuffers->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.inlineRegionBefore(matmul.getEpilogue(), onBuffers.getEpilogue(), onBuffers.getEpilogue().end());
    bufferization::replaceOpWithBufferizedValues(rewriter, op, *init);
    return success();
  }
};
} // namespace

void registerMatmulBufferization(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, LowbitDialect *) { MatmulOp::attachInterface<BufferizeMatmul>(*context); });
}

} // namespace mlir::lowbit
