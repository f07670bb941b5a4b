// RUN: quant-opt %s --lowbit-compile=target=nvptx:sm_80 --split-input-file | FileCheck %s --check-prefix=LAUNCH
// RUN: quant-opt %s --lowbit-lower-reference --linalg-fold-unit-extent-dims --lowbit-fuse-elementwise --lowbit-duplicate-fills \
// RUN:   --lowbit-form-rows=target=nvptx:sm_80 --canonicalize --split-input-file | FileCheck %s

// Scales of a token are found, and its codes written, in the kernel that computes the token: the norm of a row, the largest magnitude of
// that and the codes are one loop over rows, and one launch. No row of reals is written.
// CHECK-LABEL: func.func @symmetric
//   CHECK-NOT:   linalg.generic
//       CHECK:   scf.forall (%[[I:.*]]) in (32)
//       CHECK:     %[[SUM:.*]] = linalg.generic {{.*}}lowbit.row = 0
//       CHECK:     %[[Y:.*]] = linalg.generic {{.*}}%[[SUM]] {{.*}}lowbit.row = 0
//       CHECK:     %[[LARGEST:.*]] = linalg.generic {{.*}}ins(%[[Y]] {{.*}}lowbit.row = 0
//       CHECK:       arith.maxui
//       CHECK:     %[[SCALE:.*]] = linalg.generic {{.*}}ins(%[[LARGEST]] {{.*}}lowbit.row = 0
//       CHECK:     %[[CODES:.*]] = linalg.generic {{.*}}ins(%[[Y]], %[[LARGEST]] {{.*}}lowbit.row = 0
//       CHECK:     scf.forall.in_parallel
//   CHECK-DAG:       tensor.parallel_insert_slice %[[SCALE]] into %{{.*}}[%[[I]]] [1] [1]
//   CHECK-DAG:       tensor.parallel_insert_slice %[[CODES]] into %{{.*}}[%[[I]], 0] [1, 64] [1, 1]
//   CHECK-NOT:       tensor.parallel_insert_slice
//   CHECK-NOT:   linalg.generic
//       CHECK:   return
//  LAUNCH-LABEL: llvm.func @symmetric(
// LAUNCH-COUNT-1: llvm.call @lowbit_gpu_launch(
//    LAUNCH-NOT: llvm.call @lowbit_gpu_launch(
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @symmetric(%x: tensor<32x64xf32>) -> (tensor<32x64xi8>, tensor<32x1xf32>) {
  %zero = arith.constant 0.0 : f32
  %small = arith.constant 1.0e-5 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %s_e = tensor.empty() : tensor<32xf32>
  %s_0 = linalg.fill ins(%zero : f32) outs(%s_e : tensor<32xf32>) -> tensor<32xf32>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<32x64xf32>) outs(%s_0 : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a fastmath<reassoc> : f32
    %1 = arith.addf %0, %o fastmath<reassoc> : f32
    linalg.yield %1 : f32
  } -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<32x64xf32>, tensor<32xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %b, %small : f32
    %1 = math.sqrt %0 : f32
    %2 = arith.divf %a, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<32x64xf32>
  %scales = lowbit.compute_scales %y <#lowbit.int<8>, block = [1, 0]> : (tensor<32x64xf32>) -> tensor<32x1xf32>
  %codes = lowbit.quantize %y, %scales <#lowbit.int<8>, block = [1, 0]> : (tensor<32x64xf32>, tensor<32x1xf32>) -> tensor<32x64xi8>
  return %codes, %scales : tensor<32x64xi8>, tensor<32x1xf32>
}

// -----

// With a zero point both ends of a row are found, and three results written.
// CHECK-LABEL: func.func @asymmetric
//   CHECK-NOT:   linalg.generic
//       CHECK:   scf.forall (%[[I:.*]]) in (32)
//       CHECK:       math.sqrt
//       CHECK:       arith.minimumf
//       CHECK:       arith.maximumf
//       CHECK:     scf.forall.in_parallel
// CHECK-COUNT-3:     tensor.parallel_insert_slice
//   CHECK-NOT:   linalg.generic
//       CHECK:   return
//  LAUNCH-LABEL: llvm.func @asymmetric(
// LAUNCH-COUNT-1: llvm.call @lowbit_gpu_launch(
//    LAUNCH-NOT: llvm.call @lowbit_gpu_launch(
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @asymmetric(%x: tensor<32x64xf32>) -> (tensor<32x64xi8>, tensor<32x1xf32>, tensor<32x1xi8>) {
  %zero = arith.constant 0.0 : f32
  %small = arith.constant 1.0e-5 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %s_e = tensor.empty() : tensor<32xf32>
  %s_0 = linalg.fill ins(%zero : f32) outs(%s_e : tensor<32xf32>) -> tensor<32xf32>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<32x64xf32>) outs(%s_0 : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a fastmath<reassoc> : f32
    %1 = arith.addf %0, %o fastmath<reassoc> : f32
    linalg.yield %1 : f32
  } -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<32x64xf32>, tensor<32xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %b, %small : f32
    %1 = math.sqrt %0 : f32
    %2 = arith.divf %a, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<32x64xf32>
  %scales, %zeros = lowbit.compute_scales %y <#lowbit.uint<8>, block = [1, 0], zero = i8> : (tensor<32x64xf32>) -> (tensor<32x1xf32>, tensor<32x1xi8>)
  %codes = lowbit.quantize %y, %scales, %zeros <#lowbit.uint<8>, block = [1, 0], zero = i8> : (tensor<32x64xf32>, tensor<32x1xf32>, tensor<32x1xi8>) -> tensor<32x64xi8>
  return %codes, %scales, %zeros : tensor<32x64xi8>, tensor<32x1xf32>, tensor<32x1xi8>
}

// -----

// Where the reals are wanted, too, the same kernel writes them.
// CHECK-LABEL: func.func @both
//   CHECK-NOT:   linalg.generic
//       CHECK:   scf.forall
// CHECK-COUNT-3:     tensor.parallel_insert_slice
//   CHECK-NOT:   linalg.generic
//       CHECK:   return
//  LAUNCH-LABEL: llvm.func @both(
// LAUNCH-COUNT-1: llvm.call @lowbit_gpu_launch(
//    LAUNCH-NOT: llvm.call @lowbit_gpu_launch(
#all = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @both(%x: tensor<32x64xf32>) -> (tensor<32x64xi8>, tensor<32x1xf32>, tensor<32x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %small = arith.constant 1.0e-5 : f32
  %e = tensor.empty() : tensor<32x64xf32>
  %s_e = tensor.empty() : tensor<32xf32>
  %s_0 = linalg.fill ins(%zero : f32) outs(%s_e : tensor<32xf32>) -> tensor<32xf32>
  %s = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<32x64xf32>) outs(%s_0 : tensor<32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a fastmath<reassoc> : f32
    %1 = arith.addf %0, %o fastmath<reassoc> : f32
    linalg.yield %1 : f32
  } -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]} ins(%x, %s : tensor<32x64xf32>, tensor<32xf32>) outs(%e : tensor<32x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %b, %small : f32
    %1 = math.sqrt %0 : f32
    %2 = arith.divf %a, %1 : f32
    linalg.yield %2 : f32
  } -> tensor<32x64xf32>
  %scales = lowbit.compute_scales %y <#lowbit.int<8>, block = [1, 0]> : (tensor<32x64xf32>) -> tensor<32x1xf32>
  %codes = lowbit.quantize %y, %scales <#lowbit.int<8>, block = [1, 0]> : (tensor<32x64xf32>, tensor<32x1xf32>) -> tensor<32x64xi8>
  return %codes, %scales, %y : tensor<32x64xi8>, tensor<32x1xf32>, tensor<32x64xf32>
}
