// The inner loop in the target's instructions: one broadcast for every row, one load for every register of columns, nothing
// spilled, and never the instruction that saturates.
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-compile{target=x86-64-avx512vnni})' | %llvm_bin/mlir-translate --allow-unregistered-dialect --mlir-to-llvmir -o %t.ll
// RUN: %llvm_bin/opt -O3 -mtriple=x86_64-unknown-linux-gnu -mcpu=icelake-server %t.ll | %llvm_bin/llc -mtriple=x86_64-unknown-linux-gnu -mcpu=icelake-server -o %t.s
// RUN: FileCheck %s --check-prefix=VNNI < %t.s
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-compile{target=x86-64-avx2})' | %llvm_bin/mlir-translate --allow-unregistered-dialect --mlir-to-llvmir -o %t.ll
// RUN: %llvm_bin/opt -O3 -mtriple=x86_64-unknown-linux-gnu -mcpu=x86-64-v3 %t.ll | %llvm_bin/llc -mtriple=x86_64-unknown-linux-gnu -mcpu=x86-64-v3 -o %t.s
// RUN: FileCheck %s --check-prefix=AVX2 --implicit-check-not=vpmaddubsw < %t.s

// VNNI-LABEL: {{^main(_loop_0)?:}}
//       VNNI: # =>{{.*}}Inner Loop
//   VNNI-NOT: %rsp
//       VNNI: vpbroadcastd {{.*}}(%r
//   VNNI-NOT: %rsp
// VNNI-COUNT-24: vpdpbusd
//   VNNI-NOT: %rsp
//       VNNI: j{{n?e|b|l}}

// AVX2-LABEL: {{^main(_loop_0)?:}}
//       AVX2: # =>{{.*}}Inner Loop
//       AVX2: vpmovsxbw
//       AVX2: vpmaddwd
//       AVX2: vpaddd
func.func @main(%a: tensor<16x384xi8>, %sa: tensor<16x1xf32>, %w: tensor<384x48xi8>) -> tensor<16x48xf32> {
  %b = arith.constant dense<3> : tensor<384x48xi8>
  %init = tensor.empty() : tensor<16x48xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a scales %sa <#lowbit.uint<8>, block = [1, 0]> : tensor<16x384xi8>, tensor<16x1xf32>) rhs(%b <#lowbit.int<8>> : tensor<384x48xi8>)
    outs(%init : tensor<16x48xf32>) -> tensor<16x48xf32>
  return %r : tensor<16x48xf32>
}
