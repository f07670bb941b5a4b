// RUN: quant-opt %s --lowbit-unfold-convolutions="kernels=true most-bytes=10000" --canonicalize --split-input-file --remarks-filter=lowbit 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t

// What follows the product takes its shape, what it adds from elsewhere too.
// CHECK-LABEL: func @behind
//  CHECK-SAME:   %[[X:.*]]: tensor<1x6x6x4xf32>, %{{.*}}: tensor<3x3x4x8xf32>, %{{.*}}: tensor<1x4x4x8xf32>, %[[R:.*]]: tensor<1x4x4x8xf32>
//   CHECK-DAG:   %[[REST:.*]] = tensor.collapse_shape %[[R]] {{\[\[}}0, 1, 2], [3]] : tensor<1x4x4x8xf32> into tensor<16x8xf32>
//   CHECK-DAG:   %[[PRODUCT:.*]] = linalg.matmul {{.*}} -> tensor<16x8xf32>
//   CHECK-DAG:   %[[SUM:.*]] = linalg.generic {{.*}} ins(%[[PRODUCT]],
//       CHECK:   %[[LAST:.*]] = linalg.generic {{.*}} ins(%[[SUM]], %[[REST]] : tensor<16x8xf32>, tensor<16x8xf32>)
//       CHECK:   tensor.expand_shape %[[LAST]]
#all = affine_map<(n, h, w, c) -> (n, h, w, c)>
func.func @behind(%x: tensor<1x6x6x4xf32>, %w: tensor<3x3x4x8xf32>, %z: tensor<1x4x4x8xf32>, %r: tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32> {
  %c = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<1x6x6x4xf32>, tensor<3x3x4x8xf32>) outs(%z : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  %e = tensor.empty() : tensor<1x4x4x8xf32>
  %s = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%c, %r : tensor<1x4x4x8xf32>, tensor<1x4x4x8xf32>) outs(%e : tensor<1x4x4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x4x8xf32>
  return %s : tensor<1x4x4x8xf32>
}

// -----

// CHECK-LABEL: func @left_alone
//   CHECK-NOT:   linalg.matmul
func.func @left_alone(%x: tensor<1x6x6x4xf32>, %w: tensor<3x3x4x8xf32>, %z: tensor<1x4x4x8xf32>, %h: tensor<1x6x6x4xf16>, %v: tensor<3x3x4x8xf16>,
                      %y: tensor<1x4x4x8xf16>, %d: tensor<3x3x4xf32>, %u: tensor<1x4x4x4xf32>, %l: tensor<1x12x12x4xf32>, %k: tensor<1x10x10x8xf32>)
    -> (tensor<1x4x4x8xf32>, tensor<1x4x4x8xf16>, tensor<1x4x4x4xf32>, tensor<1x10x10x8xf32>) {
  // REMARK: its sums have the order of its loops (`lowbit.exact`)
  %0 = linalg.conv_2d_nhwc_hwcf {lowbit.exact} ins(%x, %w : tensor<1x6x6x4xf32>, tensor<3x3x4x8xf32>) outs(%z : tensor<1x4x4x8xf32>) -> tensor<1x4x4x8xf32>
  // REMARK: no kernel multiplies its floats; expected f32
  %1 = linalg.conv_2d_nhwc_hwcf ins(%h, %v : tensor<1x6x6x4xf16>, tensor<3x3x4x8xf16>) outs(%y : tensor<1x4x4x8xf16>) -> tensor<1x4x4x8xf16>
  // REMARK: its channels have windows of their own
  %2 = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %d : tensor<1x6x6x4xf32>, tensor<3x3x4xf32>) outs(%u : tensor<1x4x4x4xf32>) -> tensor<1x4x4x4xf32>
  // REMARK: its windows take 14400 bytes; expected at most 10000
  %3 = linalg.conv_2d_nhwc_hwcf ins(%l, %w : tensor<1x12x12x4xf32>, tensor<3x3x4x8xf32>) outs(%k : tensor<1x10x10x8xf32>) -> tensor<1x10x10x8xf32>
  return %0, %1, %2, %3 : tensor<1x4x4x8xf32>, tensor<1x4x4x8xf16>, tensor<1x4x4x4xf32>, tensor<1x10x10x8xf32>
}
