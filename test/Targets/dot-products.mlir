// Every pair of signs in the instructions of each machine: s8 x s8, u8 x u8, u8 x s8. What a machine cannot multiply is offset by 128
// before, so that no function has to widen codes.
// DEFINE: %{triple} =
// DEFINE: %{attributes} =
// DEFINE: %{target} =
// DEFINE: %{check} =
// DEFINE: %{run} = quant-opt %s --pass-pipeline='builtin.module(lowbit-compile{target=%{target}})' \
// DEFINE:   | %llvm_bin/mlir-translate --allow-unregistered-dialect --mlir-to-llvmir \
// DEFINE:   | %llvm_bin/llc -mtriple=%{triple} %{attributes} | FileCheck %s --check-prefix=%{check}

// REDEFINE: %{triple} = x86_64-unknown-linux-gnu
// REDEFINE: %{target} = x86-64-avxvnni
// REDEFINE: %{attributes} = -mcpu=x86-64-v3 -mattr=+avxvnni
// REDEFINE: %{check} = AVXVNNI
// RUN: %{run}
// REDEFINE: %{target} = x86-64-avxvnniint8
// REDEFINE: %{attributes} = -mcpu=x86-64-v3 -mattr=+avxvnni,+avxvnniint8
// REDEFINE: %{check} = INT8
// RUN: %{run}
// REDEFINE: %{target} = x86-64-avx10.2
// REDEFINE: %{attributes} = -mcpu=x86-64-v4 -mattr=+avx10.2
// REDEFINE: %{check} = AVX10
// RUN: %{run}

// REDEFINE: %{triple} = aarch64-unknown-linux-gnu
// REDEFINE: %{target} = aarch64+neon
// REDEFINE: %{attributes} = -mattr=+neon
// REDEFINE: %{check} = NEON
// RUN: %{run}
// REDEFINE: %{target} = aarch64+dotprod
// REDEFINE: %{attributes} = -mattr=+dotprod
// REDEFINE: %{check} = DOTPROD
// RUN: %{run}
// REDEFINE: %{target} = aarch64+i8mm
// REDEFINE: %{attributes} = -mattr=+dotprod,+i8mm
// REDEFINE: %{check} = I8MM
// RUN: %{run}

// REDEFINE: %{triple} = riscv64-unknown-linux-gnu
// REDEFINE: %{target} = riscv64+v
// REDEFINE: %{attributes} = -mattr=+m,+d,+v
// REDEFINE: %{check} = RVV
// RUN: %{run}

// AVXVNNI-LABEL: {{^}}signed{{(_loop_0)?:}}
//   AVXVNNI-NOT: {{%zmm|vpmaddubsw}}
//       AVXVNNI: {vex} vpdpbusd {{.*}}%ymm
// INT8-LABEL: {{^}}signed{{(_loop_0)?:}}
//       INT8: vpdpbssd {{.*}}%ymm
// AVX10-LABEL: {{^}}signed{{(_loop_0)?:}}
//       AVX10: vpdpbssd {{.*}}%zmm
// NEON-LABEL: {{^}}signed{{(_loop_0)?:}}
//       NEON: smull v{{[0-9]+}}.8h
//       NEON: sadalp v{{[0-9]+}}.4s
// DOTPROD-LABEL: {{^}}signed{{(_loop_0)?:}}
//       DOTPROD: sdot v{{[0-9]+}}.4s
// I8MM-LABEL: {{^}}signed{{(_loop_0)?:}}
//       I8MM: sdot v{{[0-9]+}}.4s
// RVV-LABEL: {{^}}signed{{(_loop_0)?:}}
//       RVV: {{vw?macc}}
func.func @signed(%a: tensor<4x64xi8>, %b: tensor<64x32xi8>) -> tensor<4x32xi32> {
  %init = tensor.empty() : tensor<4x32xi32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a <#lowbit.int<8>> : tensor<4x64xi8>) rhs(%b <#lowbit.int<8>> : tensor<64x32xi8>) outs(%init : tensor<4x32xi32>) -> tensor<4x32xi32>
  return %r : tensor<4x32xi32>
}

// AVXVNNI-LABEL: {{^}}unsigned{{(_loop_0)?:}}
//       AVXVNNI: {vex} vpdpbusd
// INT8-LABEL: {{^}}unsigned{{(_loop_0)?:}}
//       INT8: vpdpbuud {{.*}}%ymm
// AVX10-LABEL: {{^}}unsigned{{(_loop_0)?:}}
//       AVX10: vpdpbuud {{.*}}%zmm
// NEON-LABEL: {{^}}unsigned{{(_loop_0)?:}}
//       NEON: umull v{{[0-9]+}}.8h
//       NEON: uadalp v{{[0-9]+}}.4s
// DOTPROD-LABEL: {{^}}unsigned{{(_loop_0)?:}}
//       DOTPROD: udot v{{[0-9]+}}.4s
// I8MM-LABEL: {{^}}unsigned{{(_loop_0)?:}}
//       I8MM: udot v{{[0-9]+}}.4s
// RVV-LABEL: {{^}}unsigned{{(_loop_0)?:}}
//       RVV: {{vw?maccu?}}
func.func @unsigned(%a: tensor<4x64xi8>, %b: tensor<64x32xi8>) -> tensor<4x32xi32> {
  %init = tensor.empty() : tensor<4x32xi32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a <#lowbit.uint<8>> : tensor<4x64xi8>) rhs(%b <#lowbit.uint<8>> : tensor<64x32xi8>) outs(%init : tensor<4x32xi32>) -> tensor<4x32xi32>
  return %r : tensor<4x32xi32>
}

// AVXVNNI-LABEL: {{^}}mixed{{(_loop_0)?:}}
//       AVXVNNI: {vex} vpdpbusd
// INT8-LABEL: {{^}}mixed{{(_loop_0)?:}}
//       INT8: vpdpbusd {{.*}}%ymm
// AVX10-LABEL: {{^}}mixed{{(_loop_0)?:}}
//       AVX10: vpdpbusd {{.*}}%zmm
// NEON-LABEL: {{^}}mixed{{(_loop_0)?:}}
//       NEON: smull v{{[0-9]+}}.8h
//       NEON: sadalp v{{[0-9]+}}.4s
// DOTPROD-LABEL: {{^}}mixed{{(_loop_0)?:}}
//       DOTPROD: sdot v{{[0-9]+}}.4s
// I8MM-LABEL: {{^}}mixed{{(_loop_0)?:}}
//       I8MM: {{us|su}}dot v{{[0-9]+}}.4s
// RVV-LABEL: {{^}}mixed{{(_loop_0)?:}}
//       RVV: {{vw?macc}}
func.func @mixed(%a: tensor<4x64xi8>, %b: tensor<64x32xi8>) -> tensor<4x32xi32> {
  %init = tensor.empty() : tensor<4x32xi32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%a <#lowbit.uint<8>> : tensor<4x64xi8>) rhs(%b <#lowbit.int<8>> : tensor<64x32xi8>) outs(%init : tensor<4x32xi32>) -> tensor<4x32xi32>
  return %r : tensor<4x32xi32>
}
