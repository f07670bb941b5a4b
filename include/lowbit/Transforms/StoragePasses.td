//===- StoragePasses.td - passes that change how constants are stored -----===//

#ifndef LOWBIT_TRANSFORMS_STORAGEPASSES_TD
#define LOWBIT_TRANSFORMS_STORAGEPASSES_TD

include "mlir/Pass/PassBase.td"

def PackConstantsPass : Pass<"lowbit-pack-constants"> {
  let summary = "Store constant codes of a few bits as packed bytes";
  let description = [{
    A constant of codes has a byte for each code, in memory and in a file, however few bits they have. Here it becomes a constant of bytes
    and `lowbit.unpack`, so that the model takes what its codes take. Rows that do not fill whole bytes are padded with zero codes,
    and cut to size again. No code changes, and whoever reads codes of constants (packing of weights, lookups in tables, reports) reads
    them through `lowbit.unpack`.

    ```text
    %w = arith.constant dense_resource<w> : tensor<384x1535xi4>
    // ==>
    %p = arith.constant dense_resource<w.packed> : tensor<384x768xi8>
    %u = lowbit.unpack %p : tensor<384x768xi8> -> tensor<384x1536xi4> of #lowbit.int<4> as #lowbit.row_major
    %w = tensor.extract_slice %u[0, 0] [384, 1535] [1, 1] : tensor<384x1536xi4> to tensor<384x1535xi4>
    ```

    Left as they are, with a remark when they are large: codes that would not share a byte (5 to 7 bits), and those of which no reader says
    the format. Constants of at most 64 codes stay where people read them.
  }];
  let dependentDialects = ["arith::ArithDialect", "tensor::TensorDialect", "LowbitDialect"];
}

#endif
