// RUN: quant-opt %s --lowbit-compile | FileCheck %s
// RUN: quant-opt %s --lowbit-compile=target=reference | FileCheck %s
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-compile{target=x86-64-avx2 threads=1})' | FileCheck %s --check-prefixes=CHECK,AVX2

// The machine stays on the module, for the code generator.
// AVX2: module attributes {{.*}}lowbit.target = #lowbit.x86_64_avx2

// A weight is one aligned global, still a resource.
// CHECK: llvm.mlir.global private constant @{{.*}}(dense_resource<weight{{(.packed)?}}> : tensor<{{.*}}xf32>) {{.*}}alignment = 64

// Results are trailing arguments of a void function with a C wrapper.
// CHECK: llvm.func @f(
// CHECK-NOT: ) -> !llvm.struct
// CHECK: llvm.return{{$}}
// CHECK: llvm.func @_mlir_ciface_f(%{{.*}}: !llvm.ptr{{.*}}, %{{.*}}: !llvm.ptr{{.*}})
func.func @f(%x: tensor<4x3xf32> {lowbit.name = "x"}) -> (tensor<4x2xf32> {lowbit.name = "y"}) {
  %w = arith.constant dense_resource<weight> : tensor<3x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x3xf32>, tensor<3x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

{-#
  dialect_resources: {
    builtin: { weight: "0x400000000000803f0000004000004040000080400000a0400000c040" }
  }
#-}
