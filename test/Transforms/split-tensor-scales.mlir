// RUN: quant-opt %s --lowbit-split-tensor-scales --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-split-tensor-scales --split-input-file | quant-opt --lowbit-insert-qdq --lowbit-fold-weights --lowbit-fuse-qdq --canonicalize --split-input-file | FileCheck %s --check-prefix=FUSED

#nvfp4 = #lowbit.scheme<#lowbit.float<f4E2M1FN>, block = [16, 1], scale = f8E4M3FN>

// 2e-3 / 6 / 448 lies between 2^-21 and 2^-20. Every reader of the result reads the product.
// CHECK-LABEL: func @weight
//       CHECK:   %[[W:.*]] = arith.constant dense<2097.1521> : tensor<16x2xf32>
//       CHECK:   %[[P:.*]] = linalg.matmul {{.*}}weight = {scheme = #lowbit.scheme<#lowbit.float<f4E2M1FN>, block = [16, 1], scale = f8E4M3FN>}}} ins(%{{.*}}, %[[W]]
//       CHECK:   %[[S:.*]] = arith.constant {lowbit.added} dense<9.53674316E-7> : tensor<f32>
//       CHECK:   %[[R:.*]] = linalg.generic {{.*}} ins(%[[P]], %[[S]] : tensor<4x2xf32>, tensor<f32>)
//  CHECK-SAME:     lowbit.tensor_scale = 9.53674316E-7 : f32
//       CHECK:     arith.mulf
//   CHECK-NOT:     arith.addf
//       CHECK:   return %[[R]]

// The scale lies in the epilogue, after scales of blocks.
// FUSED-LABEL: func @weight
//       FUSED:   %[[S:.*]] = arith.constant {lowbit.added} dense<9.53674316E-7> : tensor<f32>
//       FUSED:   lowbit.contract
//       FUSED:     rhs(%{{.*}} scales %{{.*}} : tensor<16x2xf4E2M1FN>, tensor<1x2xf8E4M3FN>)
//       FUSED:     epilogue(%[[S]] : tensor<f32>)
//       FUSED:   ^bb0(%[[SUM:.*]]: f32, %[[SCALE:.*]]: f32):
//       FUSED:     %[[REAL:.*]] = arith.mulf %[[SUM]], %[[SCALE]] : f32
//       FUSED:     lowbit.yield %[[REAL]]
func.func @weight(%x: tensor<4x16xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<2.0e-3> : tensor<16x2xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x2xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  %r = linalg.matmul {lowbit.schemes = {weight = {scheme = #nvfp4, lowbit.tensor_scale}}}
      ins(%x, %w : tensor<4x16xf32>, tensor<16x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

#nvfp4 = #lowbit.scheme<#lowbit.float<f4E2M1FN>, block = [16, 1], scale = f8E4M3FN>

// What the op accumulates on is not scaled. Large weights get a scale above one.
// CHECK-LABEL: func @accumulator
//  CHECK-SAME:   %{{.*}}: tensor<4x16xf32>, %[[Z:.*]]: tensor<4x2xf32>
//       CHECK:   %[[FILL:.*]] = linalg.fill
//       CHECK:   %[[P:.*]] = linalg.matmul {{.*}} outs(%[[FILL]]
//       CHECK:   %[[S:.*]] = arith.constant {lowbit.added} dense<4.000000e+00> : tensor<f32>
//       CHECK:   linalg.generic {{.*}} ins(%[[P]], %[[S]], %[[Z]]
//       CHECK:     %[[SCALED:.*]] = arith.mulf
//       CHECK:     arith.addf %[[SCALED]]
func.func @accumulator(%x: tensor<4x16xf32>, %z: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<1.0e4> : tensor<16x2xf32>
  %r = linalg.matmul {lowbit.schemes = {weight = {scheme = #nvfp4, lowbit.tensor_scale}}}
      ins(%x, %w : tensor<4x16xf32>, tensor<16x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}

// -----

#nvfp4 = #lowbit.scheme<#lowbit.float<f4E2M1FN>, block = [16, 1], scale = f8E4M3FN>

// A weight of zeros needs no scale.
// CHECK-LABEL: func @zeros
//       CHECK:   arith.constant {lowbit.added} dense<1.000000e+00> : tensor<f32>
func.func @zeros(%x: tensor<4x16xf32>, %z: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %w = arith.constant dense<0.0> : tensor<16x2xf32>
  %r = linalg.matmul {lowbit.schemes = {weight = {scheme = #nvfp4, lowbit.tensor_scale}}}
      ins(%x, %w : tensor<4x16xf32>, tensor<16x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
