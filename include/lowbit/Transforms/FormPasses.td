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

def UnfoldConvolutionsPass : Pass<"lowbit-unfold-convolutions"> {
  let summary = "Turn convolutions of floats into matmuls of their windows, channels last";
  let description = [{
    A convolution of floats becomes a matmul: a row is a place of the result, the reduction is the window with its channels. Before a model is
    differentiated: both gradients of it are matmuls, too, and the gradient of the image is that of the copy of the windows. For GPUs, which have
    kernels for products of f32. The image is transposed where its channels
    are not last, and so is the result; transpositions move behind what is elementwise, pads, pools or has one scale, until they meet
    the next one and cancel. Every product is the same; sums have another order.

    ```text
    %r = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<2x3x9x7xf32>, tensor<8x3x3x3xf32>) outs(%start : tensor<2x8x7x5xf32>)
    // ==>
    %t = linalg.transpose ins(%x : tensor<2x3x9x7xf32>) outs(%e : tensor<2x9x7x3xf32>) permutation = [0, 2, 3, 1]
    %windows = linalg.generic {indexing_maps = [affine_map<(n, h, w, i, j, c) -> (n, h + i, w + j, c)>, …]}
      ins(%t : tensor<2x9x7x3xf32>) outs(%f : tensor<2x7x5x3x3x3xf32>) { … linalg.yield %in : f32 }
    %a = tensor.collapse_shape %windows [[0, 1, 2], [3, 4, 5]] : tensor<2x7x5x3x3x3xf32> into tensor<70x27xf32>
    %m = linalg.matmul ins(%a, %b : tensor<70x27xf32>, tensor<27x8xf32>) …
    %r = linalg.transpose ins(%s : tensor<2x7x5x8xf32>) outs(%g : tensor<2x8x7x5xf32>) permutation = [0, 3, 1, 2]
    ```

    Left alone, with a remark that says why: channels with windows of their own (depthwise, groups), dynamic sizes, and what the options leave
    out.
  }];
  let options = [
    Option<"mostBytes", "most-bytes", "int64_t", "0", "The most bytes of a copy of windows; 0: any number">,
    Option<"kernels", "kernels", "bool", "false", "Only what kernels of GPUs multiply: f32 of which `lowbit.exact` does not fix the order">,
  ];
  let dependentDialects = ["LowbitDialect", "arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect"];
}

def UnfoldWindowsPass : Pass<"lowbit-unfold-windows"> {
  let summary = "Turn convolutions of codes into matmuls of their windows";
  let description = [{
    An integer contraction whose left codes are indexed by sums of loops, or that sums over several, becomes a matmul: a row is a place of the result, the
    reduction is the window with its channels, in the order of the right codes. Left codes are copied window by window, unless windows do not
    overlap and leave nothing out (1 by 1, stride 1), where a reshape will do; `lowbit-lower-contract` looks through copies it can do without.
    A constant right side stays a constant. Where few channels do not fill dot products, rows of windows become channels first, once for all rows of
    the result, and weights of zero fill them up. Groups of channels have a matmul each. Where each channel has a window of its own, only the loops that run
    once are left out: vectors lie along the channels. Sums are exact, so no bit changes.

    Left alone, with a remark that says why: convolutions with channels before the places in the result, or with scales of
    the left codes that are not one for all. For CPUs without vectors nothing is done.

    ```text
    %r = lowbit.contract [affine_map<(h, w, o, i, j, c) -> (h + i, w + j, c)>, affine_map<(h, w, o, i, j, c) -> (i, j, c, o)>,
                          affine_map<(h, w, o, i, j, c) -> (h, w, o)>] lhs(%x … : tensor<9x7x3xi8>) rhs(%w … : tensor<3x3x3x8xi8>) …
    // ==>
    %image = tensor.collapse_shape %x [[0], [1, 2]] : tensor<9x7x3xi8> into tensor<9x21xi8>
    %windows = linalg.generic {indexing_maps = [affine_map<(h, w, i, j) -> (h + i, w * 3 + j)>, affine_map<(h, w, i, j) -> (h, w, i, j)>], …}
      ins(%image : tensor<9x21xi8>) outs(%empty : tensor<7x5x3x9xi8>) { … linalg.yield %in : i8 } -> tensor<7x5x3x9xi8>
    %a = tensor.collapse_shape %windows [[0, 1], [2, 3]] : tensor<7x5x3x9xi8> into tensor<35x27xi8>
    %b = tensor.collapse_shape %w [[0, 1, 2], [3]] : tensor<3x3x3x8xi8> into tensor<27x8xi8>
    %m = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
      lhs(%a … : tensor<35x27xi8>) rhs(%b … : tensor<27x8xi8>) …
    %r = tensor.expand_shape %m [[0, 1], [2]] output_shape [7, 5, 8] : tensor<35x8xi32> into tensor<7x5x8xi32>
    ```

    And where %w is a constant, before that:

    ```text
    %wide = tensor.pad %image low[0, 0] high[0, 3] … : tensor<9x21xi8> to tensor<9x24xi8>
    %rows = linalg.generic {indexing_maps = [affine_map<(h, w, c) -> (h, w * 3 + c)>, affine_map<(h, w, c) -> (h, w, c)>], …}
      ins(%wide : tensor<9x24xi8>) outs(%empty : tensor<9x5x12xi8>) { … linalg.yield %in : i8 } -> tensor<9x5x12xi8>
    %r = lowbit.contract [affine_map<(h, w, o, i, c) -> (h + i, w, c)>, affine_map<(h, w, o, i, c) -> (i, c, o)>, …]
      lhs(%rows … : tensor<9x5x12xi8>) rhs(%filled … : tensor<3x12x8xi8>) …
    ```
  }];
  let options = [Option<"target", "target", "std::string", "\"\"", "Target to compile for; without it the module's `lowbit.target`.">];
  let dependentDialects = ["arith::ArithDialect", "linalg::LinalgDialect", "tensor::TensorDialect", "LowbitDialect"];
}

#endif // LOWBIT_TRANSFORMS_FORMPASSES_TD
