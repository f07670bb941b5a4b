// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_75 --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-form-matmuls=target=spirv:opencl --split-input-file | FileCheck %s --check-prefix=LANES
// RUN: quant-opt %s --lowbit-form-matmuls=target=nvptx:sm_75 --split-input-file --remarks-filter=lowbit -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REMARK

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Signs become bytes where a matrix unit multiplies those alone, and bits where only lanes multiply.
//      REMARK: bits {{.*}}sm_75 multiplies bytes faster than it counts bits; signs become bytes
// CHECK-LABEL: func @signs
//       CHECK:   lowbit.matmul lhs(%{{.*}} : tensor<4x32xi8>)
//   CHECK-NOT:   {bits}
// LANES-LABEL: func @signs
//       LANES:   lowbit.matmul lhs(%{{.*}} : tensor<4x16xi8>)
//       LANES:   {bits}
func.func @signs(%a: tensor<4x24x!lowbit.code<#lowbit.binary>>, %b: tensor<6x24x!lowbit.code<#lowbit.binary>>,
                 %init: tensor<4x6xi32>) -> tensor<4x6xi32> {
  %r = lowbit.contract [#mk, #nk, #mn] lhs(%a <#lowbit.binary> : tensor<4x24x!lowbit.code<#lowbit.binary>>)
    rhs(%b <#lowbit.binary> : tensor<6x24x!lowbit.code<#lowbit.binary>>) outs(%init : tensor<4x6xi32>) -> tensor<4x6xi32>
  return %r : tensor<4x6xi32>
}

// -----

#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Weights in groups have one kernel, of instructions that these do not have.
//      REMARK: matmul {{.*}}sm_75 has no kernel for weights in groups
// CHECK-LABEL: func @weights
//       CHECK:   lowbit.contract
func.func @weights(%a: tensor<4x64xf16>, %init: tensor<4x6xf16>) -> tensor<4x6xf16> {
  %w = arith.constant dense<-3> : tensor<64x6xi4>
  %s = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]]> : tensor<2x6xf16>
  %r = lowbit.contract [#mk, #kn, #mn] lhs(%a : tensor<4x64xf16>)
    rhs(%w scales %s <#lowbit.int<4>, block = [32, 1], scale = f16> : tensor<64x6xi4>, tensor<2x6xf16>)
    outs(%init : tensor<4x6xf16>) -> tensor<4x6xf16>
  return %r : tensor<4x6xf16>
}
