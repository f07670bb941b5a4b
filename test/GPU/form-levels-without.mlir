// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_90a --split-input-file --remarks-filter=lowbit -o /dev/null 2>&1 | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// 1e-9 is below what f16 holds beside 1, with all its digits.
// CHECK: matmul {{.*}}Function=range {{.*}}weights stand for reals that are no sums of three halves
func.func @range(%a: tensor<4x64xf16>, %s: tensor<16x1xf32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %p = arith.constant dense<1> : tensor<16x16xi8>
  %w = lowbit.unpack %p : tensor<16x16xi8> -> tensor<16x64x!lowbit.code<#lowbit.codebook<[0.0, 1.0e-9, 1.0]>>> of #lowbit.codebook<[0.0, 1.0e-9, 1.0]> as #lowbit.row_major
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a : tensor<4x64xf16>)
    rhs(%w scales %s <#lowbit.codebook<[0.0, 1.0e-9, 1.0]>, block = [1, 0]> : tensor<16x64x!lowbit.code<#lowbit.codebook<[0.0, 1.0e-9, 1.0]>>>, tensor<16x1xf32>)
    outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Floats of eight bits are more than a table of 16.
// CHECK: matmul {{.*}}Function=wide {{.*}}weights have numbers that do not fit four bits
func.func @wide(%a: tensor<4x64xf16>, %s: tensor<16x1xf32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %w = arith.constant dense<1.5> : tensor<16x64xf8E4M3FN>
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a : tensor<4x64xf16>)
    rhs(%w scales %s <#lowbit.float<f8E4M3FN>, block = [1, 0]> : tensor<16x64xf8E4M3FN>, tensor<16x1xf32>) outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// 1024 products of 128 and 263 are more than f32 counts one by one.
// CHECK: matmul {{.*}}Function=zeros {{.*}}dots of a group of codes may not fit 24 bits
func.func @zeros(%b: tensor<4x2048xi8>, %t: tensor<16x2xf32>, %u: tensor<16x2xi8>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %w = arith.constant dense<3> : tensor<16x2048xi4>
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%b <#lowbit.int<8>> : tensor<4x2048xi8>)
    rhs(%w scales %t zeros %u <#lowbit.uint<4>, block = [1, 1024], zero = i8> : tensor<16x2048xi4>, tensor<16x2xf32>, tensor<16x2xi8>)
    outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}
