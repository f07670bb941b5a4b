// RUN: quant-run %s --entry quantize --output %t.0.npz --target reference && %python %lowbit_src/test/Tools/Inputs/arrays.py --print %t.0.npz | FileCheck %s --check-prefix=QUANTIZE
// RUN: quant-run %s --entry scales --output %t.1.npz --target reference && %python %lowbit_src/test/Tools/Inputs/arrays.py --print %t.1.npz | FileCheck %s --check-prefix=SCALES
// RUN: quant-run %s --entry requantize --output %t.2.npz --target reference && %python %lowbit_src/test/Tools/Inputs/arrays.py --print %t.2.npz | FileCheck %s --check-prefix=REQUANTIZE
// RUN: quant-run %s --entry contract --output %t.3.npz --target reference && %python %lowbit_src/test/Tools/Inputs/arrays.py --print %t.3.npz | FileCheck %s --check-prefix=CONTRACT
// RUN: quant-run %s --entry bits --output %t.4.npz --target reference && %python %lowbit_src/test/Tools/Inputs/arrays.py --print %t.4.npz | FileCheck %s --check-prefix=BITS
// RUN: quant-run %s --entry gradient --output %t.5.npz --target reference && %python %lowbit_src/test/Tools/Inputs/arrays.py --print %t.5.npz | FileCheck %s --check-prefix=GRADIENT
// RUN: quant-run %s --entry digits --output %t.6.npz --target reference && %python %lowbit_src/test/Tools/Inputs/arrays.py --print %t.6.npz | FileCheck %s --check-prefix=DIGITS

// The same with the host's target: equal to the bit.
// RUN: quant-run %s --entry quantize --output %t.h0.npz && cmp %t.0.npz %t.h0.npz
// RUN: quant-run %s --entry scales --output %t.h1.npz && cmp %t.1.npz %t.h1.npz
// RUN: quant-run %s --entry requantize --output %t.h2.npz && cmp %t.2.npz %t.h2.npz
// RUN: quant-run %s --entry contract --output %t.h3.npz && cmp %t.3.npz %t.h3.npz
// RUN: quant-run %s --entry bits --output %t.h4.npz && cmp %t.4.npz %t.h4.npz
// RUN: quant-run %s --entry gradient --output %t.h5.npz && cmp %t.5.npz %t.h5.npz
// RUN: quant-run %s --entry digits --output %t.h6.npz && cmp %t.6.npz %t.h6.npz

// Halves go to even, saturation at both ends, NaN to the smallest; zero points are added after rounding.
// QUANTIZE: codes int8 [2, 4] [0, 2, 2, 0, -2, 127, -128, -128]
// QUANTIZE: shifted int8 [2, 4] [3, 5, 5, 3, 1, -1, 0, 0]
func.func @quantize() -> (tensor<2x4xi8> {lowbit.name = "codes"}, tensor<2x4xi8> {lowbit.name = "shifted"}) {
  %x = arith.constant dense<[[0.5, 1.5, 2.5, -0.5], [-1.5, 300.0, -300.0, 0x7FC00000]]> : tensor<2x4xf32>
  %s = arith.constant dense<1.0> : tensor<f32>
  %z = arith.constant dense<3> : tensor<i8>
  %c = lowbit.quantize %x, %s <#lowbit.int<8>> : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xi8>
  %d = lowbit.quantize %x, %s, %z <#lowbit.uint<8>, zero = i8> : (tensor<2x4xf32>, tensor<f32>, tensor<i8>) -> tensor<2x4xi8>
  return %c, %d : tensor<2x4xi8>, tensor<2x4xi8>
}

// A row of zeros has scale 1; groups have their own; with zero points the range takes in zero.
// SCALES: rows float32 [2, 1] [1.0, 2.0]
// SCALES: groups float32 [2, 2] [1.0, 1.0, 1.0, 2.0]
// SCALES: ranges float32 [2, 1] [1.0, 1.0]
// SCALES: zeros int8 [2, 1] [0, -2]
func.func @scales() -> (tensor<2x1xf32> {lowbit.name = "rows"}, tensor<2x2xf32> {lowbit.name = "groups"},
                        tensor<2x1xf32> {lowbit.name = "ranges"}, tensor<2x1xi8> {lowbit.name = "zeros"}) {
  %x = arith.constant dense<[[0.0, 0.0, 0.0, -0.0], [127.0, 3.0, -254.0, 1.0]]> : tensor<2x4xf32>
  %0 = lowbit.compute_scales %x <#lowbit.int<8>, block = [1, 0]> : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %1 = lowbit.compute_scales %x <#lowbit.int<8>, block = [1, 2]> : (tensor<2x4xf32>) -> tensor<2x2xf32>
  %y = arith.constant dense<[[0.0, 0.0], [1.0, -254.0]]> : tensor<2x2xf32>
  %2, %3 = lowbit.compute_scales %y <#lowbit.uint<8>, block = [1, 0], zero = i8> : (tensor<2x2xf32>) -> (tensor<2x1xf32>, tensor<2x1xi8>)
  return %0, %1, %2, %3 : tensor<2x1xf32>, tensor<2x2xf32>, tensor<2x1xf32>, tensor<2x1xi8>
}

// 0.5, 1.5, 2.5, -0.5, -1.5 and a value beyond the range, in integers alone and in floats.
// REQUANTIZE: integer int8 [6] [0, 2, 2, 0, -2, 127]
// REQUANTIZE: float int8 [6] [1, 3, 3, 1, -1, 127]
func.func @requantize() -> (tensor<6xi8> {lowbit.name = "integer"}, tensor<6xi8> {lowbit.name = "float"}) {
  %a = arith.constant dense<[1, 3, 5, -1, -3, 2147483647]> : tensor<6xi32>
  %n = arith.constant dense<1073741824> : tensor<i32>
  %h = arith.constant dense<31> : tensor<i32>
  %m = arith.constant dense<0.5> : tensor<f32>
  %z = arith.constant dense<1> : tensor<i8>
  %c = lowbit.requantize %a, %n shift %h <#lowbit.int<8>> : (tensor<6xi32>, tensor<i32>, tensor<i32>) -> tensor<6xi8>
  %d = lowbit.requantize %a, %m zero %z <#lowbit.int<8>, zero = i8> : (tensor<6xi32>, tensor<f32>, tensor<i8>) -> tensor<6xi8>
  return %c, %d : tensor<6xi8>, tensor<6xi8>
}

// Two groups along K with scales 1 and 10; dots 1*1+2*2 = 5 and 3*3-4*4 = -7, row scale 2, bias 1, then the window of a convolution.
// CONTRACT: sums float32 [1, 1] [-129.0]
// CONTRACT: windows int32 [3] [5, 8, 11]
func.func @contract() -> (tensor<1x1xf32> {lowbit.name = "sums"}, tensor<3xi32> {lowbit.name = "windows"}) {
  %a = arith.constant dense<[[1, 2, 3, 4]]> : tensor<1x4xi8>
  %b = arith.constant dense<[[1], [2], [3], [-4]]> : tensor<4x1xi8>
  %sa = arith.constant dense<2.0> : tensor<1x1xf32>
  %sb = arith.constant dense<[[1.0], [10.0]]> : tensor<2x1xf32>
  %bias = arith.constant dense<1.0> : tensor<1xf32>
  %init = tensor.empty() : tensor<1x1xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>, affine_map<(m, n, k) -> (n)>]
    lhs(%a scales %sa <#lowbit.int<8>, block = [1, 0]> : tensor<1x4xi8>, tensor<1x1xf32>)
    rhs(%b scales %sb <#lowbit.int<8>, block = [2, 1]> : tensor<4x1xi8>, tensor<2x1xf32>)
    outs(%init : tensor<1x1xf32>) epilogue(%bias : tensor<1xf32>) {
  ^bb0(%sum: f32, %x: f32):
    %0 = arith.addf %sum, %x : f32
    lowbit.yield %0 : f32
  } -> tensor<1x1xf32>
  %w = arith.constant dense<[1, 2, 3, 4]> : tensor<4xi8>
  %f = arith.constant dense<[1, 2]> : tensor<2xi8>
  %out = tensor.empty() : tensor<3xi32>
  %v = lowbit.contract [affine_map<(o, k) -> (o + k)>, affine_map<(o, k) -> (k)>, affine_map<(o, k) -> (o)>]
    lhs(%w <#lowbit.int<8>> : tensor<4xi8>) rhs(%f <#lowbit.int<8>> : tensor<2xi8>) outs(%out : tensor<3xi32>) -> tensor<3xi32>
  return %r, %v : tensor<1x1xf32>, tensor<3xi32>
}

// Codes 1, 0, 3 (that is +1, 0, -1): plane 0 holds 0b101, plane 1 0b100; packed two bits each they are 0b00110001.
// BITS: planes int8 [2, 1, 1] [5, 4]
// BITS: back int8 [1, 3] [1, 0, 3]
// BITS: packed int8 [1, 1] [49]
// BITS: unpacked int8 [1, 4] [1, 0, 3, 0]
func.func @bits() -> (tensor<2x1x1xi8> {lowbit.name = "planes"}, tensor<1x3x!lowbit.code<#lowbit.ternary>> {lowbit.name = "back"},
                      tensor<1x1xi8> {lowbit.name = "packed"}, tensor<1x4x!lowbit.code<#lowbit.ternary>> {lowbit.name = "unpacked"}) {
  %c = arith.constant dense<"0x010003"> : tensor<1x3x!lowbit.code<#lowbit.ternary>>
  %p = lowbit.to_bits %c : tensor<1x3x!lowbit.code<#lowbit.ternary>> -> tensor<2x1x1xi8> of #lowbit.ternary
  %q = arith.constant dense<[[[5]], [[4]]]> : tensor<2x1x1xi8>
  %d = lowbit.from_bits %q : tensor<2x1x1xi8> -> tensor<1x3x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary
  %e = arith.constant dense<"0x01000300"> : tensor<1x4x!lowbit.code<#lowbit.ternary>>
  %k = lowbit.pack %e : tensor<1x4x!lowbit.code<#lowbit.ternary>> -> tensor<1x1xi8> of #lowbit.ternary as #lowbit.row_major
  %b = arith.constant dense<49> : tensor<1x1xi8>
  %u = lowbit.unpack %b : tensor<1x1xi8> -> tensor<1x4x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary as #lowbit.row_major
  return %p, %d, %k, %u : tensor<2x1x1xi8>, tensor<1x3x!lowbit.code<#lowbit.ternary>>, tensor<1x1xi8>, tensor<1x4x!lowbit.code<#lowbit.ternary>>
}

// 1 + 2 * 3 + 0 * 9 + 1 * 27 + 2 * 81 = 196; a 3 is stored as 2. Bytes from 243 on are read as 242, as the lookups of a dot product do it. An
// index counts modulo the size of its table.
// DIGITS: packed uint8 [1, 1, 2, 1] [196, 242]
// DIGITS: unpacked int8 [5, 2] [1, 2, 2, 2, 0, 2, 1, 2, 2, 2]
// DIGITS: entry int8 [] [-7]
func.func @digits() -> (tensor<1x1x2x1xi8> {lowbit.name = "packed", lowbit.type = ui8}, tensor<5x2x!lowbit.code<#lowbit.ternary>> {lowbit.name = "unpacked"},
                        tensor<i8> {lowbit.name = "entry"}) {
  %c = arith.constant dense<"0x01030202000201020202"> : tensor<5x2x!lowbit.code<#lowbit.ternary>>
  %p = lowbit.pack %c : tensor<5x2x!lowbit.code<#lowbit.ternary>> -> tensor<1x1x2x1xi8> of #lowbit.ternary as #lowbit.panel<columns = 2, depth = 1, base = 3>
  %b = arith.constant dense<[[[[196], [250]]]]> : tensor<1x1x2x1xi8>
  %u = lowbit.unpack %b : tensor<1x1x2x1xi8> -> tensor<5x2x!lowbit.code<#lowbit.ternary>> of #lowbit.ternary as #lowbit.panel<columns = 2, depth = 1, base = 3>
  %i = arith.constant 14 : i8
  %l = lowbit.lookup %i in [3, 5, -7, 1] : i8
  %e = tensor.from_elements %l : tensor<i8>
  return %p, %u, %e : tensor<1x1x2x1xi8>, tensor<5x2x!lowbit.code<#lowbit.ternary>>, tensor<i8>
}

// Inside the range the input's gradient passes and the scale's is rounded - scaled; outside it is the bound.
// GRADIENT: value float32 [1, 4] [0.5, -1.0, 0.5, 0.0]
// GRADIENT: dx float32 [1, 4] [1.0, 0.0, 0.0, 1.0]
// GRADIENT: ds float32 [1, 1] [-1.25]
func.func @gradient() -> (tensor<1x4xf32> {lowbit.name = "value"}, tensor<1x4xf32> {lowbit.name = "dx"}, tensor<1x1xf32> {lowbit.name = "ds"}) {
  %x = arith.constant dense<[[0.375, -2.0, 2.0, 0.25]]> : tensor<1x4xf32>
  %s = arith.constant dense<0.5> : tensor<1x1xf32>
  %d = arith.constant dense<1.0> : tensor<1x4xf32>
  %y = lowbit.fake_quant %x, %s <#lowbit.int<2>, block = [1, 0]> : (tensor<1x4xf32>, tensor<1x1xf32>) -> tensor<1x4xf32>
  %dx, %ds = lowbit.fake_quant_grad %x, %s cotangent %d <#lowbit.int<2>, block = [1, 0]>
    : (tensor<1x4xf32>, tensor<1x1xf32>, tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x1xf32>) by #lowbit.ste
  return %y, %dx, %ds : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x1xf32>
}
