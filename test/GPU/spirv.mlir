// RUN: quant-opt %s --lowbit-launch-matmuls="target=spirv:opencl tile=dp4a_8x32x128" --lowbit-lower-kernels="target=spirv:opencl" \
// RUN:   --lowbit-lower-launches --lowbit-serialize-kernels=assemble=false | sed 's/\\0A/\n/g; s/\\09/ /g; s/\\22/"/g' | FileCheck %s

// Dot products of packed bytes, not the saturating ones: sums wrap, as zero points come off them in the epilogue. The signed side is the
// first operand. Shared memory is a variable of the kernel.
//     CHECK: OpCapability DotProductInput4x8BitPacked
//     CHECK: OpEntryPoint Kernel %[[KERNEL:[0-9]+]] "matmul_dp4a_8x32x128"
//     CHECK: OpExecutionMode %[[KERNEL]] LocalSize 64 1 1
// CHECK-NOT: LinkageAttributes "_Z
//     CHECK: OpVariable %{{.*}} Workgroup
//     CHECK: OpFunction
//     CHECK: OpControlBarrier
//     CHECK: %[[DOT:[0-9]+]] = OpSUDot %{{.*}} PackedVectorFormat4x8Bit
//     CHECK: OpIAdd
// CHECK-NOT: OpSDotAccSat
//     CHECK: OpFunctionEnd
func.func @bytes(%a: memref<512x512xi8>, %b: memref<512x512xi8>, %c: memref<512x512xi32>) {
  lowbit.matmul lhs(%a : memref<512x512xi8>) rhs(%b : memref<512x512xi8>) outs(%c : memref<512x512xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_unsigned}
  return
}
