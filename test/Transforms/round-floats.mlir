// RUN: quant-opt %s --lowbit-round-floats --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-round-floats --split-input-file --mlir-print-op-generic | FileCheck %s --check-prefix=BODY

// Sites that share an activation share the rounded one, and their body extends it again; the weight is rounded on the host, half to even
// (1.00390625 is half a step above 1, 1.01171875 one and a half).
// CHECK-LABEL: func @linears
//  CHECK-SAME:   %[[X:[a-z0-9]+]]: tensor<4x2xf32>
//       CHECK:   %[[ROUNDED:.*]] = linalg.generic {{.*}} ins(%[[X]] : tensor<4x2xf32>)
//  CHECK-NEXT:   ^bb0(%[[IN:.*]]: f32, %{{.*}}: bf16):
//  CHECK-NEXT:     %[[TRUNCATED:.*]] = arith.truncf %[[IN]] : f32 to bf16
//  CHECK-NEXT:     linalg.yield %[[TRUNCATED]] : bf16
//       CHECK:   %[[W:.*]] = arith.constant {lowbit.sqnr_db = {{.*}} : f32} dense<{{\[\[}}1.000000e+00, 1.015630e+00]{{.*}}> : tensor<2x2xbf16>
//       CHECK:   linalg.matmul ins(%[[ROUNDED]], %[[W]] : tensor<4x2xbf16>, tensor<2x2xbf16>) outs(%{{.*}} : tensor<4x2xf32>)
//   CHECK-NOT:   linalg.generic
//       CHECK:   linalg.matmul ins(%[[ROUNDED]], %[[W]] : tensor<4x2xbf16>, tensor<2x2xbf16>)
//       BODY:    "linalg.matmul"
//       BODY:    "arith.extf"(%{{.*}}) : (bf16) -> f32
//       BODY:    "arith.extf"(%{{.*}}) : (bf16) -> f32
//       BODY:    "arith.mulf"(%{{.*}}) {{.*}} : (f32, f32) -> f32
func.func @linears(%x: tensor<4x2xf32>, %z: tensor<4x2xf32>) -> (tensor<4x2xf32>, tensor<4x2xf32>) {
  %w = arith.constant dense<[[1.00390625, 1.01171875], [2.0, 3.0]]> : tensor<2x2xf32>
  %0 = linalg.matmul {lowbit.float_type = bf16} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  %1 = linalg.matmul {lowbit.float_type = bf16} ins(%x, %w : tensor<4x2xf32>, tensor<2x2xf32>) outs(%z : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<4x2xf32>
}

// -----

// What is not wider than the type stays; sites without the attribute do, too.
// CHECK-LABEL: func @narrow
//  CHECK-SAME:   %[[X:[a-z0-9]+]]: tensor<4x8xf16>, %[[Y:[a-z0-9]+]]: tensor<8x6xf32>
//       CHECK:   %[[ROUNDED:.*]] = linalg.generic {{.*}} ins(%[[Y]] : tensor<8x6xf32>) outs(%{{.*}} : tensor<8x6xf16>)
//       CHECK:   linalg.matmul ins(%[[X]], %[[ROUNDED]] : tensor<4x8xf16>, tensor<8x6xf16>)
//       CHECK:   linalg.matmul ins(%[[X]], %[[Y]] : tensor<4x8xf16>, tensor<8x6xf32>)
func.func @narrow(%x: tensor<4x8xf16>, %y: tensor<8x6xf32>, %z: tensor<4x6xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  %0 = linalg.matmul {lowbit.float_type = f16} ins(%x, %y : tensor<4x8xf16>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %1 = linalg.matmul ins(%x, %y : tensor<4x8xf16>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0, %1 : tensor<4x6xf32>, tensor<4x6xf32>
}

// -----

// Sizes that are not known come from the activation.
// CHECK-LABEL: func @dynamic
//  CHECK-SAME:   %[[X:[a-z0-9]+]]: tensor<?x8xf32>
//       CHECK:   %[[ROWS:.*]] = tensor.dim %[[X]]
//       CHECK:   tensor.empty(%[[ROWS]]) : tensor<?x8xbf16>
func.func @dynamic(%x: tensor<?x8xf32>, %y: tensor<8x6xf32>, %z: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %0 = linalg.matmul {lowbit.float_type = bf16} ins(%x, %y : tensor<?x8xf32>, tensor<8x6xf32>) outs(%z : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %0 : tensor<?x6xf32>
}

// -----

// A table is stored in the smaller type; its rows are what they were, rounded.
// CHECK-LABEL: func @table
//       CHECK:   %[[TABLE:.*]] = arith.constant {{.*}} : tensor<2x2xbf16>
//       CHECK:   %[[ELEMENT:.*]] = tensor.extract %[[TABLE]]{{.*}} : tensor<2x2xbf16>
//       CHECK:   %[[EXTENDED:.*]] = arith.extf %[[ELEMENT]] : bf16 to f32
//       CHECK:   linalg.yield %[[EXTENDED]] : f32
func.func @table(%ids: tensor<3xindex>) -> tensor<3x2xf32> {
  %table = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %init = tensor.empty() : tensor<3x2xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<3xindex>) outs(%init : tensor<3x2xf32>) attrs = {lowbit.float_type = bf16} {
  ^bb0(%id: index, %out: f32):
    %j = linalg.index 1 : index
    %element = tensor.extract %table[%id, %j] : tensor<2x2xf32>
    linalg.yield %element : f32
  } -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}
