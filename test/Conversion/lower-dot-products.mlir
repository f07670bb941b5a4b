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
