// RUN: quant-opt %s --lowbit-compile=target=nvptx:sm_80 | FileCheck %s

// Places of packed codes are divisions of indices, which kernels compute: nothing of affine is left.
// CHECK: @kernels.image(
// CHECK: llvm.func @packed
func.func @packed(%a: tensor<23x28xi8>, %b: tensor<257x14xi8>) -> tensor<23x257xi32> {
  %codes = lowbit.unpack %b : tensor<257x14xi8> -> tensor<257x28xi4> of #lowbit.int<4> as #lowbit.row_major
  %init = tensor.empty() : tensor<23x257xi32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a <#lowbit.uint<8>> : tensor<23x28xi8>)
    rhs(%codes <#lowbit.int<4>> : tensor<257x28xi4>)
    outs(%init : tensor<23x257xi32>) -> tensor<23x257xi32>
  return %r : tensor<23x257xi32>
}
