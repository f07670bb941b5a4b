// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-unfold-windows{target=x86-64-avx2})' --remarks-filter=lowbit 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-unfold-windows{target=reference})' | FileCheck %s --check-prefix=REFERENCE

#window = affine_map<(h, w, o, i, j, c) -> (h + i, w + j, c)>
#step = affine_map<(h, w, o, i, j, c) -> (h * 2 + i, w * 2 + j, c)>
#kernel = affine_map<(h, w, o, i, j, c) -> (i, j, c, o)>
#first = affine_map<(h, w, o, i, j, c) -> (o, i, j, c)>
#image = affine_map<(h, w, o, i, j, c) -> (h, w, o)>
#channel = affine_map<(h, w, o, i, j, c) -> (o)>
#row = affine_map<(h, w, o, i, j, c) -> (h, o)>

// A row of the window is one run of bytes; the kernel stays a constant.
// CHECK-DAG:   #[[GATHER:.*]] = affine_map<(d0, d1, d2, d3) -> (d0 + d2, d1 * 4 + d3)>
// CHECK-LABEL: func @window
//       CHECK:   %[[IMAGE:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2]] : tensor<7x9x4xi8> into tensor<7x36xi8>
//       CHECK:   %[[COPY:.*]] = linalg.generic {indexing_maps = [#[[GATHER]], {{.*}}ins(%[[IMAGE]] : tensor<7x36xi8>) outs(%{{.*}} : tensor<6x8x2x8xi8>)
//       CHECK:   %[[ROWS:.*]] = tensor.collapse_shape %[[COPY]] {{\[\[}}0, 1], [2, 3]] : tensor<6x8x2x8xi8> into tensor<48x16xi8>
//       CHECK:   %[[SCALE:.*]] = arith.constant dense<5.000000e-01> : tensor<f32>
//       CHECK:   %[[KERNEL:.*]] = arith.constant dense<1> : tensor<16x5xi8>
//       CHECK:   %[[SCALES:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1, 2], [3]] : tensor<1x1x1x5xf32> into tensor<1x5xf32>
//       CHECK:   lhs(%[[ROWS]] scales %[[SCALE]] <#lowbit.uint<8>> : tensor<48x16xi8>, tensor<f32>)
//  CHECK-SAME:   rhs(%[[KERNEL]] scales %[[SCALES]] <#lowbit.int<8>, block = [0, 1]> : tensor<16x5xi8>, tensor<1x5xf32>)
//  CHECK-SAME:   epilogue(%{{.*}} : tensor<5xf32>)
//       CHECK:   tensor.expand_shape {{.*}} {{\[\[}}0, 1], [2]] output_shape [6, 8, 5] : tensor<48x5xf32> into tensor<6x8x5xf32>
// REFERENCE-LABEL: func @window
//   REFERENCE-NOT:   linalg.generic
func.func @window(%x: tensor<7x9x4xi8>, %s: tensor<1x1x1x5xf32>, %bias: tensor<5xf32>, %init: tensor<6x8x5xf32>) -> tensor<6x8x5xf32> {
  %k = arith.constant dense<1> : tensor<2x2x4x5xi8>
  %sx = arith.constant dense<0.5> : tensor<1x1x1xf32>
  %r = lowbit.contract [#window, #kernel, #image, #channel]
    lhs(%x scales %sx <#lowbit.uint<8>, block = [0, 0, 0]> : tensor<7x9x4xi8>, tensor<1x1x1xf32>)
    rhs(%k scales %s <#lowbit.int<8>, block = [0, 0, 0, 1]> : tensor<2x2x4x5xi8>, tensor<1x1x1x5xf32>)
    outs(%init : tensor<6x8x5xf32>) epilogue(%bias : tensor<5xf32>) {
  ^bb0(%sum: f32, %b: f32):
    %0 = arith.addf %sum, %b : f32
    lowbit.yield %0 : f32
  } -> tensor<6x8x5xf32>
  return %r : tensor<6x8x5xf32>
}

// Windows of one element, side by side, are a reshape.
// CHECK-LABEL: func @point
//   CHECK-NOT:   linalg.generic
//       CHECK:   %[[ROWS:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2]] : tensor<6x8x3xi8> into tensor<48x3xi8>
//       CHECK:   %[[KERNEL:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0], [1, 2, 3]] : tensor<5x1x1x3xi8> into tensor<5x3xi8>
//       CHECK:   lhs(%[[ROWS]] <#lowbit.int<8>> : tensor<48x3xi8>) rhs(%[[KERNEL]] <#lowbit.int<8>> : tensor<5x3xi8>)
func.func @point(%x: tensor<6x8x3xi8>, %k: tensor<5x1x1x3xi8>, %init: tensor<6x8x5xi32>) -> tensor<6x8x5xi32> {
  %r = lowbit.contract [#window, #first, #image] lhs(%x <#lowbit.int<8>> : tensor<6x8x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<5x1x1x3xi8>) outs(%init : tensor<6x8x5xi32>) -> tensor<6x8x5xi32>
  return %r : tensor<6x8x5xi32>
}

// A reduction of several loops is one of their product, whether or not anything is copied.
// CHECK-LABEL: func @gathered
//   CHECK-NOT:   linalg.generic
//       CHECK:   %[[ROWS:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1], [2, 3, 4]] : tensor<6x8x2x2x3xi8> into tensor<48x12xi8>
//       CHECK:   lhs(%[[ROWS]] <#lowbit.int<8>> : tensor<48x12xi8>)
func.func @gathered(%x: tensor<6x8x2x2x3xi8>, %k: tensor<2x2x3x5xi8>, %init: tensor<6x8x5xi32>) -> tensor<6x8x5xi32> {
  %r = lowbit.contract [affine_map<(h, w, o, i, j, c) -> (h, w, i, j, c)>, #kernel, #image] lhs(%x <#lowbit.int<8>> : tensor<6x8x2x2x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<2x2x3x5xi8>) outs(%init : tensor<6x8x5xi32>) -> tensor<6x8x5xi32>
  return %r : tensor<6x8x5xi32>
}

// Signs take a byte each.
// CHECK-LABEL: func @signs
//       CHECK:   linalg.generic {{.*}} ins(%{{.*}} : tensor<7x27x!lowbit.code<#lowbit.binary>>) outs(%{{.*}} : tensor<6x8x2x6x!lowbit.code<#lowbit.binary>>)
func.func @signs(%x: tensor<7x9x3x!lowbit.code<#lowbit.binary>>, %k: tensor<2x2x3x5x!lowbit.code<#lowbit.binary>>, %init: tensor<6x8x5xi32>) -> tensor<6x8x5xi32> {
  %r = lowbit.contract [#window, #kernel, #image] lhs(%x <#lowbit.binary> : tensor<7x9x3x!lowbit.code<#lowbit.binary>>)
    rhs(%k <#lowbit.binary> : tensor<2x2x3x5x!lowbit.code<#lowbit.binary>>) outs(%init : tensor<6x8x5xi32>) -> tensor<6x8x5xi32>
  return %r : tensor<6x8x5xi32>
}

// With a step, elements are left out.
// CHECK-LABEL: func @step
//       CHECK:   linalg.generic {{.*}} ins(%{{.*}} : tensor<11x15x3xi8>) outs(%{{.*}} : tensor<6x8x3xi8>)
func.func @step(%x: tensor<11x15x3xi8>, %k: tensor<1x1x3x5xi8>, %init: tensor<6x8x5xi32>) -> tensor<6x8x5xi32> {
  %r = lowbit.contract [#step, #kernel, #image] lhs(%x <#lowbit.int<8>> : tensor<11x15x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<1x1x3x5xi8>) outs(%init : tensor<6x8x5xi32>) -> tensor<6x8x5xi32>
  return %r : tensor<6x8x5xi32>
}

// REMARK: unfold-windows {{.*}}Function=channels_first{{.*}}Reason="channels are not the last axis of the result"
// CHECK-LABEL: func @channels_first
//       CHECK:   lhs(%{{.*}} : tensor<7x9x3xi8>)
func.func @channels_first(%x: tensor<7x9x3xi8>, %k: tensor<2x2x3x5xi8>, %init: tensor<5x6x8xi32>) -> tensor<5x6x8xi32> {
  %r = lowbit.contract [#window, #kernel, affine_map<(h, w, o, i, j, c) -> (o, h, w)>] lhs(%x <#lowbit.int<8>> : tensor<7x9x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<2x2x3x5xi8>) outs(%init : tensor<5x6x8xi32>) -> tensor<5x6x8xi32>
  return %r : tensor<5x6x8xi32>
}

// Every channel has a window of its own: only the loops that run once go.
// CHECK-LABEL: func @single_channels
//       CHECK:   %[[X:.*]] = tensor.collapse_shape %{{.*}} {{.*}} : tensor<1x7x9x3x1xi8> into tensor<7x9x3xi8>
//       CHECK:   lowbit.contract {{.*}} lhs(%[[X]] {{.*}} rhs(%{{.*}} : tensor<2x2x3xi8>) outs(%{{.*}} : tensor<6x8x3xi32>)
func.func @single_channels(%x: tensor<1x7x9x3x1xi8>, %k: tensor<2x2x1x3x1xi8>, %init: tensor<1x6x8x3x1xi32>) -> tensor<1x6x8x3x1xi32> {
  %r = lowbit.contract [affine_map<(n, h, w, g, o, i, j, c) -> (n, h + i, w + j, g, c)>, affine_map<(n, h, w, g, o, i, j, c) -> (i, j, c, g, o)>,
                        affine_map<(n, h, w, g, o, i, j, c) -> (n, h, w, g, o)>] lhs(%x <#lowbit.int<8>> : tensor<1x7x9x3x1xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<2x2x1x3x1xi8>) outs(%init : tensor<1x6x8x3x1xi32>) -> tensor<1x6x8x3x1xi32>
  return %r : tensor<1x6x8x3x1xi32>
}

// A matmul for each group of channels.
// CHECK-LABEL: func @groups
//       CHECK:   %[[A:.*]] = tensor.collapse_shape %{{.*}} : tensor<6x8x3x2x2x4xi8> into tensor<48x3x16xi8>
//       CHECK:   lowbit.contract {{.*}} lhs(%[[A]] {{.*}} rhs(%{{.*}} : tensor<3x16x5xi8>) outs(%{{.*}} : tensor<48x3x5xi32>)
func.func @groups(%x: tensor<7x9x3x4xi8>, %k: tensor<3x2x2x4x5xi8>, %init: tensor<6x8x3x5xi32>) -> tensor<6x8x3x5xi32> {
  %r = lowbit.contract [affine_map<(h, w, g, o, i, j, c) -> (h + i, w + j, g, c)>, affine_map<(h, w, g, o, i, j, c) -> (g, i, j, c, o)>,
                        affine_map<(h, w, g, o, i, j, c) -> (h, w, g, o)>] lhs(%x <#lowbit.int<8>> : tensor<7x9x3x4xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<3x2x2x4x5xi8>) outs(%init : tensor<6x8x3x5xi32>) -> tensor<6x8x3x5xi32>
  return %r : tensor<6x8x3x5xi32>
}

// REMARK: unfold-windows {{.*}}Function=channels_before{{.*}}Reason="channels, of which each has a window of its own, are not the last axis of all"
func.func @channels_before(%x: tensor<7x9x3xi8>, %k: tensor<3x2x2xi8>, %init: tensor<6x8x3xi32>) -> tensor<6x8x3xi32> {
  %r = lowbit.contract [affine_map<(h, w, g, i, j) -> (h + i, w + j, g)>, affine_map<(h, w, g, i, j) -> (g, i, j)>,
                        affine_map<(h, w, g, i, j) -> (h, w, g)>] lhs(%x <#lowbit.int<8>> : tensor<7x9x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<3x2x2xi8>) outs(%init : tensor<6x8x3xi32>) -> tensor<6x8x3xi32>
  return %r : tensor<6x8x3xi32>
}

// REMARK: unfold-windows {{.*}}Function=scales_of_rows{{.*}}Reason="left codes have more than one scale"
func.func @scales_of_rows(%x: tensor<7x9x3xi8>, %s: tensor<7x1x1xf32>, %k: tensor<2x2x3x5xi8>, %init: tensor<6x8x5xf32>) -> tensor<6x8x5xf32> {
  %r = lowbit.contract [#window, #kernel, #image]
    lhs(%x scales %s <#lowbit.int<8>, block = [1, 0, 0]> : tensor<7x9x3xi8>, tensor<7x1x1xf32>)
    rhs(%k <#lowbit.int<8>> : tensor<2x2x3x5xi8>) outs(%init : tensor<6x8x5xf32>) -> tensor<6x8x5xf32>
  return %r : tensor<6x8x5xf32>
}

// REMARK: unfold-windows {{.*}}Function=added_row{{.*}}Reason="an operand of the epilogue is neither like the result nor one value for each of its channels"
func.func @added_row(%x: tensor<7x9x3xi8>, %k: tensor<2x2x3x5xi8>, %row: tensor<6x5xi32>, %init: tensor<6x8x5xi32>) -> tensor<6x8x5xi32> {
  %r = lowbit.contract [#window, #kernel, #image, #row] lhs(%x <#lowbit.int<8>> : tensor<7x9x3xi8>)
    rhs(%k <#lowbit.int<8>> : tensor<2x2x3x5xi8>) outs(%init : tensor<6x8x5xi32>) epilogue(%row : tensor<6x5xi32>) {
  ^bb0(%sum: i32, %add: i32):
    %0 = arith.addi %sum, %add : i32
    lowbit.yield %0 : i32
  } -> tensor<6x8x5xi32>
  return %r : tensor<6x8x5xi32>
}
