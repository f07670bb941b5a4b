// RUN: quant-opt %s --lowbit-order-sums=target=nvptx:sm_80 | FileCheck %s
// RUN: quant-opt %s --lowbit-order-sums=target=spirv:opencl | FileCheck %s --check-prefix=ALONE
// RUN: not quant-opt %s --lowbit-order-sums=target=host 2>&1 | FileCheck %s --check-prefix=HOST
// HOST: error: `{{.*}}` is no GPU; expected one that kernels are made for

// Lanes that cannot read each other's registers share nothing.
// ALONE-NOT: lowbit.order

#in = affine_map<(i, k) -> (i, k)>
#out = affine_map<(i, k) -> (i)>

// A warp shares a sum that may be reordered.
// CHECK-LABEL: @shared
//       CHECK:   linalg.generic {{.*}}lowbit.order = {lanes = 32 : i64, neighbours = 1 : i64}
func.func @shared(%x: tensor<3x32xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %r = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x32xf32>) outs(%y : tensor<3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// One product more at a time joins the sum: still one operation.
// CHECK-LABEL: @fused
//       CHECK:   linalg.generic {{.*}}lowbit.order = {lanes = 32 : i64, neighbours = 1 : i64}
func.func @fused(%x: tensor<3x32xf32>, %y: tensor<3xf32>) -> tensor<3xf32> {
  %r = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x32xf32>) outs(%y : tensor<3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = math.fma %a, %a, %o fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<3xf32>
  return %r : tensor<3xf32>
}

// The model's own order; too short; in a row, whose kernel has an order of its own.
// CHECK-LABEL: @kept
//   CHECK-NOT:   lowbit.order
//       CHECK:   return
func.func @kept(%x: tensor<3x32xf32>, %z: tensor<3x31xf32>, %y: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %r = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x32xf32>) outs(%y : tensor<3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a : f32
    linalg.yield %0 : f32
  } -> tensor<3xf32>
  %s = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%z : tensor<3x31xf32>) outs(%y : tensor<3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<3xf32>
  %t = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x32xf32>) outs(%y : tensor<3xf32>) attrs = {lowbit.row = 0 : i64} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %o, %a fastmath<reassoc> : f32
    linalg.yield %0 : f32
  } -> tensor<3xf32>
  return %r, %s, %t : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
