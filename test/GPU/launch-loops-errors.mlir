// RUN: quant-opt %s --lowbit-launch-loops --verify-diagnostics

// Threads are numbered in 32 bits.
#id = affine_map<(i, j) -> (i, j)>
func.func @many(%x: memref<65536x65536xf16>, %y: memref<65536x65536xf16>) {
  // expected-error @+1 {{takes 4294967296 threads; expected at most 2147483647, as they are counted in 32 bits}}
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : memref<65536x65536xf16>) outs(%y : memref<65536x65536xf16>) {
  ^bb0(%e: f16, %o: f16):
    %0 = arith.negf %e : f16
    linalg.yield %0 : f16
  }
  return
}
