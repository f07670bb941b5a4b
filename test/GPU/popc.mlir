// RUN: quant-opt %s --lowbit-launch-matmuls="target=nvptx:sm_75" --lowbit-lower-kernels="target=nvptx:sm_75" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g' | FileCheck %s

// 32 bits are multiplied by one `and` and a count.
// CHECK: .entry matmul_popc_
// CHECK: and.b32
// CHECK: popc.b32
// CHECK: add.s32
func.func @bits(%a: memref<64x64xi8>, %b: memref<64x64xi8>, %r: memref<64x64xi32>) {
  lowbit.matmul lhs(%a : memref<64x64xi8>) rhs(%b : memref<64x64xi8>) outs(%r : memref<64x64xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {bits}
  return
}
