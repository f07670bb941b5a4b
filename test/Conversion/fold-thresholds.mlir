// RUN: quant-opt %s --lowbit-fold-thresholds --split-input-file --remarks-filter=lowbit 2>%t.err | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t.err

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#n = affine_map<(m, n, k) -> (n)>

// sum / 2 - 1.25 >= 0 from 3 on; sum * 4 + 6.5 from -1 on; -100 is never reached by six products, 100 always: sums lie from -6 to 6.
// CHECK-LABEL: func @binary
//       CHECK:   %[[T:.*]] = arith.constant {lowbit.added} dense<[3, -1, 7, -6]> : tensor<4xi32>
//       CHECK:   lowbit.contract [{{.*}}] lhs(%{{.*}} <#lowbit.binary> : {{.*}}) rhs(%{{.*}} <#lowbit.binary> : {{.*}}) outs({{.*}}) epilogue(%[[T]] : tensor<4xi32>) {
//  CHECK-NEXT:   ^bb0(%[[SUM:.*]]: i32, %[[AT:.*]]: i32):
//  CHECK-NEXT:     %[[BELOW:.*]] = arith.cmpi slt, %[[SUM]], %[[AT]] : i32
//  CHECK-NEXT:     %[[CODE:.*]] = arith.extui %[[BELOW]] : i1 to i8
//  CHECK-NEXT:     lowbit.yield %[[CODE]] : i8
func.func @binary(%x: tensor<4x6x!lowbit.code<#lowbit.binary>>, %w: tensor<6x4x!lowbit.code<#lowbit.binary>>, %e: tensor<4x4x!lowbit.code<#lowbit.binary>>)
    -> tensor<4x4x!lowbit.code<#lowbit.binary>> {
  %zero = arith.constant 0.0 : f32
  %three = arith.constant 3.0 : f32
  %half = arith.constant dense<0.5> : tensor<f32>
  %s = arith.constant dense<[[1.0, 8.0, 1.0, 1.0]]> : tensor<1x4xf32>
  %bias = arith.constant dense<[-1.25, 6.5, -100.0, 100.0]> : tensor<4xf32>
  %r = lowbit.contract [#a, #b, #c, #n] lhs(%x scales %half <#lowbit.binary> : tensor<4x6x!lowbit.code<#lowbit.binary>>, tensor<f32>)
      rhs(%w scales %s <#lowbit.binary, block = [0, 1]> : tensor<6x4x!lowbit.code<#lowbit.binary>>, tensor<1x4xf32>)
      outs(%e : tensor<4x4x!lowbit.code<#lowbit.binary>>) epilogue(%bias : tensor<4xf32>) {
  ^bb0(%sum: f32, %b0: f32):
    %0 = arith.addf %sum, %b0 : f32
    %1 = arith.divf %0, %three : f32
    %2 = arith.cmpf ult, %1, %zero : f32
    %3 = arith.extui %2 : i1 to i8
    lowbit.yield %3 : i8
  } -> tensor<4x4x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x4x!lowbit.code<#lowbit.binary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
#n = affine_map<(m, n, k) -> (n)>

// A factor below zero, as batch norm has it: 2 - sum >= 0 up to 2, which is -1 - sum >= -3.
// CHECK-LABEL: func @falling
//   CHECK-DAG:   %[[FLIP:.*]] = arith.constant {lowbit.added} dense<[0, -1]>
//   CHECK-DAG:   %[[T:.*]] = arith.constant {lowbit.added} dense<[-2, -3]>
//       CHECK:   epilogue(%[[FLIP]], %[[T]] : tensor<2xi32>, tensor<2xi32>) {
//  CHECK-NEXT:   ^bb0(%[[SUM:.*]]: i32, %[[MASK:.*]]: i32, %[[AT:.*]]: i32):
//  CHECK-NEXT:     %[[TURNED:.*]] = arith.xori %[[SUM]], %[[MASK]] : i32
//  CHECK-NEXT:     arith.cmpi slt, %[[TURNED]], %[[AT]] : i32
func.func @falling(%x: tensor<4x6x!lowbit.code<#lowbit.binary>>, %w: tensor<6x2x!lowbit.code<#lowbit.binary>>, %e: tensor<4x2x!lowbit.code<#lowbit.binary>>)
    -> tensor<4x2x!lowbit.code<#lowbit.binary>> {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %factor = arith.constant dense<[1.0, -1.0]> : tensor<2xf32>
  %r = lowbit.contract [#a, #b, #c, #n] lhs(%x scales %one <#lowbit.binary> : tensor<4x6x!lowbit.code<#lowbit.binary>>, tensor<f32>)
      rhs(%w <#lowbit.binary> : tensor<6x2x!lowbit.code<#lowbit.binary>>)
      outs(%e : tensor<4x2x!lowbit.code<#lowbit.binary>>) epilogue(%factor : tensor<2xf32>) {
  ^bb0(%sum: f32, %f: f32):
    %0 = arith.mulf %sum, %f : f32
    %1 = arith.addf %0, %two : f32
    %2 = arith.cmpf ult, %1, %zero : f32
    %3 = arith.extui %2 : i1 to i8
    lowbit.yield %3 : i8
  } -> tensor<4x2x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x2x!lowbit.code<#lowbit.binary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Three codes, the same thresholds for all channels: 2 is the first sum of which half rounds to 1; half of 1 rounds to the even 0, and so does that of -1.
// CHECK-LABEL: func @ternary
//   CHECK-DAG:   %[[FROM_ZERO:.*]] = arith.constant {lowbit.added} dense<-1> : tensor<3xi32>
//   CHECK-DAG:   %[[FROM_ONE:.*]] = arith.constant {lowbit.added} dense<2> : tensor<3xi32>
//       CHECK:   epilogue(%[[FROM_ZERO]], %[[FROM_ONE]] : tensor<3xi32>, tensor<3xi32>) {
//  CHECK-NEXT:   ^bb0(%[[SUM:.*]]: i32, %[[FIRST:.*]]: i32, %[[SECOND:.*]]: i32):
//       CHECK:     %[[A:.*]] = arith.cmpi sge, %[[SUM]], %[[FIRST]] : i32
//       CHECK:     %[[S:.*]] = arith.select %[[A]], %c0_i8, %c3_i8 : i8
//       CHECK:     %[[B:.*]] = arith.cmpi sge, %[[SUM]], %[[SECOND]] : i32
//       CHECK:     arith.select %[[B]], %c1_i8, %[[S]] : i8
func.func @ternary(%x: tensor<4x6x!lowbit.code<#lowbit.binary>>, %w: tensor<6x3x!lowbit.code<#lowbit.binary>>, %e: tensor<4x3x!lowbit.code<#lowbit.ternary>>)
    -> tensor<4x3x!lowbit.code<#lowbit.ternary>> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %two = arith.constant 2.0 : f32
  %low = arith.constant -1.0 : f32
  %high = arith.constant 1.0 : f32
  %r = lowbit.contract [#a, #b, #c] lhs(%x scales %one <#lowbit.binary> : tensor<4x6x!lowbit.code<#lowbit.binary>>, tensor<f32>)
      rhs(%w <#lowbit.binary> : tensor<6x3x!lowbit.code<#lowbit.binary>>) outs(%e : tensor<4x3x!lowbit.code<#lowbit.ternary>>) epilogue() {
  ^bb0(%sum: f32):
    %0 = arith.divf %sum, %two : f32
    %1 = math.roundeven %0 : f32
    %2 = arith.cmpf ogt, %1, %low : f32
    %3 = arith.select %2, %1, %low : f32
    %4 = arith.cmpf olt, %3, %high : f32
    %5 = arith.select %4, %3, %high : f32
    %6 = arith.fptosi %5 : f32 to i32
    %7 = arith.trunci %6 : i32 to i2
    %8 = arith.extui %7 : i2 to i8
    lowbit.yield %8 : i8
  } -> tensor<4x3x!lowbit.code<#lowbit.ternary>>
  return %r : tensor<4x3x!lowbit.code<#lowbit.ternary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Not known to rise by its operations (a selection between a value and its double), but by trying every sum.
// CHECK-LABEL: func @tried
//       CHECK:   dense<1> : tensor<3xi32>
//   CHECK-NOT:   f32
func.func @tried(%x: tensor<4x6x!lowbit.code<#lowbit.binary>>, %w: tensor<6x3x!lowbit.code<#lowbit.binary>>, %e: tensor<4x3x!lowbit.code<#lowbit.binary>>)
    -> tensor<4x3x!lowbit.code<#lowbit.binary>> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %half = arith.constant 0.5 : f32
  %r = lowbit.contract [#a, #b, #c] lhs(%x scales %one <#lowbit.binary> : tensor<4x6x!lowbit.code<#lowbit.binary>>, tensor<f32>)
      rhs(%w <#lowbit.binary> : tensor<6x3x!lowbit.code<#lowbit.binary>>) outs(%e : tensor<4x3x!lowbit.code<#lowbit.binary>>) epilogue() {
  ^bb0(%sum: f32):
    %d = arith.addf %sum, %sum : f32
    %p = arith.cmpf ogt, %sum, %zero : f32
    %t = arith.select %p, %d, %sum : f32
    %0 = arith.subf %t, %half : f32
    %1 = arith.cmpf ult, %0, %zero : f32
    %2 = arith.extui %1 : i1 to i8
    lowbit.yield %2 : i8
  } -> tensor<4x3x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x3x!lowbit.code<#lowbit.binary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Magnitudes fall and rise.
//      REMARK: thresholds{{.*}}Function=magnitude{{.*}}Reason="its codes rise and fall"
// CHECK-LABEL: func @magnitude
//       CHECK:   math.absf
func.func @magnitude(%x: tensor<4x6x!lowbit.code<#lowbit.binary>>, %w: tensor<6x3x!lowbit.code<#lowbit.binary>>, %e: tensor<4x3x!lowbit.code<#lowbit.binary>>)
    -> tensor<4x3x!lowbit.code<#lowbit.binary>> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %two = arith.constant 2.0 : f32
  %r = lowbit.contract [#a, #b, #c] lhs(%x scales %one <#lowbit.binary> : tensor<4x6x!lowbit.code<#lowbit.binary>>, tensor<f32>)
      rhs(%w <#lowbit.binary> : tensor<6x3x!lowbit.code<#lowbit.binary>>) outs(%e : tensor<4x3x!lowbit.code<#lowbit.binary>>) epilogue() {
  ^bb0(%sum: f32):
    %m = math.absf %sum : f32
    %0 = arith.subf %m, %two : f32
    %1 = arith.cmpf ult, %0, %zero : f32
    %2 = arith.extui %1 : i1 to i8
    lowbit.yield %2 : i8
  } -> tensor<4x3x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x3x!lowbit.code<#lowbit.binary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// A scale that is computed is not known.
//      REMARK: thresholds{{.*}}Function=computed{{.*}}Reason="scales or operands of the epilogue are no constants of one axis"
// CHECK-LABEL: func @computed
//       CHECK:   arith.subf
func.func @computed(%x: tensor<4x6x!lowbit.code<#lowbit.binary>>, %w: tensor<6x3x!lowbit.code<#lowbit.binary>>, %e: tensor<4x3x!lowbit.code<#lowbit.binary>>, %one: tensor<f32>)
    -> tensor<4x3x!lowbit.code<#lowbit.binary>> {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %r = lowbit.contract [#a, #b, #c] lhs(%x scales %one <#lowbit.binary> : tensor<4x6x!lowbit.code<#lowbit.binary>>, tensor<f32>)
      rhs(%w <#lowbit.binary> : tensor<6x3x!lowbit.code<#lowbit.binary>>) outs(%e : tensor<4x3x!lowbit.code<#lowbit.binary>>) epilogue() {
  ^bb0(%sum: f32):
    %0 = arith.subf %sum, %two : f32
    %1 = arith.cmpf ult, %0, %zero : f32
    %2 = arith.extui %1 : i1 to i8
    lowbit.yield %2 : i8
  } -> tensor<4x3x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x3x!lowbit.code<#lowbit.binary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// What the operation would be is not defined here.
//      REMARK: thresholds{{.*}}Function=unknown{{.*}}Reason="an operation of its epilogue is not known"
// CHECK-LABEL: func @unknown
//       CHECK:   math.tanh
func.func @unknown(%x: tensor<4x6x!lowbit.code<#lowbit.binary>>, %w: tensor<6x3x!lowbit.code<#lowbit.binary>>, %e: tensor<4x3x!lowbit.code<#lowbit.binary>>)
    -> tensor<4x3x!lowbit.code<#lowbit.binary>> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %r = lowbit.contract [#a, #b, #c] lhs(%x scales %one <#lowbit.binary> : tensor<4x6x!lowbit.code<#lowbit.binary>>, tensor<f32>)
      rhs(%w <#lowbit.binary> : tensor<6x3x!lowbit.code<#lowbit.binary>>) outs(%e : tensor<4x3x!lowbit.code<#lowbit.binary>>) epilogue() {
  ^bb0(%sum: f32):
    %0 = math.tanh %sum : f32
    %1 = arith.cmpf ult, %0, %zero : f32
    %2 = arith.extui %1 : i1 to i8
    lowbit.yield %2 : i8
  } -> tensor<4x3x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x3x!lowbit.code<#lowbit.binary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Infinity times zero is no number.
//      REMARK: thresholds{{.*}}Function=infinite{{.*}}Reason="a sum has no finite value"
// CHECK-LABEL: func @infinite
//       CHECK:   arith.mulf
func.func @infinite(%x: tensor<4x6x!lowbit.code<#lowbit.binary>>, %w: tensor<6x3x!lowbit.code<#lowbit.binary>>, %e: tensor<4x3x!lowbit.code<#lowbit.binary>>)
    -> tensor<4x3x!lowbit.code<#lowbit.binary>> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %inf = arith.constant 0x7F800000 : f32
  %r = lowbit.contract [#a, #b, #c] lhs(%x scales %one <#lowbit.binary> : tensor<4x6x!lowbit.code<#lowbit.binary>>, tensor<f32>)
      rhs(%w <#lowbit.binary> : tensor<6x3x!lowbit.code<#lowbit.binary>>) outs(%e : tensor<4x3x!lowbit.code<#lowbit.binary>>) epilogue() {
  ^bb0(%sum: f32):
    %0 = arith.mulf %sum, %inf : f32
    %1 = arith.cmpf ult, %0, %zero : f32
    %2 = arith.extui %1 : i1 to i8
    lowbit.yield %2 : i8
  } -> tensor<4x3x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x3x!lowbit.code<#lowbit.binary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Sums of so many products have more than 32 bits.
//      REMARK: thresholds{{.*}}Function=long{{.*}}Reason="sums may need more than 32 bits"
// CHECK-LABEL: func @long
//       CHECK:   arith.subf
func.func @long(%x: tensor<4x20000000xi8>, %w: tensor<20000000x3x!lowbit.code<#lowbit.binary>>, %e: tensor<4x3x!lowbit.code<#lowbit.binary>>)
    -> tensor<4x3x!lowbit.code<#lowbit.binary>> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %r = lowbit.contract [#a, #b, #c] lhs(%x scales %one <#lowbit.uint<8>> : tensor<4x20000000xi8>, tensor<f32>)
      rhs(%w <#lowbit.binary> : tensor<20000000x3x!lowbit.code<#lowbit.binary>>) outs(%e : tensor<4x3x!lowbit.code<#lowbit.binary>>) epilogue() {
  ^bb0(%sum: f32):
    %0 = arith.subf %sum, %zero : f32
    %1 = arith.cmpf ult, %0, %zero : f32
    %2 = arith.extui %1 : i1 to i8
    lowbit.yield %2 : i8
  } -> tensor<4x3x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x3x!lowbit.code<#lowbit.binary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Zero points are part of the sum, which is an integer all the same: six products of codes from -3 to 252 lie between -1512 and 1512.
// CHECK-LABEL: func @shifted
//       CHECK:   %[[T:.*]] = arith.constant {lowbit.added} dense<[500, -20, 1513]> : tensor<3xi32>
//       CHECK:   lowbit.contract [{{.*}}] lhs(%{{.*}} zeros %{{.*}} <#lowbit.uint<8>, zero = i8> : tensor<4x6xi8>, tensor<i8>) {{.*}} epilogue(%[[T]] : tensor<3xi32>)
//       CHECK:   arith.cmpi slt, %{{.*}}, %{{.*}} : i32
func.func @shifted(%x: tensor<4x6xi8>, %w: tensor<6x3x!lowbit.code<#lowbit.binary>>, %e: tensor<4x3x!lowbit.code<#lowbit.binary>>)
    -> tensor<4x3x!lowbit.code<#lowbit.binary>> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i8>
  %at = arith.constant dense<[499.5, -20.0, 2000.0]> : tensor<3xf32>
  %r = lowbit.contract [#a, #b, #c, affine_map<(m, n, k) -> (n)>] lhs(%x scales %one zeros %z <#lowbit.uint<8>, zero = i8> : tensor<4x6xi8>, tensor<f32>, tensor<i8>)
      rhs(%w <#lowbit.binary> : tensor<6x3x!lowbit.code<#lowbit.binary>>) outs(%e : tensor<4x3x!lowbit.code<#lowbit.binary>>) epilogue(%at : tensor<3xf32>) {
  ^bb0(%sum: f32, %t: f32):
    %0 = arith.subf %sum, %t : f32
    %1 = arith.cmpf ult, %0, %zero : f32
    %2 = arith.extui %1 : i1 to i8
    lowbit.yield %2 : i8
  } -> tensor<4x3x!lowbit.code<#lowbit.binary>>
  return %r : tensor<4x3x!lowbit.code<#lowbit.binary>>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// Two bits without signs have four codes and three thresholds: a half and one and a half round to even, 2.5 to 2.
// CHECK-LABEL: func @unsigned
//   CHECK-DAG:   %[[ONE:.*]] = arith.constant {lowbit.added} dense<2> : tensor<3xi32>
//   CHECK-DAG:   %[[TWO:.*]] = arith.constant {lowbit.added} dense<3> : tensor<3xi32>
//   CHECK-DAG:   %[[THREE:.*]] = arith.constant {lowbit.added} dense<6> : tensor<3xi32>
//       CHECK:   epilogue(%[[ONE]], %[[TWO]], %[[THREE]] : tensor<3xi32>, tensor<3xi32>, tensor<3xi32>)
// CHECK-COUNT-3: arith.cmpi sge
func.func @unsigned(%x: tensor<4x6xi8>, %w: tensor<6x3xi8>, %e: tensor<4x3xi8>) -> tensor<4x3xi8> {
  %half = arith.constant dense<0.5> : tensor<f32>
  %zero = arith.constant 0.0 : f32
  %three = arith.constant 3.0 : f32
  %r = lowbit.contract [#a, #b, #c] lhs(%x scales %half <#lowbit.int<8>> : tensor<4x6xi8>, tensor<f32>)
      rhs(%w <#lowbit.int<8>> : tensor<6x3xi8>) outs(%e : tensor<4x3xi8>) epilogue() {
  ^bb0(%sum: f32):
    %0 = math.roundeven %sum : f32
    %1 = arith.maximumf %0, %zero : f32
    %2 = arith.minimumf %1, %three : f32
    %3 = arith.fptosi %2 : f32 to i8
    lowbit.yield %3 : i8
  } -> tensor<4x3xi8>
  return %r : tensor<4x3xi8>
}

// -----

#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>

// A byte has more codes than comparisons pay for.
//      REMARK: thresholds{{.*}}Function=byte{{.*}}Reason="there are too many codes to tell apart by comparisons"
// CHECK-LABEL: func @byte
//       CHECK:   arith.fptosi
func.func @byte(%x: tensor<4x6xi8>, %w: tensor<6x3xi8>, %e: tensor<4x3xi8>) -> tensor<4x3xi8> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %r = lowbit.contract [#a, #b, #c] lhs(%x scales %one <#lowbit.int<8>> : tensor<4x6xi8>, tensor<f32>)
      rhs(%w <#lowbit.int<8>> : tensor<6x3xi8>) outs(%e : tensor<4x3xi8>) epilogue() {
  ^bb0(%sum: f32):
    %1 = arith.maximumf %sum, %low : f32
    %2 = arith.minimumf %1, %high : f32
    %3 = arith.fptosi %2 : f32 to i8
    lowbit.yield %3 : i8
  } -> tensor<4x3xi8>
  return %r : tensor<4x3xi8>
}
