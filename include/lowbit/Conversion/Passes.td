//===- Passes.td - passes into and out of the dialect ---------------------===//

#ifndef LOWBIT_CONVERSION_PASSES_TD
#define LOWBIT_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerReferencePass : Pass<"lowbit-lower-reference"> {
  let summary = "Lower every lowbit op to upstream dialects: the meaning of the dialect";
  let description = [{
    Each op becomes `linalg.generic`, `arith` and `math` that compute what its document says, element by element and without regard
    to speed. Every fast path is compared with it bit for bit. Tensors of `!lowbit.code` become tensors of i8.

    ```text
    %x = lowbit.dequantize %c, %s <#lowbit.int<8>> : (tensor<4xi8>, tensor<f32>) -> tensor<4xf32>
    // ==>
    %x = linalg.generic … ins(%c, %s : tensor<4xi8>, tensor<f32>) outs(%e : tensor<4xf32>) {
    ^bb0(%code: i8, %scale: f32, %out: f32):
      %0 = arith.extsi %code : i8 to i32
      %1 = arith.sitofp %0 : i32 to f32
      %2 = arith.mulf %1, %scale : f32
      linalg.yield %2 : f32
    } -> tensor<4xf32>
    ```
  }];
  let dependentDialects = ["affine::AffineDialect", "arith::ArithDialect", "linalg::LinalgDialect", "math::MathDialect", "tensor::TensorDialect"];
}

#endif
