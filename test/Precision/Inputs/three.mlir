// Three linears in a row, `a`, `b` and `c`, whose weights have 64 elements each.
module {
  func.func @main(%x: tensor<4x8xf32> {lowbit.name = "x"}) -> (tensor<4x8xf32> {lowbit.name = "y"}) {
    %zero = arith.constant 0.0 : f32
    %wa = arith.constant dense<0.5> : tensor<8x8xf32>
    %wb = arith.constant dense<0.25> : tensor<8x8xf32>
    %wc = arith.constant dense<2.0> : tensor<8x8xf32>
    %e = tensor.empty() : tensor<4x8xf32>
    %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
    %a = linalg.matmul ins(%x, %wa : tensor<4x8xf32>, tensor<8x8xf32>) outs(%init : tensor<4x8xf32>) -> tensor<4x8xf32> loc("a")
    %b = linalg.matmul ins(%a, %wb : tensor<4x8xf32>, tensor<8x8xf32>) outs(%init : tensor<4x8xf32>) -> tensor<4x8xf32> loc("b")
    %c = linalg.matmul ins(%b, %wc : tensor<4x8xf32>, tensor<8x8xf32>) outs(%init : tensor<4x8xf32>) -> tensor<4x8xf32> loc("c")
    return %c : tensor<4x8xf32>
  }
}
