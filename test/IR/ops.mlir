// RUN: quant-opt %s --verify-roundtrip | FileCheck %s

// A statistic may be kept for a tensor as a whole or for each channel.
// CHECK-LABEL: func @observe
// CHECK: lowbit.observe "query" %{{.*}} : tensor<4x8xf32> with #lowbit.minmax
// CHECK: lowbit.observe "query" %{{.*}} : tensor<4x8xf32> with #lowbit.minmax per [1]
// CHECK: lowbit.observe "conv" %{{.*}} : tensor<4x8xf32> with #lowbit.minmax moments of <[3, 8], (d0, d1, d2) -> (d0 + d1, d2)>
func.func @observe(%x: tensor<4x8xf32>) {
  lowbit.observe "query" %x : tensor<4x8xf32> with #lowbit.minmax
  lowbit.observe "query" %x : tensor<4x8xf32> with #lowbit.minmax per [1]
  lowbit.observe "conv" %x : tensor<4x8xf32> with #lowbit.minmax moments of <[3, 8], (r, i, c) -> (r + i, c)>
  return
}

// Zero points follow the scheme: none without `zero`, one for each scale with it.
// CHECK-LABEL: func @quantize
// CHECK: lowbit.quantize %{{.*}}, %{{.*}} <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi8>
// CHECK: lowbit.quantize %{{.*}}, %{{.*}}, %{{.*}} <#lowbit.uint<4>, block = [1, 4], zero = i4>
func.func @quantize(%x: tensor<4x8xf32>, %s: tensor<f32>, %t: tensor<4x2xf32>, %z: tensor<4x2xi4>) -> (tensor<4x8xi8>, tensor<4x8xi4>) {
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi8>
  %d = lowbit.quantize %x, %t, %z <#lowbit.uint<4>, block = [1, 4], zero = i4>
      : (tensor<4x8xf32>, tensor<4x2xf32>, tensor<4x2xi4>) -> tensor<4x8xi4>
  return %c, %d : tensor<4x8xi8>, tensor<4x8xi4>
}

// The epilogue is an ordinary region over the sum and one element of each of its operands.
// CHECK-LABEL: func @contract
// CHECK: lowbit.contract {{.*}} lhs(%{{.*}} scales %{{.*}} <#lowbit.int<8>, block = [1, 0]> : tensor<4x8xi8>, tensor<4x1xf32>)
// CHECK-SAME: rhs(%{{.*}} scales %{{.*}} <#lowbit.int<8>, block = [0, 1]> : tensor<8x6xi8>, tensor<1x6xf32>)
// CHECK-SAME: epilogue(%{{.*}} : tensor<6xf32>)
func.func @contract(%a: tensor<4x8xi8>, %b: tensor<8x6xi8>, %sa: tensor<4x1xf32>, %sb: tensor<1x6xf32>, %bias: tensor<6xf32>) -> tensor<4x6xf32> {
  %init = tensor.empty() : tensor<4x6xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>,
                        affine_map<(m, n, k) -> (n)>]
    lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<4x8xi8>, tensor<4x1xf32>)
    rhs(%b scales %sb <#lowbit.int<8>, block = [0, 1]> : tensor<8x6xi8>, tensor<1x6xf32>)
    outs(%init : tensor<4x6xf32>)
    epilogue(%bias : tensor<6xf32>) {
  ^bb0(%sum: f32, %b0: f32):
    %0 = arith.addf %sum, %b0 : f32
    lowbit.yield %0 : f32
  } -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// A table is bytes, an index a byte or a vector of them; digits are a parameter of panels that fields do not print.
// CHECK-LABEL: func @lookup
// CHECK: lowbit.lookup %{{.*}} in [0, -1, 1, 2] : i8
// CHECK: lowbit.lookup %{{.*}} in [5] : vector<4x16xi8>
// CHECK: as #lowbit.panel<columns = 16, depth = 4, base = 3>
// CHECK: as #lowbit.panel<columns = 16, depth = 4>
func.func @lookup(%i: i8, %v: vector<4x16xi8>, %c: tensor<80x16xi2>) {
  %r = lowbit.lookup %i in [0, -1, 1, 2] : i8
  %s = lowbit.lookup %v in [5] : vector<4x16xi8>
  %p = lowbit.pack %c : tensor<80x16xi2> -> tensor<1x4x16x4xi8> of #lowbit.uint<2> as #lowbit.panel<columns = 16, depth = 4, base = 3>
  %q = lowbit.pack %c : tensor<80x16xi2> -> tensor<1x5x16x4xi8> of #lowbit.uint<2> as #lowbit.panel<columns = 16, depth = 4>
  return
}

// Without a zero point none is printed.
// CHECK-LABEL: func @decode
// CHECK: lowbit.decode %{{.*}} : vector<16xi8> -> vector<16xf32> of #lowbit.uint<4> zero 8
// CHECK: lowbit.decode %{{.*}} : i8 -> bf16 of #lowbit.codebook<nf4>{{$}}
func.func @decode(%c: vector<16xi8>, %d: i8) -> (vector<16xf32>, bf16) {
  %r = lowbit.decode %c : vector<16xi8> -> vector<16xf32> of #lowbit.uint<4> zero 8
  %s = lowbit.decode %d : i8 -> bf16 of #lowbit.codebook<nf4>
  return %r, %s : vector<16xf32>, bf16
}
