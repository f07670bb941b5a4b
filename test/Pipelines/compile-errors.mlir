// RUN: not quant-opt %s --lowbit-compile=target=vax 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not quant-opt %s --lowbit-compile=threads=0 2>&1 | FileCheck %s --check-prefix=THREADS

// TARGET: error: unknown target `vax`; expected `host`, `generic`{{.*}}`x86-64-avx2`
// THREADS: error: `threads` is 0; expected at least 1
module {}
