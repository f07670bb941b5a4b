// RUN: quant-opt %s --lowbit-vectorize --canonicalize --cse --split-input-file | FileCheck %s

#map = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
module attributes {lowbit.target = #lowbit.x86_64_avx512vnni} {
  // What is the same along a row is loaded once, before the loop over its vectors; the rest of the row takes a shorter vector.
  // CHECK-LABEL: func @pointwise
  //  CHECK-SAME:   %[[X:.*]]: memref<4x40xf32>, %[[M:.*]]: memref<4xf32>
  //       CHECK:   scf.for %[[I:.*]] =
  //       CHECK:     %[[MEAN:.*]] = memref.load %[[M]][%[[I]]]
  //       CHECK:     scf.for %[[J:.*]] = %c0 to %c32 step %c16
  //       CHECK:       vector.load %[[X]][%[[I]], %[[J]]] : memref<4x40xf32>, vector<16xf32>
  //       CHECK:       vector.broadcast %[[MEAN]] : f32 to vector<16xf32>
  //       CHECK:     vector.load %[[X]][%[[I]], %c32] : memref<4x40xf32>, vector<8xf32>
  func.func @pointwise(%x: memref<4x40xf32>, %m: memref<4xf32>, %y: memref<4x40xf32>) {
    linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]}
        ins(%x, %m : memref<4x40xf32>, memref<4xf32>) outs(%y : memref<4x40xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %0 = arith.subf %a, %b : f32
      linalg.yield %0 : f32
    }
    return
  }

  // A product keeps a tile of rows by vectors in registers: 8 x 48 with 32 registers of 16 lanes.
  // CHECK-LABEL: func @matmul
  //       CHECK:   scf.for %{{.*}} = %c0 to %c96 step %c48
  //       CHECK:     scf.for %{{.*}} = %c0 to %c16 step %c8
  //       CHECK:       scf.for %{{.*}} = %c0 to %c5 step %c1 iter_args
  //       CHECK-COUNT-24: arith.addf {{.*}} : vector<16xf32>
  //   CHECK-NOT:       arith.addf
  func.func @matmul(%a: memref<16x5xf32>, %b: memref<5x96xf32>, %c: memref<16x96xf32>) {
    linalg.matmul ins(%a, %b : memref<16x5xf32>, memref<5x96xf32>) outs(%c : memref<16x96xf32>)
    return
  }

  // A product starts from the scalar that its buffer was set to, and the buffer is written once.
  // CHECK-LABEL: func @start
  //   CHECK-NOT:   linalg.fill
  //   CHECK-NOT:   vector.load %{{.*}} : memref<16x96xf32>
  //       CHECK:   scf.for %{{.*}} = %c0 to %c5 step %c1 iter_args(%{{.*}} = %[[ZEROS:.*]], %{{.*}} = %[[ZEROS]],
  //       CHECK:   memref.copy
  func.func @start(%a: memref<16x5xf32>, %b: memref<5x96xf32>, %out: memref<16x96xf32>) {
    %zero = arith.constant 0.0 : f32
    %c = memref.alloc() : memref<16x96xf32>
    linalg.fill ins(%zero : f32) outs(%c : memref<16x96xf32>)
    linalg.matmul ins(%a, %b : memref<16x5xf32>, memref<5x96xf32>) outs(%c : memref<16x96xf32>)
    memref.copy %c, %out : memref<16x96xf32> to memref<16x96xf32>
    return
  }

  // So does one into a buffer that others may see, if nothing but itself comes after the fill.
  // CHECK-LABEL: func @start_of_result
  //   CHECK-NOT:   vector.load %{{.*}} : memref<16x96xf32>
  //       CHECK:   return
  func.func @start_of_result(%a: memref<16x5xf32>, %b: memref<5x96xf32>, %c: memref<16x96xf32>) {
    %zero = arith.constant 0.0 : f32
    linalg.fill ins(%zero : f32) outs(%c : memref<16x96xf32>)
    linalg.matmul ins(%a, %b : memref<16x5xf32>, memref<5x96xf32>) outs(%c : memref<16x96xf32>)
    return
  }

  // Each step of the outer sum goes on from what the steps before it left in the buffer.
  // CHECK-LABEL: func @two_sums
  //       CHECK:   vector.store
  //       CHECK:   scf.for
  //       CHECK:     memref.load %{{.*}} : memref<4xf32>
  //       CHECK:     memref.store %{{.*}} : memref<4xf32>
  func.func @two_sums(%x: memref<4x3x32xf32>, %out: memref<4xf32>) {
    %zero = arith.constant 0.0 : f32
    %s = memref.alloc() : memref<4xf32>
    linalg.fill ins(%zero : f32) outs(%s : memref<4xf32>)
    linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i)>],
                    iterator_types = ["parallel", "reduction", "reduction"]} ins(%x : memref<4x3x32xf32>) outs(%s : memref<4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %a, %o fastmath<reassoc> : f32
      linalg.yield %0 : f32
    }
    memref.copy %s, %out : memref<4xf32> to memref<4xf32>
    return
  }

  // Somebody read the buffer before the product.
  // CHECK-LABEL: func @read_between
  //       CHECK:   vector.store
  //       CHECK:   memref.copy
  //       CHECK:   vector.load %{{.*}} : memref<16x96xf32>
  func.func @read_between(%a: memref<16x5xf32>, %b: memref<5x96xf32>, %out: memref<16x96xf32>) {
    %zero = arith.constant 0.0 : f32
    %c = memref.alloc() : memref<16x96xf32>
    linalg.fill ins(%zero : f32) outs(%c : memref<16x96xf32>)
    memref.copy %c, %out : memref<16x96xf32> to memref<16x96xf32>
    linalg.matmul ins(%a, %b : memref<16x5xf32>, memref<5x96xf32>) outs(%c : memref<16x96xf32>)
    memref.copy %c, %out : memref<16x96xf32> to memref<16x96xf32>
    return
  }

  // Lanes hold partial sums only where the sum may be reordered.
  // CHECK-LABEL: func @row_sum
  //       CHECK:   scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
  //       CHECK:   vector.extract_strided_slice
  func.func @row_sum(%x: memref<4x128xf32>, %s: memref<4xf32>) {
    linalg.generic {indexing_maps = [#map, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x128xf32>) outs(%s : memref<4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %a, %o fastmath<reassoc> : f32
      linalg.yield %0 : f32
    }
    return
  }

  // CHECK-LABEL: func @ordered_row_sum
  //   CHECK-NOT:   vector
  //       CHECK:   linalg.generic
  func.func @ordered_row_sum(%x: memref<4x32xf32>, %s: memref<4xf32>) {
    linalg.generic {indexing_maps = [#map, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x32xf32>) outs(%s : memref<4xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.addf %a, %o : f32
      linalg.yield %0 : f32
    }
    return
  }

  // A row of a table is contiguous although its number is known at run time only.
  // CHECK-LABEL: func @gather
  //  CHECK-SAME:   %[[IDS:.*]]: memref<4xi64>, %[[TABLE:.*]]: memref<9x32xf32>
  //       CHECK:   vector.load %[[TABLE]][%{{.*}}, %{{.*}}] : memref<9x32xf32>, vector<16xf32>
  func.func @gather(%ids: memref<4xi64>, %table: memref<9x32xf32>, %y: memref<4x32xf32>) {
    linalg.generic {indexing_maps = [#row, #map], iterator_types = ["parallel", "parallel"]} ins(%ids : memref<4xi64>) outs(%y : memref<4x32xf32>) {
    ^bb0(%id: i64, %o: f32):
      %i = arith.index_cast %id : i64 to index
      %j = linalg.index 1 : index
      %0 = memref.load %table[%i, %j] : memref<9x32xf32>
      linalg.yield %0 : f32
    }
    return
  }

  // Codes that share bytes: sixteen lanes load their eight bytes once, and each shifts by its place. What is of the row is loaded before.
  // CHECK-LABEL: func @gather_packed
  //  CHECK-SAME:   %[[IDS:.*]]: memref<4xindex>, %[[TABLE:.*]]: memref<9x16xi8>, %[[SCALES:.*]]: memref<9x1xf32>
  //       CHECK:   %[[SHIFTS:.*]] = arith.constant dense<[0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4]> : vector<16xi8>
  //       CHECK:     %[[ID:.*]] = memref.load %[[IDS]]
  //       CHECK:     memref.load %[[SCALES]][%[[ID]], %c0]
  //       CHECK:     scf.for %[[J:.*]] = %c0 to %c32 step %c16
  //       CHECK:       %[[BYTE:.*]] = affine.apply #{{.*}}()[%[[J]]]
  //       CHECK:       %[[BYTES:.*]] = vector.load %[[TABLE]][%[[ID]], %[[BYTE]]] : memref<9x16xi8>, vector<8xi8>
  //       CHECK:       %[[LANES:.*]] = vector.shuffle %[[BYTES]], %[[BYTES]] [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
  //       CHECK:       arith.shrui %[[LANES]], %[[SHIFTS]] : vector<16xi8>
  //   CHECK-NOT:       memref.load
  //       CHECK:       vector.store
  func.func @gather_packed(%ids: memref<4xindex>, %table: memref<9x16xi8>, %scales: memref<9x1xf32>, %y: memref<4x32xf32>) {
    %zero = arith.constant 0 : index
    %mask = arith.constant 15 : i8
    linalg.generic {indexing_maps = [#row, #map], iterator_types = ["parallel", "parallel"]} ins(%ids : memref<4xindex>) outs(%y : memref<4x32xf32>) {
    ^bb0(%i: index, %o: f32):
      %j = linalg.index 1 : index
      %byte = affine.apply affine_map<()[s0] -> (s0 floordiv 2)>()[%j]
      %place = affine.apply affine_map<()[s0] -> ((s0 mod 2) * 4)>()[%j]
      %shift = arith.index_cast %place : index to i8
      %bits = memref.load %table[%i, %byte] : memref<9x16xi8>
      %shifted = arith.shrui %bits, %shift : i8
      %code = arith.andi %shifted, %mask : i8
      %real = arith.uitofp %code : i8 to f32
      %scale = memref.load %scales[%i, %zero] : memref<9x1xf32>
      %0 = arith.mulf %real, %scale : f32
      linalg.yield %0 : f32
    }
    return
  }

  // Sixteen lanes begin anywhere among 24 neighbours, so that which of them share an element differs from vector to vector.
  // CHECK-LABEL: func @gather_torn
  //   CHECK-NOT:   vector.load
  func.func @gather_torn(%table: memref<9x2xi8>, %y: memref<4x40xi8>) {
    linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel"]} outs(%y : memref<4x40xi8>) {
    ^bb0(%o: i8):
      %i = linalg.index 0 : index
      %j = linalg.index 1 : index
      %byte = affine.apply affine_map<()[s0] -> (s0 floordiv 24)>()[%j]
      %bits = memref.load %table[%i, %byte] : memref<9x2xi8>
      linalg.yield %bits : i8
    }
    return
  }

  // Sums of one vector each, whose results are neighbours: four are brought together half by half, and stored as one vector.
  // CHECK-LABEL: func @short_sums
  //  CHECK-SAME:   %[[X:.*]]: memref<3x12x16xi8>, %[[Y:.*]]: memref<3x12xi32>
  //       CHECK:   scf.for %{{.*}} = %c0 to %c12 step %c4
  //       CHECK-COUNT-4: vector.load %[[X]]{{.*}} vector<16xi8>
  //       CHECK:     %[[START:.*]] = vector.load %[[Y]]{{.*}} vector<4xi32>
  //       CHECK:     vector.shuffle {{.*}} [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23] : vector<16xi32>, vector<16xi32>
  //       CHECK:     vector.shuffle {{.*}} [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31] : vector<16xi32>, vector<16xi32>
  //       CHECK:     vector.shuffle {{.*}} [0, 2, 4, 6] : vector<8xi32>, vector<8xi32>
  //       CHECK:     vector.shuffle {{.*}} [1, 3, 5, 7] : vector<8xi32>, vector<8xi32>
  //       CHECK:     arith.addi %[[START]], %{{.*}} : vector<4xi32>
  //       CHECK:     vector.store %{{.*}}, %[[Y]]{{.*}} vector<4xi32>
  func.func @short_sums(%x: memref<3x12x16xi8>, %y: memref<3x12xi32>) {
    linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x : memref<3x12x16xi8>) outs(%y : memref<3x12xi32>) {
    ^bb0(%in: i8, %out: i32):
      %wide = arith.extsi %in : i8 to i32
      %0 = arith.addi %out, %wide : i32
      linalg.yield %0 : i32
    }
    return
  }

  // Rows become columns in registers, a tile at a time: within pieces of 128 bits first, then piece by piece.
  // CHECK-LABEL: func @transpose
  //       CHECK:   scf.for %{{.*}} = %c0 to %c32 step %c16
  //       CHECK:   vector.shuffle {{.*}} [0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29] : vector<16xf32>, vector<16xf32>
  //       CHECK-COUNT-31: vector.shuffle
  //       CHECK:   vector.shuffle {{.*}} [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27] : vector<16xf32>, vector<16xf32>
  //       CHECK:   vector.shuffle {{.*}} [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31] : vector<16xf32>, vector<16xf32>
  //       CHECK-COUNT-30: vector.shuffle
  //   CHECK-NOT:   vector.shuffle
  //   CHECK-NOT:   memref.load
  //       CHECK:   return
  func.func @transpose(%x: memref<16x32xf32>, %y: memref<32x16xf32>) {
    linalg.transpose ins(%x : memref<16x32xf32>) outs(%y : memref<32x16xf32>) permutation = [1, 0]
    return
  }

  // The innermost loop goes along the longer rows, those that are read.
  // CHECK-LABEL: func @transpose_panel
  //       CHECK:   scf.for %[[ROW:.*]] = %c0 to %c48 step %c16
  //       CHECK:     scf.for %[[COLUMN:.*]] = %c0 to %c64 step %c16
  //       CHECK:       vector.load %{{.*}}[%[[ROW]], %[[COLUMN]]] : memref<48x64xf32>, vector<16xf32>
  func.func @transpose_panel(%x: memref<48x64xf32>, %y: memref<64x48xf32>) {
    linalg.transpose ins(%x : memref<48x64xf32>) outs(%y : memref<64x48xf32>) permutation = [1, 0]
    return
  }

  // Or those that are written.
  // CHECK-LABEL: func @transpose_wide
  //       CHECK:   scf.for %[[COLUMN:.*]] = %c0 to %c32 step %c16
  //       CHECK:     scf.for %[[ROW:.*]] = %c0 to %c64 step %c16
  //       CHECK:       vector.load %{{.*}}[%[[ROW]], %[[COLUMN]]] : memref<64x32xf32>, vector<16xf32>
  func.func @transpose_wide(%x: memref<64x32xf32>, %y: memref<32x64xf32>) {
    linalg.transpose ins(%x : memref<64x32xf32>) outs(%y : memref<32x64xf32>) permutation = [1, 0]
    return
  }

  // What is rounded on the way moves in its smaller type.
  // CHECK-LABEL: func @rounded_transpose
  //       CHECK:   %[[ROW:.*]] = vector.load %{{.*}} : memref<16x32xf32>, vector<16xf32>
  //       CHECK:   arith.truncf %[[ROW]] : vector<16xf32> to vector<16xbf16>
  //       CHECK-COUNT-64: vector.shuffle {{.*}} : vector<16xbf16>, vector<16xbf16>
  //   CHECK-NOT:   memref.load
  //       CHECK:   vector.store %{{.*}} : memref<32x16xbf16>, vector<16xbf16>
  func.func @rounded_transpose(%x: memref<16x32xf32>, %y: memref<32x16xbf16>) {
    linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #map], iterator_types = ["parallel", "parallel"]}
        ins(%x : memref<16x32xf32>) outs(%y : memref<32x16xbf16>) {
    ^bb0(%a: f32, %o: bf16):
      %0 = arith.truncf %a : f32 to bf16
      linalg.yield %0 : bf16
    }
    return
  }

  // Two rows become pairs: each round of interleaving stores whole vectors.
  // CHECK-LABEL: func @pairs
  //   CHECK-DAG:   %[[FLAT:.*]] = memref.collapse_shape %{{.*}} {{\[}}[0], [1, 2]] : memref<8x64x2xbf16> into memref<8x128xbf16>
  //       CHECK:   %[[A:.*]] = vector.load %{{.*}} : memref<8x2x64xbf16>, vector<32xbf16>
  //       CHECK:   %[[B:.*]] = vector.load %{{.*}} : memref<8x2x64xbf16>, vector<32xbf16>
  //       CHECK:   vector.shuffle %[[A]], %[[B]] [0, 32, 1, 33
  //       CHECK:   vector.shuffle %[[A]], %[[B]] [16, 48, 17, 49
  // CHECK-COUNT-2: vector.store %{{.*}}, %[[FLAT]]
  func.func @pairs(%x: memref<8x2x64xbf16>, %y: memref<8x64x2xbf16>) {
    linalg.transpose ins(%x : memref<8x2x64xbf16>) outs(%y : memref<8x64x2xbf16>) permutation = [0, 2, 1]
    return
  }

  // What both sides have as their short last axis moves as one number.
  // CHECK-LABEL: func @units
  //       CHECK:   %[[ROW:.*]] = vector.load %{{.*}} : memref<16x64xbf16>, vector<32xbf16>
  //       CHECK:   vector.bitcast %[[ROW]] : vector<32xbf16> to vector<16xi32>
  //       CHECK:   vector.shuffle {{.*}} : vector<16xi32>, vector<16xi32>
  //       CHECK:   %[[OUT:.*]] = vector.bitcast %{{.*}} : vector<16xi32> to vector<32xbf16>
  //       CHECK:   vector.store %[[OUT]], %{{.*}} : memref<32x32xbf16>
  func.func @units(%x: memref<16x32x2xbf16>, %y: memref<32x16x2xbf16>) {
    linalg.transpose ins(%x : memref<16x32x2xbf16>) outs(%y : memref<32x16x2xbf16>) permutation = [1, 0, 2]
    return
  }

  // A size that is known at run time only ends in a scalar loop.
  // CHECK-LABEL: func @dynamic
  //       CHECK:   vector.load {{.*}} vector<16xf32>
  //       CHECK:   scf.for
  //       CHECK:     memref.load
  func.func @dynamic(%x: memref<?xf32>, %y: memref<?xf32>) {
    linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) {
    ^bb0(%a: f32, %o: f32):
      %0 = arith.negf %a : f32
      linalg.yield %0 : f32
    }
    return
  }

  // A buffer keeps one code a byte, but a vector of i4 in memory holds two: such loads would read the wrong codes.
  // CHECK-LABEL: func @codes_below_a_byte
  //   CHECK-NOT:   vector
  //       CHECK:   linalg.generic
  func.func @codes_below_a_byte(%c: memref<4x32xi4>, %y: memref<4x32xi32>) {
    linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%c : memref<4x32xi4>) outs(%y : memref<4x32xi32>) {
    ^bb0(%a: i4, %o: i32):
      %0 = arith.extsi %a : i4 to i32
      linalg.yield %0 : i32
    }
    return
  }

  // Bits side by side in words: a register of comparisons is two words. The word that no second one follows takes half a register.
  // CHECK-LABEL: func @words_of_bits
  //  CHECK-SAME:   %[[X:.*]]: memref<4x3x32xf32>
  //       CHECK:   %[[Y:.*]] = memref.alloc
  //   CHECK-NOT:   vector.store
  //       CHECK:   %[[RUNS:.*]] = memref.collapse_shape %[[X]] {{.*}} into memref<4x96xf32>
  //       CHECK:   scf.for %[[I:.*]] = %c0 to %c4
  //       CHECK:     %[[XS:.*]] = vector.load %[[RUNS]][%[[I]], %c0] : memref<4x96xf32>, vector<64xf32>
  //       CHECK:     %[[BITS:.*]] = arith.cmpf ult, %[[XS]], %{{.*}} : vector<64xf32>
  //       CHECK:     %[[WORDS:.*]] = vector.bitcast %[[BITS]] : vector<64xi1> to vector<2xi32>
  //       CHECK:     vector.store %[[WORDS]], %[[Y]][%[[I]], %c0] : memref<4x3xi32>, vector<2xi32>
  //       CHECK:     vector.load %[[RUNS]][%[[I]], %c64] : memref<4x96xf32>, vector<32xf32>
  //       CHECK:     vector.bitcast %{{.*}} : vector<32xi1> to vector<1xi32>
  func.func @words_of_bits(%x: memref<4x3x32xf32>) -> memref<4x3xi32> {
    %y = memref.alloc() : memref<4x3xi32>
    %zero = arith.constant 0 : i32
    %limit = arith.constant 0.0 : f32
    linalg.fill ins(%zero : i32) outs(%y : memref<4x3xi32>)
    linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%x : memref<4x3x32xf32>) outs(%y : memref<4x3xi32>) {
    ^bb0(%a: f32, %o: i32):
      %isNegative = arith.cmpf ult, %a, %limit : f32
      %bit = arith.extui %isNegative : i1 to i32
      %k = linalg.index 2 : index
      %place = arith.index_cast %k : index to i32
      %placed = arith.shli %bit, %place : i32
      %0 = arith.ori %placed, %o : i32
      linalg.yield %0 : i32
    }
    return %y : memref<4x3xi32>
  }

  // Bytes in their order are words already; what the buffer holds before stays.
  // CHECK-LABEL: func @words_of_bytes
  //       CHECK:   %[[BYTES:.*]] = vector.load %{{.*}} : memref<64xi8>, vector<64xi8>
  //       CHECK:   %[[WORDS:.*]] = vector.bitcast %[[BYTES]] : vector<64xi8> to vector<16xi32>
  //       CHECK:   %[[BEFORE:.*]] = vector.load %{{.*}} : memref<16xi32>, vector<16xi32>
  //       CHECK:   %[[ALL:.*]] = arith.ori %[[WORDS]], %[[BEFORE]]
  //       CHECK:   vector.store %[[ALL]]
  func.func @words_of_bytes(%x: memref<16x4xi8>, %y: memref<16xi32>) {
    %eight = arith.constant 8 : i32
    linalg.generic {indexing_maps = [#map, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<16x4xi8>) outs(%y : memref<16xi32>) {
    ^bb0(%a: i8, %o: i32):
      %byte = arith.extui %a : i8 to i32
      %j = linalg.index 1 : index
      %number = arith.index_cast %j : index to i32
      %place = arith.muli %number, %eight : i32
      %placed = arith.shli %byte, %place : i32
      %0 = arith.ori %o, %placed : i32
      linalg.yield %0 : i32
    }
    return
  }

  // The highest bit first is no register of lanes: a sum like any other.
  // CHECK-LABEL: func @words_backwards
  //   CHECK-NOT:   vector.bitcast
  //       CHECK:   return
  func.func @words_backwards(%x: memref<16x4xi8>, %y: memref<16xi32>) {
    %eight = arith.constant 8 : i32
    %last = arith.constant 24 : i32
    linalg.generic {indexing_maps = [#map, #row], iterator_types = ["parallel", "reduction"]} ins(%x : memref<16x4xi8>) outs(%y : memref<16xi32>) {
    ^bb0(%a: i8, %o: i32):
      %byte = arith.extui %a : i8 to i32
      %j = linalg.index 1 : index
      %number = arith.index_cast %j : index to i32
      %offset = arith.muli %number, %eight : i32
      %place = arith.subi %last, %offset : i32
      %placed = arith.shli %byte, %place : i32
      %0 = arith.ori %o, %placed : i32
      linalg.yield %0 : i32
    }
    return
  }
  // Ops of two results, on lanes and, of what all lanes share, on scalars.
  // CHECK-LABEL: func @wide_products
  //       CHECK:   arith.mulsi_extended %{{.*}}, %{{.*}} : i32
  //       CHECK:   %[[LOW:.*]], %[[HIGH:.*]] = arith.mului_extended %{{.*}}, %{{.*}} : vector<16xi32>
  //       CHECK:   arith.xori %[[LOW]], %[[HIGH]] : vector<16xi32>
  func.func @wide_products(%x: memref<8x32xi32>, %m: memref<8xi32>, %y: memref<8x32xi32>) {
    linalg.generic {indexing_maps = [#map, #row, #map], iterator_types = ["parallel", "parallel"]}
        ins(%x, %m : memref<8x32xi32>, memref<8xi32>) outs(%y : memref<8x32xi32>) {
    ^bb0(%a: i32, %b: i32, %o: i32):
      %square, %over = arith.mulsi_extended %b, %b : i32
      %sum = arith.addi %square, %over : i32
      %low, %high = arith.mului_extended %a, %sum : i32
      %0 = arith.xori %low, %high : i32
      linalg.yield %0 : i32
    }
    return
  }
}
