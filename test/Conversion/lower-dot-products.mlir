// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-lower-dot-products{target=x86-64-avx512vnni},canonicalize)' | FileCheck %s --check-prefix=VNNI
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-lower-dot-products{target=x86-64-avx2},canonicalize)' | FileCheck %s --check-prefix=AVX2
// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-lower-dot-products{target=generic},canonicalize)' | FileCheck %s --check-prefix=GENERIC

#dot = {indexing_maps = [affine_map<(n, k) -> (k)>, affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n)>],
        iterator_types = ["parallel", "reduction"], kind = #vector.kind<add>}

// The unsigned codes are the first factor.
// VNNI-LABEL: func @unsigned_by_signed
//  VNNI-SAME:   %[[LHS:.*]]: vector<4xi8>, %[[RHS:.*]]: vector<16x4xi8>, %[[ACC:.*]]: vector<16xi32>
//       VNNI:   %[[WEIGHTS:.*]] = vector.shape_cast %[[RHS]] : vector<16x4xi8> to vector<64xi8>
//       VNNI:   %[[GROUP:.*]] = vector.bitcast %[[LHS]] : vector<4xi8> to vector<1xi32>
//       VNNI:   %[[CODES:.*]] = vector.bitcast %{{.*}} : vector<16xi32> to vector<64xi8>
//       VNNI:   llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%[[ACC]], %[[CODES]], %[[WEIGHTS]])
func.func @unsigned_by_signed(%a: vector<4xi8>, %b: vector<16x4xi8>, %acc: vector<16xi32>) -> vector<16xi32> {
  %x = arith.extui %a : vector<4xi8> to vector<4xi32>
  %y = arith.extsi %b : vector<16x4xi8> to vector<16x4xi32>
  %r = vector.contract #dot %x, %y, %acc : vector<4xi32>, vector<16x4xi32> into vector<16xi32>
  return %r : vector<16xi32>
}

// VNNI-LABEL: func @signed_by_unsigned
//       VNNI:   %[[WEIGHTS:.*]] = vector.shape_cast
//       VNNI:   %[[CODES:.*]] = vector.bitcast %{{.*}} : vector<16xi32> to vector<64xi8>
//       VNNI:   llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}, %[[WEIGHTS]], %[[CODES]])
func.func @signed_by_unsigned(%a: vector<4xi8>, %b: vector<16x4xi8>, %acc: vector<16xi32>) -> vector<16xi32> {
  %x = arith.extsi %a : vector<4xi8> to vector<4xi32>
  %y = arith.extui %b : vector<16x4xi8> to vector<16x4xi32>
  %r = vector.contract #dot %x, %y, %acc : vector<4xi32>, vector<16x4xi32> into vector<16xi32>
  return %r : vector<16xi32>
}

// No instruction has both sides signed: extend, multiply and add, still exactly.
// VNNI-LABEL: func @signed_by_signed
//   VNNI-NOT:   llvm.call_intrinsic
// VNNI-COUNT-4:   arith.muli {{.*}} : vector<16xi32>
//   VNNI-NOT:   vector.contract
//       VNNI:   return
func.func @signed_by_signed(%a: vector<4xi8>, %b: vector<16x4xi8>, %acc: vector<16xi32>) -> vector<16xi32> {
  %x = arith.extsi %a : vector<4xi8> to vector<4xi32>
  %y = arith.extsi %b : vector<16x4xi8> to vector<16x4xi32>
  %r = vector.contract #dot %x, %y, %acc : vector<4xi32>, vector<16x4xi32> into vector<16xi32>
  return %r : vector<16xi32>
}

// Codes that are looked up are flat before they meet a dot product. A table of one register needs one shuffle, of two another.
// VNNI-LABEL: func @looked_up
//  VNNI-SAME:   %{{.*}}: vector<4xi8>, %[[BYTES:.*]]: vector<16x4xi8>, %[[INDEX:.*]]: vector<64xi8>
//   VNNI-DAG:   %[[TWO:.*]] = arith.constant dense<2> : vector<64xi8>
//   VNNI-DAG:   %[[SHORT:.*]] = arith.constant dense<[1, 0, 2, 7, 1, 0, 2, 7, {{.*}}]> : vector<64xi8>
//   VNNI-DAG:   %[[FLAT:.*]] = vector.shape_cast %[[BYTES]] : vector<16x4xi8> to vector<64xi8>
//       VNNI:   %[[REST:.*]] = arith.subi %[[FLAT]], %[[TWO]] : vector<64xi8>
//       VNNI:   %[[CODES:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.qi.512"(%[[SHORT]], %[[REST]])
//       VNNI:   llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}, %[[CODES]], %{{.*}})
//       VNNI:   llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%{{.*}}, %[[INDEX]], %{{.*}})
func.func @looked_up(%a: vector<4xi8>, %b: vector<16x4xi8>, %i: vector<64xi8>, %acc: vector<16xi32>) -> (vector<16xi32>, vector<64xi8>) {
  %two = arith.constant dense<2> : vector<16x4xi8>
  %rest = arith.subi %b, %two : vector<16x4xi8>
  %codes = lowbit.lookup %rest in [1, 0, 2, 7] : vector<16x4xi8>
  %x = arith.extsi %a : vector<4xi8> to vector<4xi32>
  %y = arith.extui %codes : vector<16x4xi8> to vector<16x4xi32>
  %r = vector.contract #dot %x, %y, %acc : vector<4xi32>, vector<16x4xi32> into vector<16xi32>
  %l = lowbit.lookup %i in [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 17, 18, 18, 19, 19, 20, 20, 21, 21, 22, 22, 23, 23, 24, 24, 25, 25, 26, 26, 27, 27, 28, 28, 29, 29, 30, 30, 31, 31, 32, 32, 33, 33, 34, 34, 35, 35, 36, 36, 37, 37, 38, 38, 39, 39, 40, 40, 41, 41, 42, 42, 43, 43, 44, 44, 45, 45, 46, 46, 47, 47, 48, 48, 49, 49, 50, 50, 51, 51, 52, 52, 53, 53, 54, 54, 55, 55, 56, 56, 57, 57, 58, 58, 59, 59, 60, 60, 61, 61, 62, 62, 63, 63] : vector<64xi8>
  return %r, %l : vector<16xi32>, vector<64xi8>
}

// Pairs of 16 bits: a sum of two products cannot saturate.
// AVX2-LABEL: func @pairs
//       AVX2:   arith.extui %{{.*}} : vector<16xi8> to vector<16xi16>
//       AVX2:   %[[SUMS:.*]] = llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"(%{{.*}}, %{{.*}}) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
//       AVX2:   arith.addi %{{.*}}, %[[SUMS]]
func.func @pairs(%a: vector<2xi16>, %b: vector<8x2xi8>, %acc: vector<8xi32>) -> vector<8xi32> {
  %x = arith.extsi %a : vector<2xi16> to vector<2xi32>
  %y = arith.extui %b : vector<8x2xi8> to vector<8x2xi32>
  %r = vector.contract #dot %x, %y, %acc : vector<2xi32>, vector<8x2xi32> into vector<8xi32>
  return %r : vector<8xi32>
}

// GENERIC-LABEL: func @lanes
//   GENERIC-DAG:   arith.extui %{{.*}} : i8 to i32
//   GENERIC-DAG:   arith.extsi %{{.*}} : vector<4xi8> to vector<4xi32>
//       GENERIC:   arith.muli {{.*}} : vector<4xi32>
//       GENERIC:   arith.addi {{.*}} : vector<4xi32>
func.func @lanes(%a: vector<1xi8>, %b: vector<4x1xi8>, %acc: vector<4xi32>) -> vector<4xi32> {
  %x = arith.extui %a : vector<1xi8> to vector<1xi32>
  %y = arith.extsi %b : vector<4x1xi8> to vector<4x1xi32>
  %r = vector.contract #dot %x, %y, %acc : vector<1xi32>, vector<4x1xi32> into vector<4xi32>
  return %r : vector<4xi32>
}

// Not codes: left as it is.
// VNNI-LABEL: func @not_codes
//       VNNI:   vector.contract
func.func @not_codes(%x: vector<4xi32>, %y: vector<16x4xi32>, %acc: vector<16xi32>) -> vector<16xi32> {
  %r = vector.contract #dot %x, %y, %acc : vector<4xi32>, vector<16x4xi32> into vector<16xi32>
  return %r : vector<16xi32>
}
