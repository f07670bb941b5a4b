//===- OpInterfaces.td - how foreign ops join quantization ----------------===//

#ifndef LOWBIT_OPINTERFACES_TD
#define LOWBIT_OPINTERFACES_TD

include "mlir/IR/OpBase.td"

def QuantizableOpInterface : OpInterface<"QuantizableOpInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    An op whose operands may be replaced by codes: a contraction, a convolution, a table lookup.
    Implemented by external models (lib/ExternalModels), one foreign dialect a file.
  }];
  let methods = [
    InterfaceMethod<[{
      The operands that may become codes, each with its role and the axes that matter to a scheme; empty when this
      particular op cannot be quantized. `reason` then says why, and stays empty where nobody would expect quantization.
    }], "::llvm::SmallVector<::mlir::lowbit::QuantizableOperand>", "getQuantizableOperands", (ins "std::string &":$reason)>,
    InterfaceMethod<[{
      Builds this op over codes. `operands` holds, for each quantizable operand, its `dequantize` or null where it stays
      float. Returns the value that replaces the result, or failure when the schemes do not fit together.
    }], "::llvm::FailureOr<::mlir::Value>", "buildQuantized",
      (ins "::mlir::RewriterBase &":$rewriter, "::llvm::ArrayRef<::mlir::lowbit::DequantizeOp>":$operands)>,
    InterfaceMethod<[{
      What rules of a recipe call this op: `linear`, `conv`, `embedding` or `attention` (a product of two activations).
    }], "::llvm::StringRef", "getSiteKind">,
  ];
}

def ScaleTransparentOpInterface : OpInterface<"ScaleTransparentOpInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    An op that only moves elements, so that `op(dequantize(c, s)) == dequantize(op(c), op'(s))`.
  }];
  let methods = [
    InterfaceMethod<"The operand whose elements are moved.", "::mlir::OpOperand &", "getMovedOperand">,
    InterfaceMethod<[{
      Builds the moved codes, scales and zero points; failure when the op mixes elements of different scale blocks.
    }], "::llvm::FailureOr<::mlir::Value>", "buildMoved",
      (ins "::mlir::RewriterBase &":$rewriter, "::mlir::lowbit::DequantizeOp":$dequantize)>,
  ];
}

def FixedRangeOpInterface : OpInterface<"FixedRangeOpInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = "An op whose result lies in a range known without data, such as softmax in [0, 1].";
  let methods = [
    InterfaceMethod<"The smallest and largest real of the result, if known.", "std::optional<std::pair<double, double>>", "getFixedRange">,
  ];
}

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::mlir::lowbit";
  let description = [{
    An op with a derivative, in a function body or in the body of another op. Implemented by external models (lib/Training), one dialect a
    file.
  }];
  let methods = [
    InterfaceMethod<[{
      Adds to the cotangent of each active operand what the cotangents of the results give it. Called when at least one result has a
      cotangent, with the builder behind everything that computes them. Failure after an error that says why there is no derivative.
    }], "::llvm::LogicalResult", "buildGradients", (ins "::mlir::OpBuilder &":$builder, "::mlir::lowbit::Gradients &":$gradients)>,
  ];
}

#endif
