// Codes of up to four bits are looked up where one instruction does so for a whole register; elsewhere the arithmetic of the format.
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-lower-dot-products{target=x86-64-avx512vnni},canonicalize)' | FileCheck %s --check-prefix=LOOKUP
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-lower-dot-products{target=x86-64-avx512bf16},canonicalize)' | FileCheck %s --check-prefixes=LOOKUP,HALVES
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-lower-dot-products{target=x86-64-avx2},canonicalize)' | FileCheck %s --check-prefix=ARITHMETIC

//     LOOKUP-LABEL: func @words
//           LOOKUP:   arith.constant dense<[-8.000000e+00, -7.000000e+00
//           LOOKUP:   llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"
// ARITHMETIC-LABEL: func @words
//   ARITHMETIC-NOT:   llvm.call_intrinsic
//       ARITHMETIC:   arith.subf
func.func @words(%c: vector<16xi8>) -> vector<16xf32> {
  %r = lowbit.decode %c : vector<16xi8> -> vector<16xf32> of #lowbit.uint<4> zero 8
  return %r : vector<16xf32>
}

//     LOOKUP-LABEL: func @nf4
//           LOOKUP:   llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"
// ARITHMETIC-LABEL: func @nf4
//   ARITHMETIC-NOT:   llvm.call_intrinsic
func.func @nf4(%c: vector<16xi8>) -> vector<16xf32> {
  %r = lowbit.decode %c : vector<16xi8> -> vector<16xf32> of #lowbit.codebook<nf4>
  return %r : vector<16xf32>
}

// Bits above those of a code do not matter.
// LOOKUP-LABEL: func @few
//       LOOKUP:   arith.constant dense<[0.000000e+00, 1.000000e+00, -2.000000e+00, -1.000000e+00, 0.000000e+00
//       LOOKUP:   llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"
func.func @few(%c: vector<16xi8>) -> vector<16xf32> {
  %r = lowbit.decode %c : vector<16xi8> -> vector<16xf32> of #lowbit.int<2>
  return %r : vector<16xf32>
}

// HALVES-LABEL: func @halves
//       HALVES:   llvm.call_intrinsic "llvm.x86.avx512.permvar.hi.512"
func.func @halves(%c: vector<16x2xi8>) -> vector<16x2xbf16> {
  %r = lowbit.decode %c : vector<16x2xi8> -> vector<16x2xbf16> of #lowbit.float<f4E2M1FN>
  return %r : vector<16x2xbf16>
}

// LOOKUP-LABEL: func @bytes
//   LOOKUP-NOT:   llvm.call_intrinsic
//       LOOKUP:   return
func.func @bytes(%c: vector<16xi8>) -> vector<16xf32> {
  %r = lowbit.decode %c : vector<16xi8> -> vector<16xf32> of #lowbit.float<f8E4M3FN>
  return %r : vector<16xf32>
}
