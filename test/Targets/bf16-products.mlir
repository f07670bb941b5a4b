// Products of bf16 are pairs in one instruction where the machine has it; elsewhere they are widened.
// DEFINE: %{target} =
// DEFINE: %{attributes} =
// DEFINE: %{check} =
// DEFINE: %{run} = quant-opt %s --pass-pipeline='builtin.module(lowbit-compile{target=%{target}})' \
// DEFINE:   | %llvm_bin/mlir-translate --allow-unregistered-dialect --mlir-to-llvmir \
// DEFINE:   | %llvm_bin/llc -mtriple=x86_64-unknown-linux-gnu %{attributes} | FileCheck %s --check-prefix=%{check}
// REDEFINE: %{target} = x86-64-avx512bf16
// REDEFINE: %{attributes} = -mcpu=icelake-server -mattr=+avx512bf16
// REDEFINE: %{check} = BF16
// RUN: %{run}
// REDEFINE: %{target} = x86-64-avx10.2
// REDEFINE: %{attributes} = -mcpu=x86-64-v4 -mattr=+avx10.2
// RUN: %{run}
// REDEFINE: %{target} = x86-64-avx512vnni
// REDEFINE: %{attributes} = -mcpu=icelake-server
// REDEFINE: %{check} = WIDE
// RUN: %{run}

// BF16-LABEL: {{^f(_loop_0)?:}}
//   BF16-NOT: vfmadd
//       BF16: vdpbf16ps {{.*}}%zmm
// WIDE-LABEL: {{^f(_loop_0)?:}}
//       WIDE: vfmadd{{.*}}ps {{.*}}%zmm
func.func @f(%a: tensor<8x64xbf16>, %b: tensor<64x48xbf16>) -> tensor<8x48xf32> {
  %init = tensor.empty() : tensor<8x48xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a : tensor<8x64xbf16>) rhs(%b : tensor<64x48xbf16>) outs(%init : tensor<8x48xf32>) -> tensor<8x48xf32>
  return %r : tensor<8x48xf32>
}
