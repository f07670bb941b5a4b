// RUN: quant-opt %s --lowbit-differentiate --canonicalize --cse --split-input-file --remarks-filter=lowbit 2>%t.err | FileCheck %s --check-prefixes=CHECK,COST
// RUN: FileCheck %s --check-prefix=REMARK < %t.err
// RUN: quant-opt %s "--lowbit-differentiate=rematerialize=never" --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,NEVER
// RUN: quant-opt %s "--lowbit-differentiate=rematerialize=always" --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,ALWAYS
// RUN: quant-opt %s "--lowbit-differentiate=budget=799" --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,ALWAYS

// Loading what a product is made from and computing it again is cheaper than storing and loading it.
//      REMARK: rematerialize{{.*}}before=800, bytes=0, ops=1
// CHECK-LABEL: func @loss_gradients
//        COST:   %[[TWICE:.*]] = linalg.generic {{.*}} ins(%[[W:[^ ]+]] : tensor<200xf32>)
//        COST:   linalg.generic {{.*}} ins(%[[TWICE]] : tensor<200xf32>)
//        COST:   %[[AGAIN:.*]] = linalg.generic {{.*}} ins(%[[W]] : tensor<200xf32>) {{.*}} attrs = {lowbit.rematerialized}
//        COST:   linalg.generic {{.*}} ins(%[[AGAIN]],
//   NEVER-NOT:   lowbit.rematerialized
//      ALWAYS:   attrs = {lowbit.rematerialized}
func.func @loss(%w: tensor<200xf32> {lowbit.name = "w", lowbit.parameter = "other"}, %start: tensor<f32>) -> tensor<f32> {
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<200xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%w : tensor<200xf32>) outs(%e : tensor<200xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %two : f32
    linalg.yield %0 : f32
  } -> tensor<200xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%y : tensor<200xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %square = arith.mulf %a, %a : f32
    %0 = arith.addf %acc, %square : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// An exponential costs more than that; it is its own derivative, too, and not computed in the backward pass at all.
//      REMARK: rematerialize{{.*}}before=800, bytes=800, ops=0
// CHECK-LABEL: func @loss_gradients
//        COST:   math.exp
//    COST-NOT:   math.exp
//       NEVER:   math.exp
//   NEVER-NOT:   math.exp
//      ALWAYS:   attrs = {lowbit.rematerialized}
// ALWAYS-NEXT:   ^bb0
// ALWAYS-NEXT:     math.exp
func.func @loss(%w: tensor<200xf32> {lowbit.name = "w", lowbit.parameter = "other"}, %start: tensor<f32>) -> tensor<f32> {
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<200xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%w : tensor<200xf32>) outs(%e : tensor<200xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.exp %a : f32
    linalg.yield %0 : f32
  } -> tensor<200xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%y : tensor<200xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %square = arith.mulf %a, %a : f32
    %0 = arith.addf %acc, %square : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// Fake quantization, which reads two operands.
//      REMARK: rematerialize{{.*}}bytes=800, ops=0
// CHECK-LABEL: func @loss_gradients
//    COST-NOT:   lowbit.rematerialized
//   NEVER-NOT:   lowbit.rematerialized
//      ALWAYS:   lowbit.fake_quant %{{.*}} {lowbit.rematerialized}
func.func @loss(%w: tensor<200xf32> {lowbit.name = "w", lowbit.parameter = "other"}, %start: tensor<f32>) -> tensor<f32> {
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<200xf32>
  %y = lowbit.fake_quant %w, %start <#lowbit.int<4>> : (tensor<200xf32>, tensor<f32>) -> tensor<200xf32> by #lowbit.ste
  %sum = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%y : tensor<200xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %square = arith.mulf %a, %a : f32
    %0 = arith.addf %acc, %square : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}

// -----

// What a contraction gave, which is ReLU'd, is not computed again by any choice. Where ReLU was above zero its result says, so that its operand, of 96
// bytes, is not kept; the product, which the contraction's loops need not store then, is not either.
//      REMARK: rematerialize{{.*}}before=96, bytes=96, ops=0
// CHECK-LABEL: func @loss_gradients
//       CHECK:   %[[PRODUCT:.*]] = linalg.matmul
//       CHECK:   %[[RELU:.*]] = linalg.generic {{.*}} ins(%[[PRODUCT]] :
//   CHECK-NOT:   %[[PRODUCT]]
//       CHECK:   return
func.func @loss(%x: tensor<4x8xf32>, %w: tensor<8x6xf32> {lowbit.name = "w", lowbit.parameter = "weight"}, %start: tensor<f32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x6xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<4x6xf32>) -> tensor<4x6xf32>
  %p = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%z : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%p : tensor<4x6xf32>) outs(%e : tensor<4x6xf32>) {
  ^bb0(%a: f32, %o: f32):
    %above = arith.cmpf ugt, %a, %zero : f32
    %0 = arith.select %above, %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<4x6xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]}
      ins(%y : tensor<4x6xf32>) outs(%start : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %square = arith.mulf %a, %a : f32
    %0 = arith.addf %acc, %square : f32
    linalg.yield %0 : f32
  } -> tensor<f32>
  return %sum : tensor<f32>
}
