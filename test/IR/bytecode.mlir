// RUN: quant-opt %s --emit-bytecode -o %t.mlirbc
// RUN: quant-opt %t.mlirbc | FileCheck %s
// A version from the future is an error that says so: the stored version 1 (the varint 3, in a section of one byte) becomes 2.
// RUN: %python -c "import sys; b = open(sys.argv[1], 'rb').read(); assert b.count(b'\x07\x03\x03') == 1; open(sys.argv[2], 'wb').write(b.replace(b'\x07\x03\x03', b'\x07\x03\x05'))" %t.mlirbc %t.newer.mlirbc
// RUN: not quant-opt %t.newer.mlirbc 2>&1 | FileCheck %s --check-prefix=NEWER

// NEWER: lowbit bytecode version 2 is newer than 1, the newest this build reads
// CHECK-LABEL: func @stored
//       CHECK:   lowbit.quantize %{{.*}}, %{{.*}} <#lowbit.codebook<nf4>, block = [1, 4], scale = f8E8M0FNU>
func.func @stored(%x: tensor<2x8xf32>, %s: tensor<2x2xf8E8M0FNU>) -> tensor<2x8x!lowbit.code<#lowbit.codebook<nf4>>> {
  %c = lowbit.quantize %x, %s <#lowbit.codebook<nf4>, block = [1, 4], scale = f8E8M0FNU>
      : (tensor<2x8xf32>, tensor<2x2xf8E8M0FNU>) -> tensor<2x8x!lowbit.code<#lowbit.codebook<nf4>>>
  return %c : tensor<2x8x!lowbit.code<#lowbit.codebook<nf4>>>
}
