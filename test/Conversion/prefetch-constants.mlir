// RUN: quant-opt %s --pass-pipeline='builtin.module(lowbit-prefetch-constants{target=x86-64-avx512vnni})' | FileCheck %s

memref.global "private" constant @large : memref<64x64x512xi8> = dense<1>
memref.global "private" constant @scales : memref<64x64x512xf16> = dense<1.0>
memref.global "private" constant @small : memref<4x64x512xi8> = dense<1>
memref.global "private" @variable : memref<64x64x512xi8> = dense<1>

// What a loop reads next is asked for 8 KiB ahead: that many elements of a byte, half as many of two.
// CHECK-DAG: #[[BYTES:.*]] = affine_map<(d0) -> (d0 + 8192)>
// CHECK-DAG: #[[HALVES:.*]] = affine_map<(d0) -> (d0 + 4096)>
// CHECK-LABEL: func @stream
//       CHECK:   scf.for %[[PANEL:[a-z0-9]+]] =
//       CHECK:     scf.for %[[STEP:[a-z0-9]+]] =
//       CHECK:       %[[AHEAD:[0-9]+]] = affine.apply #[[BYTES]](%[[C64:[a-z0-9]+]])
//       CHECK:       memref.prefetch %[[LARGE:[0-9]+]][%[[PANEL]], %[[STEP]], %[[AHEAD]]], read, locality<3>, data : memref<64x64x512xi8>
//       CHECK:       vector.load %[[LARGE]][%[[PANEL]], %[[STEP]], %[[C64]]]
//       CHECK:       affine.apply #[[HALVES]](%[[C64]])
//       CHECK:       memref.prefetch {{.*}} : memref<64x64x512xf16>
func.func @stream(%sum: vector<64xi8>, %scale: vector<32xf16>) -> (vector<64xi8>, vector<32xf16>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %large = memref.get_global @large : memref<64x64x512xi8>
  %scales = memref.get_global @scales : memref<64x64x512xf16>
  %r:2 = scf.for %panel = %c0 to %c64 step %c1 iter_args(%outer = %sum, %s = %scale) -> (vector<64xi8>, vector<32xf16>) {
    %inner:2 = scf.for %step = %c0 to %c64 step %c1 iter_args(%a = %outer, %b = %s) -> (vector<64xi8>, vector<32xf16>) {
      %codes = vector.load %large[%panel, %step, %c64] : memref<64x64x512xi8>, vector<64xi8>
      %factors = vector.load %scales[%panel, %step, %c64] : memref<64x64x512xf16>, vector<32xf16>
      %next = arith.addi %a, %codes : vector<64xi8>
      %scaled = arith.mulf %b, %factors : vector<32xf16>
      scf.yield %next, %scaled : vector<64xi8>, vector<32xf16>
    }
    scf.yield %inner#0, %inner#1 : vector<64xi8>, vector<32xf16>
  }
  return %r#0, %r#1 : vector<64xi8>, vector<32xf16>
}

// Nothing is asked for where a cache holds the constant, the buffer is no constant, or the loop stands still.
// CHECK-LABEL: func @others
//   CHECK-NOT:   memref.prefetch
//       CHECK:   return
func.func @others(%sum: vector<64xi8>) -> vector<64xi8> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %small = memref.get_global @small : memref<4x64x512xi8>
  %variable = memref.get_global @variable : memref<64x64x512xi8>
  %large = memref.get_global @large : memref<64x64x512xi8>
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%a = %sum) -> vector<64xi8> {
    %x = vector.load %small[%i, %c0, %c0] : memref<4x64x512xi8>, vector<64xi8>
    %y = vector.load %variable[%i, %c0, %c0] : memref<64x64x512xi8>, vector<64xi8>
    %z = vector.load %large[%c0, %c1, %c0] : memref<64x64x512xi8>, vector<64xi8>
    %xy = arith.addi %x, %y : vector<64xi8>
    %xyz = arith.addi %xy, %z : vector<64xi8>
    %next = arith.addi %a, %xyz : vector<64xi8>
    scf.yield %next : vector<64xi8>
  }
  return %r : vector<64xi8>
}
