// REQUIRES: ptxas
// RUN: quant-opt %s --pass-pipeline="builtin.module(lowbit-launch-matmuls{target=nvptx:sm_90a schedule=wgmma tile=wgmma_128x256x128x4},gpu.module(lowbit-round-by-addition),lowbit-lower-kernels{target=nvptx:sm_90a},lowbit-lower-launches,lowbit-serialize-kernels)" \
// RUN:   --remarks-filter=lowbit 2>&1 | FileCheck %s
// RUN: quant-opt %s --pass-pipeline="builtin.module(lowbit-launch-matmuls{target=nvptx:sm_90a schedule=wgmma tile=wgmma_16x96x128x10},gpu.module(lowbit-round-by-addition),lowbit-lower-kernels{target=nvptx:sm_90a},lowbit-lower-launches,lowbit-serialize-kernels)" \
// RUN:   --remarks-filter=lowbit 2>&1 | FileCheck %s

// The assembler takes both kernels, without spills.
// CHECK-COUNT-2: assemble {{.*}} | registers={{168|232}}, spill_bytes=0, stack_bytes=0
func.func @requantized(%a: memref<512x1024xi8>, %b: memref<512x1024xi8>, %s: memref<512x1xf32>, %t: memref<1x512xf32>,
                       %u: memref<1x512xf32>, %c: memref<512x512xi8>) {
  lowbit.matmul lhs(%a : memref<512x1024xi8>) rhs(%b : memref<512x1024xi8>) outs(%c : memref<512x512xi8>)
    operands(%s, %t, %u : memref<512x1xf32>, memref<1x512xf32>, memref<1x512xf32>) {
  ^bb0(%sum: i32, %l: f32, %r: f32, %bias: f32):
    %low = arith.constant -128.0 : f32
    %high = arith.constant 127.0 : f32
    %real = arith.sitofp %sum : i32 to f32
    %left = arith.mulf %real, %l : f32
    %right = arith.mulf %left, %r : f32
    %biased = arith.addf %right, %bias : f32
    %rounded = math.roundeven %biased : f32
    %above = arith.cmpf ogt, %rounded, %low : f32
    %raised = arith.select %above, %rounded, %low : f32
    %below = arith.cmpf olt, %raised, %high : f32
    %clamped = arith.select %below, %raised, %high : f32
    %wide = arith.fptosi %clamped : f32 to i32
    %code = arith.trunci %wide : i32 to i8
    lowbit.yield %code : i8
  }
  return
}

func.func @bits(%a: memref<512x1024xi8>, %b: memref<512x1024xi8>, %c: memref<512x512xi32>) {
  lowbit.matmul lhs(%a : memref<512x1024xi8>) rhs(%b : memref<512x1024xi8>) outs(%c : memref<512x512xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {bits}
  return
}
