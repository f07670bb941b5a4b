// Products of pairs of bf16 in the shape of the target's dot product, which lowbit-lower-dot-products then makes its instruction.
// RUN: quant-opt %s --lowbit-vectorize --canonicalize --cse --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-vectorize --lowbit-lower-dot-products --split-input-file | FileCheck %s --check-prefix=LOWERED

#lhs = affine_map<(i, j, k) -> (i, k)>
#rhs = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>
module attributes {lowbit.target = #lowbit.x86_64_avx512bf16} {
  // Two rows of the right side become pairs in registers, which eight rows of the left side share; each of those gives one pair to all lanes.
  // CHECK-LABEL: func @product
  //  CHECK-SAME:   %[[A:.*]]: memref<16x32xbf16>, %[[B:.*]]: memref<32x64xbf16>, %[[C:.*]]: memref<16x64xf32>
  //       CHECK:   scf.for %[[J:.*]] = %c0 to %c64 step %c32
  //       CHECK:     scf.for %[[I:.*]] = %c0 to %c16 step %c8
  //       CHECK:       scf.for %[[K:.*]] = %c0 to %c32 step %c2 iter_args
  //       CHECK:         %[[FIRST:.*]] = vector.load %[[B]][%[[K]], %[[J]]] : memref<32x64xbf16>, vector<32xbf16>
  //       CHECK:         %[[SECOND:.*]] = vector.load %[[B]][%{{.*}}, %[[J]]] : memref<32x64xbf16>, vector<32xbf16>
  //       CHECK:         vector.shuffle %[[FIRST]], %[[SECOND]] [0, 32, 1, 33,
  //       CHECK:         vector.shuffle %[[FIRST]], %[[SECOND]] [16, 48, 17, 49,
  //       CHECK:         vector.load %[[A]][%[[I]], %[[K]]] : memref<16x32xbf16>, vector<2xbf16>
  // CHECK-COUNT-16:         vector.contract {{.*}} : vector<2xf32>, vector<16x2xf32> into vector<16xf32>
  //   CHECK-NOT:         vector.contract
  // CHECK-COUNT-16:       vector.store %{{.*}}, %[[C]]
  // LOWERED-LABEL: func @product
  // LOWERED-COUNT-16: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
  //   LOWERED-NOT: vector.contract
  //       LOWERED: return
  func.func @product(%a: memref<16x32xbf16>, %b: memref<32x64xbf16>, %c: memref<16x64xf32>) {
    linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : memref<16x32xbf16>, memref<32x64xbf16>) outs(%c : memref<16x64xf32>) {
    ^bb0(%x: bf16, %y: bf16, %o: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 fastmath<reassoc> : f32
      %3 = arith.addf %o, %2 fastmath<reassoc> : f32
      linalg.yield %3 : f32
    }
    return
  }

  // What a last pair has not is zero on both sides; lanes past the last column are computed and not stored. Sums start from a scalar.
  // CHECK-LABEL: func @rest
  //  CHECK-SAME:   %[[A:.*]]: memref<3x5xbf16>, %[[B:.*]]: memref<5x19xbf16>
  //   CHECK-DAG:   %[[START:.*]] = arith.constant dense<1.000000e+00> : vector<16xf32>
  //   CHECK-DAG:   %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<1xbf16>
  //   CHECK-DAG:   %[[ZEROS:.*]] = arith.constant dense<0.000000e+00> : vector<3xbf16>
  //       CHECK:   scf.for %{{.*}} = %c0 to %c4 step %c2 iter_args(%{{.*}} = %[[START]],
  //       CHECK:     vector.load %[[B]][%{{.*}}, %c16] : memref<5x19xbf16>, vector<3xbf16>
  //       CHECK:     vector.shuffle {{.*}} [0, 3, 1, 4, 2, 5, 2, 5,
  //       CHECK:   %[[LAST:.*]] = vector.load %[[B]][%c4, %c16] : memref<5x19xbf16>, vector<3xbf16>
  //       CHECK:   vector.shuffle %[[LAST]], %[[ZEROS]] [0, 3, 1, 4, 2, 5, 2, 5,
  //       CHECK:   %[[PAIR:.*]] = vector.load %[[A]][%c0, %c4] : memref<3x5xbf16>, vector<1xbf16>
  //       CHECK:   vector.interleave %[[PAIR]], %[[ZERO]]
  //       CHECK:   vector.extract_strided_slice {{.*}} : vector<16xf32> to vector<3xf32>
  func.func @rest(%a: memref<3x5xbf16>, %b: memref<5x19xbf16>, %out: memref<3x19xf32>) {
    %one = arith.constant 1.0 : f32
    %c = memref.alloc() : memref<3x19xf32>
    linalg.fill ins(%one : f32) outs(%c : memref<3x19xf32>)
    linalg.generic {indexing_maps = [#rhs, #lhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%b, %a : memref<5x19xbf16>, memref<3x5xbf16>) outs(%c : memref<3x19xf32>) {
    ^bb0(%x: bf16, %y: bf16, %o: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 fastmath<reassoc> : f32
      %3 = arith.addf %2, %o fastmath<reassoc> : f32
      linalg.yield %3 : f32
    }
    memref.copy %c, %out : memref<3x19xf32> to memref<3x19xf32>
    return
  }

  // A sum with a fixed order is no dot product, and neither is one whose pairs are not next to one another on the left.
  // CHECK-LABEL: func @refused
  //   CHECK-NOT:   vector.contract
  //       CHECK:   return
  func.func @refused(%a: memref<16x32xbf16>, %at: memref<32x16xbf16>, %b: memref<32x64xbf16>, %c: memref<16x64xf32>) {
    linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : memref<16x32xbf16>, memref<32x64xbf16>) outs(%c : memref<16x64xf32>) {
    ^bb0(%x: bf16, %y: bf16, %o: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 : f32
      %3 = arith.addf %o, %2 : f32
      linalg.yield %3 : f32
    }
    linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (k, i)>, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%at, %b : memref<32x16xbf16>, memref<32x64xbf16>) outs(%c : memref<16x64xf32>) {
    ^bb0(%x: bf16, %y: bf16, %o: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 fastmath<reassoc> : f32
      %3 = arith.addf %o, %2 fastmath<reassoc> : f32
      linalg.yield %3 : f32
    }
    return
  }
}

// -----

#lhs = affine_map<(i, j, k) -> (i, k)>
#rhs = affine_map<(i, j, k) -> (k, j)>
#out = affine_map<(i, j, k) -> (i, j)>
// Where the target has no such instruction, products are those of f32.
module attributes {lowbit.target = #lowbit.x86_64_avx512vnni} {
  // CHECK-LABEL: func @without
  //   CHECK-NOT:   vector.contract
  //       CHECK:   arith.mulf {{.*}} : vector<16xf32>
  func.func @without(%a: memref<16x32xbf16>, %b: memref<32x64xbf16>, %c: memref<16x64xf32>) {
    linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a, %b : memref<16x32xbf16>, memref<32x64xbf16>) outs(%c : memref<16x64xf32>) {
    ^bb0(%x: bf16, %y: bf16, %o: f32):
      %0 = arith.extf %x : bf16 to f32
      %1 = arith.extf %y : bf16 to f32
      %2 = arith.mulf %0, %1 fastmath<reassoc> : f32
      %3 = arith.addf %o, %2 fastmath<reassoc> : f32
      linalg.yield %3 : f32
    }
    return
  }
}
