// RUN: quant-opt %s --lowbit-settle-floats | FileCheck %s

// CHECK-LABEL: @contracted
//  CHECK-SAME:   %[[X:.*]]: f32, %[[Y:.*]]: f32, %[[Z:.*]]: f32
//       CHECK:   %[[SUM:.*]] = math.fma %[[X]], %[[Y]], %[[Z]] : f32
//       CHECK:   %[[NEGATIVE:.*]] = arith.negf %[[X]]
//       CHECK:   math.fma %[[NEGATIVE]], %[[Y]], %[[SUM]] : f32
func.func @contracted(%x: f32, %y: f32, %z: f32) -> f32 {
  %0 = arith.mulf %x, %y fastmath<contract> : f32
  %1 = arith.addf %0, %z fastmath<contract> : f32
  %2 = arith.mulf %x, %y fastmath<reassoc,contract> : f32
  %3 = arith.subf %1, %2 fastmath<contract> : f32
  return %3 : f32
}

// A product that is read twice stays, and so does one that may not be contracted. No flag is left.
// CHECK-LABEL: @kept
//   CHECK-NOT:   fastmath
//   CHECK-NOT:   math.fma
//       CHECK:   return
func.func @kept(%x: f32, %y: f32) -> (f32, f32, f32) {
  %0 = arith.mulf %x, %y fastmath<contract> : f32
  %1 = arith.addf %0, %y fastmath<contract> : f32
  %2 = arith.mulf %y, %y fastmath<reassoc> : f32
  %3 = arith.addf %2, %x fastmath<contract> : f32
  return %0, %1, %3 : f32, f32, f32
}

// CHECK-LABEL: @quotients
//       CHECK:   arith.mulf %{{.*}}, %{{.*}} : f32
//       CHECK:   arith.divf
func.func @quotients(%x: f32) -> (f32, f32) {
  %four = arith.constant 4.0 : f32
  %0 = arith.divf %x, %four fastmath<arcp> : f32
  %1 = arith.divf %x, %four : f32
  return %0, %1 : f32, f32
}

// Half of a sum with one is one operation, to the same bits; a third of it is not.
// CHECK-LABEL: @scaled
//  CHECK-SAME:   %[[X:.*]]: f32
//   CHECK-DAG:   %[[HALF:.*]] = arith.constant 5.000000e-01 : f32
//       CHECK:   math.fma %[[X]], %[[HALF]], %[[HALF]] : f32
//       CHECK:   arith.mulf
func.func @scaled(%x: f32) -> (f32, f32) {
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f32
  %third = arith.constant 0.333333333 : f32
  %0 = arith.addf %x, %one : f32
  %1 = arith.mulf %0, %half : f32
  %2 = arith.mulf %0, %third : f32
  return %1, %2 : f32, f32
}
#in = affine_map<(i, k) -> (i, k)>
#right = affine_map<(i, k) -> (k)>
#out = affine_map<(i, k) -> (i)>

// A reduction whose order is said keeps the right to it, and nothing else. What a matrix unit adds up stays a product and a sum.
// CHECK-LABEL: @ordered
//       CHECK:   math.fma %{{.*}}, %{{.*}}, %{{.*}} fastmath<reassoc,nsz> : f32
//       CHECK:   lowbit.order = {matrix = 16 : i64}
//       CHECK:   arith.mulf %{{.*}}, %{{.*}} : f32
//       CHECK:   arith.addf %{{.*}}, %{{.*}} fastmath<reassoc,nsz> : f32
//       CHECK:   math.fma %{{.*}}, %{{.*}}, %{{.*}} : f32
func.func @ordered(%x: tensor<3x32xf32>, %h: tensor<3x32xf16>, %g: tensor<32xf16>, %y: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %r = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x32xf32>) outs(%y : tensor<3xf32>)
      attrs = {lowbit.order = {lanes = 32 : i64, neighbours = 1 : i64}} {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a fastmath<reassoc,nsz,arcp,contract> : f32
    %1 = arith.addf %o, %0 fastmath<reassoc,nsz,arcp,contract> : f32
    linalg.yield %1 : f32
  } -> tensor<3xf32>
  %s = linalg.generic {indexing_maps = [#in, #right, #out], iterator_types = ["parallel", "reduction"]} ins(%h, %g : tensor<3x32xf16>, tensor<32xf16>) outs(%y : tensor<3xf32>)
      attrs = {lowbit.order = {matrix = 16 : i64}} {
  ^bb0(%a: f16, %b: f16, %o: f32):
    %0 = arith.extf %a : f16 to f32
    %1 = arith.extf %b : f16 to f32
    %2 = arith.mulf %0, %1 fastmath<reassoc,nsz,arcp,contract> : f32
    %3 = arith.addf %o, %2 fastmath<reassoc,nsz,arcp,contract> : f32
    linalg.yield %3 : f32
  } -> tensor<3xf32>
  %t = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<3x32xf32>) outs(%y : tensor<3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a fastmath<reassoc,contract> : f32
    %1 = arith.addf %o, %0 fastmath<reassoc,contract> : f32
    linalg.yield %1 : f32
  } -> tensor<3xf32>
  return %r, %s, %t : tensor<3xf32>, tensor<3xf32>, tensor<3xf32>
}
