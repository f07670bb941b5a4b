// Codes that leave a contraction's epilogue, against the reference, which quantizes the reals afterwards: bit for bit, tails included.
// RUN: %python %S/Inputs/near.py --make %t.in.npz 11 x=19x40 w=40x70 bias=70
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.reference.npz --target reference
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.host.npz
// RUN: quant-run %s --entry main --inputs %t.in.npz --output %t.threads.npz --threads 2
// RUN: cmp %t.host.npz %t.reference.npz
// RUN: cmp %t.host.npz %t.threads.npz

func.func @main(%x: tensor<19x40xf32> {lowbit.name = "x"}, %w: tensor<40x70xf32> {lowbit.name = "w"}, %bias: tensor<70xf32> {lowbit.name = "bias"})
    -> (tensor<19x70xi8> {lowbit.name = "codes"}, tensor<19x70xi8> {lowbit.name = "reciprocal"}) {
  %sx = arith.constant dense<0.03> : tensor<f32>
  %zx = arith.constant dense<-5> : tensor<i8>
  %sw = arith.constant dense<0.02> : tensor<f32>
  %sr = arith.constant dense<0.17> : tensor<f32>
  %zr = arith.constant dense<101> : tensor<i8>
  %a = lowbit.quantize %x, %sx, %zx <#lowbit.uint<8>, zero = i8> : (tensor<19x40xf32>, tensor<f32>, tensor<i8>) -> tensor<19x40xi8>
  %b = lowbit.quantize %w, %sw <#lowbit.int<8>> : (tensor<40x70xf32>, tensor<f32>) -> tensor<40x70xi8>
  %e = tensor.empty() : tensor<19x70xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>, affine_map<(m, n, k) -> (n)>]
    lhs(%a scales %sx zeros %zx <#lowbit.uint<8>, zero = i8> : tensor<19x40xi8>, tensor<f32>, tensor<i8>)
    rhs(%b scales %sw <#lowbit.int<8>> : tensor<40x70xi8>, tensor<f32>) outs(%e : tensor<19x70xf32>) epilogue(%bias : tensor<70xf32>) {
  ^bb0(%sum: f32, %b0: f32):
    %0 = arith.addf %sum, %b0 : f32
    lowbit.yield %0 : f32
  } -> tensor<19x70xf32>
  %codes = lowbit.quantize %r, %sr, %zr <#lowbit.uint<8>, zero = i8> : (tensor<19x70xf32>, tensor<f32>, tensor<i8>) -> tensor<19x70xi8>
  %r2 = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %sx zeros %zx <#lowbit.uint<8>, zero = i8> : tensor<19x40xi8>, tensor<f32>, tensor<i8>)
    rhs(%b scales %sw <#lowbit.int<8>> : tensor<40x70xi8>, tensor<f32>) outs(%e : tensor<19x70xf32>) -> tensor<19x70xf32>
  %reciprocal = lowbit.quantize %r2, %sr <#lowbit.int<8>, scaling = reciprocal> : (tensor<19x70xf32>, tensor<f32>) -> tensor<19x70xi8>
  return %codes, %reciprocal : tensor<19x70xi8>, tensor<19x70xi8>
}
