// RUN: quant-opt %s --lowbit-lower-transfers | FileCheck %s

// 16 x 4 neighbouring codes are one load of 64.
// CHECK-LABEL: func @panel
//   CHECK-NOT:   vector.transfer_read
//       CHECK:   vector.load %{{.*}} : memref<{{.*}}xi8>, vector<64xi8>
func.func @panel(%m: memref<96x48x4xi8>, %i: index) -> vector<64xi8> {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %poison = ub.poison : i8
  %v = vector.transfer_read %m[%i, %c16, %c0], %poison {in_bounds = [true, true]} : memref<96x48x4xi8>, vector<16x4xi8>
  %flat = vector.shape_cast %v : vector<16x4xi8> to vector<64xi8>
  return %flat : vector<64xi8>
}

// One scale for all columns is loaded once, as the element that it is, and spread.
// CHECK-LABEL: func @scale
//       CHECK:   %[[SCALE:.*]] = memref.load %{{.*}} : memref<8x1xf32>
//       CHECK:   %[[ONE:.*]] = vector.broadcast %[[SCALE]] : f32 to vector<1xf32>
//       CHECK:   vector.broadcast %[[ONE]] : vector<1xf32> to vector<16xf32>
func.func @scale(%m: memref<8x1xf32>, %i: index) -> vector<16xf32> {
  %c0 = arith.constant 0 : index
  %poison = ub.poison : f32
  %v = vector.transfer_read %m[%i, %c0], %poison {in_bounds = [true], permutation_map = affine_map<(d0, d1) -> (0)>} : memref<8x1xf32>, vector<16xf32>
  return %v : vector<16xf32>
}
