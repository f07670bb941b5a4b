// Two by two tiles of sums stay in registers while four loads bring codes for four products; nothing is spilled.
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-compile{target=x86-64-amx-int8})' \
// RUN:   | %llvm_bin/mlir-translate --allow-unregistered-dialect --mlir-to-llvmir \
// RUN:   | %llvm_bin/opt -O2 -mtriple=x86_64-unknown-linux-gnu -mcpu=icelake-server \
// RUN:   | %llvm_bin/llc -mtriple=x86_64-unknown-linux-gnu -mcpu=icelake-server -mattr=+amx-tile,+amx-int8 -o %t.s
// RUN: FileCheck %s < %t.s
// RUN: FileCheck %s --check-prefix=STEPS < %t.s

// CHECK-LABEL: {{^}}tiles{{(_loop_0)?:}}
//       CHECK: ldtilecfg
// CHECK-COUNT-4: tileloadd
//       CHECK: tdpbusd
//   CHECK-NOT: Spill
//       CHECK: tilestored
//       CHECK: vcvtdq2ps
// STEPS-LABEL: {{^}}tiles{{(_loop_0)?:}}
// STEPS-COUNT-8: tdpbusd
//   STEPS-NOT: tdpbusd
// STEPS-LABEL: {{^}}too_few_rows{{(_loop_0)?:}}
func.func @tiles(%a: tensor<32x128xi8>, %sa: tensor<32x1xf32>, %w: tensor<128x32xi8>) -> tensor<32x32xf32> {
  %init = tensor.empty() : tensor<32x32xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %sa <#lowbit.uint<8>, block = [1, 0]> : tensor<32x128xi8>, tensor<32x1xf32>) rhs(%w <#lowbit.int<8>> : tensor<128x32xi8>)
    outs(%init : tensor<32x32xf32>) -> tensor<32x32xf32>
  return %r : tensor<32x32xf32>
}

// Tiles that are mostly padding cost more than vectors.
// CHECK-LABEL: {{^}}too_few_rows{{(_loop_0)?:}}
//   CHECK-NOT: tdpbusd
//       CHECK: vpdpbusd {{.*}}%zmm
//   CHECK-NOT: tdpbusd
func.func @too_few_rows(%a: tensor<15x128xi8>, %w: tensor<128x32xi8>) -> tensor<15x32xi32> {
  %init = tensor.empty() : tensor<15x32xi32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a <#lowbit.uint<8>> : tensor<15x128xi8>) rhs(%w <#lowbit.int<8>> : tensor<128x32xi8>) outs(%init : tensor<15x32xi32>) -> tensor<15x32xi32>
  return %r : tensor<15x32xi32>
}

// What is left of the reduction beside whole tiles would need tiles of other shapes, which registers cannot be configured for at once.
// CHECK-LABEL: {{^}}uneven_reduction{{(_loop_0)?:}}
//   CHECK-NOT: tdpbusd
//       CHECK: vpdpbusd {{.*}}%zmm
//   CHECK-NOT: tdpbusd
func.func @uneven_reduction(%a: tensor<32x100xi8>, %w: tensor<100x32xi8>) -> tensor<32x32xi32> {
  %init = tensor.empty() : tensor<32x32xi32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a <#lowbit.uint<8>> : tensor<32x100xi8>) rhs(%w <#lowbit.int<8>> : tensor<100x32xi8>) outs(%init : tensor<32x32xi32>) -> tensor<32x32xi32>
  return %r : tensor<32x32xi32>
}
