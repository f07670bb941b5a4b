// A stock mlir-opt only prints "request ignored" when a plugin does not load, and goes on: so look at the effect.
// RUN: mlir-opt %s --load-dialect-plugin=%lowbit_lib/LowbitPlugin.so --load-pass-plugin=%lowbit_lib/LowbitPlugin.so --pass-pipeline='builtin.module(canonicalize)' | FileCheck %s

// CHECK-LABEL: func @unpacked
// CHECK-SAME: %[[CODES:.*]]: tensor<8x16xi8>
// CHECK-NEXT: return %[[CODES]]
func.func @unpacked(%c: tensor<8x16xi8>) -> tensor<8x16xi8> {
  %p = lowbit.pack %c : tensor<8x16xi8> -> tensor<1x2x16x4xi8> of #lowbit.int<8> as #lowbit.panel<columns = 16, depth = 4>
  %u = lowbit.unpack %p : tensor<1x2x16x4xi8> -> tensor<8x16xi8> of #lowbit.int<8> as #lowbit.panel<columns = 16, depth = 4>
  return %u : tensor<8x16xi8>
}
