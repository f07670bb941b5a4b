//===- FormPasses.td - passes that bring ops into a form that later ones take -===//

#ifndef LOWBIT_TRANSFORMS_FORMPASSES_TD
#define LOWBIT_TRANSFORMS_FORMPASSES_TD

include "mlir/Pass/PassBase.td"

def TrimWindowsPass : Pass<"lowbit-trim-windows"> {
  let summary = "What windows slide over ends where the last of them ends";
  let description = [{
    Where a window takes a single step along an axis, upstream's `linalg-fold-unit-extent-dims` drops the step, and then the loop over the
    window must be as long as the operand. An operand that is longer (strides that leave a rest, pads for a ceiling) is sliced to what is read.

    ```text
    // windows of 3, one step: axis 2 of %x is read up to its third element
    linalg.generic {indexing_maps = [(b, s, k) -> (b, s * 3 + k), …]} ins(%x : tensor<2x4xf32>) outs(%y : tensor<2x1xf32>)
    // ==>
    %0 = tensor.extract_slice %x[0, 0] [2, 3] [1, 1] : tensor<2x4xf32> to tensor<2x3xf32>
    linalg.generic {…} ins(%0 : tensor<2x3xf32>) outs(%y : tensor<2x1xf32>)
    ```
  }];
  let dependentDialects = ["linalg::LinalgDialect", "tensor::TensorDialect"];
}

def DefineDivisionsPass : Pass<"lowbit-define-divisions"> {
  let summary = "Integer divisions have a result for every divisor, the same on all targets";
  let description = [{
    `arith` leaves division by zero and of the smallest integer by -1 undefined, and machines disagree: one stops the process, others give zero, or
    all ones. Here a quotient by zero is 0 and a remainder by zero is 0, as in NumPy; the smallest integer divided by -1 is itself, as
    integers wrap, with remainder 0. Where a divisor may be one of these it becomes 1 first, and a quotient by zero is replaced. A divisor that
    is constant and none of these stays as it is, also one that a linalg op reads from a constant. Quotients that are rounded down or up are
    defined the same way. Named linalg ops that divide become generic.

    ```mlir
    func.func @f(%x: i32, %y: i32) -> i32 {
      %0 = arith.divui %x, %y : i32
      return %0 : i32
    }
    // ==>
    func.func @f(%x: i32, %y: i32) -> i32 {
      %zero = arith.constant 0 : i32
      %one = arith.constant 1 : i32
      %isZero = arith.cmpi eq, %y, %zero : i32
      %divisor = arith.select %isZero, %one, %y : i32
      %0 = arith.divui %x, %divisor : i32
      %1 = arith.select %isZero, %zero, %0 : i32
      return %1 : i32
    }
    ```
  }];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect"];
}

#endif // LOWBIT_TRANSFORMS_FORMPASSES_TD
