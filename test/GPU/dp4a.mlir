// RUN: quant-opt %s --lowbit-launch-matmuls='target=nvptx:sm_75 tile=dp4a_8x32x128' --canonicalize --cse --split-input-file | FileCheck %s
// RUN: quant-opt %s --lowbit-launch-matmuls=target=nvptx:sm_75 --split-input-file --remarks-filter=lowbit -o /dev/null 2>&1 \
// RUN:   | FileCheck %s --check-prefix=CHOICE

// A tile is loaded into registers while the one before is multiplied; one barrier a step. Each lane has one row and two columns of eight.
// CHECK-LABEL: gpu.func @matmul_dp4a_8x32x128(
//  CHECK-SAME:   kernel attributes {known_block_size = array<i32: 64, 1, 1>}
//       CHECK:   llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
//       CHECK:   llvm.store {{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
//       CHECK:   gpu.barrier
//       CHECK:   scf.for
//       CHECK:     llvm.load {{.*}} : !llvm.ptr<1> -> vector<4xi32>
//       CHECK:     llvm.load {{.*}} : !llvm.ptr<3> -> vector<4xi32>
//       CHECK:     nvvm.dot.accumulate.4way {{.*}} <unsigned>, {{.*}} <signed>
//       CHECK:     llvm.store {{.*}} : vector<4xi32>, !llvm.ptr<3>
//       CHECK:     gpu.barrier
//       CHECK:   scf.if
//       CHECK: llvm.store {{.*}} : i32, !llvm.ptr<1>
//      CHOICE: launch {{.*}} kernel=matmul_mma_m8n8k16_{{.*}}
//  CHOICE-NOT: matrix-unit
func.func @bytes(%a: memref<100x48xi8>, %b: memref<30x48xi8>, %r: memref<100x30xi32>) {
  lowbit.matmul lhs(%a : memref<100x48xi8>) rhs(%b : memref<30x48xi8>) outs(%r : memref<100x30xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  } {lhs_unsigned}
  return
}

// -----

// Rows at multiples of 4 bytes are loaded by words; no matrix unit takes them.
// CHECK-LABEL: gpu.func @matmul_dp4a_8x32x128(
//       CHECK:   llvm.load {{.*}} {alignment = 4 : i64} : !llvm.ptr<1> -> i32
//      CHOICE: matrix-unit {{.*}} mma.sync.m8n8k16: rows do not begin at multiples of 16 bytes
//      CHOICE: launch {{.*}} kernel=matmul_dp4a_
func.func @words(%a: memref<100x20xi8>, %b: memref<30x20xi8>, %r: memref<100x30xi32>) {
  lowbit.matmul lhs(%a : memref<100x20xi8>) rhs(%b : memref<30x20xi8>) outs(%r : memref<100x30xi32>) {
  ^bb0(%sum: i32):
    lowbit.yield %sum : i32
  }
  return
}
