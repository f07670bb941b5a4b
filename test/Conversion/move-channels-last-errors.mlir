// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-move-channels-last)' --split-input-file --verify-diagnostics
// RUN: not quant-opt %s --pass-pipeline='builtin.module(lowbit-move-channels-last{target=z80})' --split-input-file 2>&1 | FileCheck %s

// CHECK: unknown target `z80`; expected `host`, `generic`
// expected-error @below {{no target is given; expected the pass option `target`, or the module attribute `lowbit.target`}}
module {
  func.func @f() {
    return
  }
}
