// RUN: env LOWBIT_PTXAS=none quant-opt %s --lowbit-list-launches=target=nvptx:sm_80 -o %t | FileCheck %s --implicit-check-not=registers
// RUN: not quant-opt %s --lowbit-list-launches=target=reference 2>&1 | FileCheck %s --check-prefix=HOST
// RUN: not quant-opt %s --lowbit-list-launches=output=%t.none/l.json 2>&1 | FileCheck %s --check-prefix=OUTPUT

// What kernels take is known where there is an assembler (list-launches-ptxas.mlir), and left out where there is none.

// HOST: error: `reference` is no GPU; expected a target that has launches, such as `nvptx:sm_90a`
// OUTPUT: error: cannot write the report to `{{.*}}.none/l.json`

// A table of which 32 rows are looked up is read by 32 * 64 bytes; their codes, 2048 bytes, are multiplied.
// CHECK: "bytes_read": 6528,
// CHECK-NEXT: "bytes_written": 6144,
// CHECK-NEXT: "launches": [
// CHECK-NEXT: {
// CHECK-NEXT: "blocks": 8,
// CHECK-NEXT: "bytes_read": 2304,
// CHECK-NEXT: "bytes_written": 2048,
// CHECK-NEXT: "function": "main",
// CHECK-NEXT: "kernel": "loops",
// CHECK-NEXT: "reads": [
// CHECK: "bytes": 2048,
// CHECK-NEXT: "type": "1000x64xi8"
// CHECK: "bytes": 256,
// CHECK-NEXT: "type": "32xi64"
// CHECK: "shared_bytes": 0,
// CHECK-NEXT: "threads": 256,
// CHECK-NEXT: "writes": [
// CHECK: "bytes": 2048,
// CHECK-NEXT: "type": "32x64xi8"
// CHECK: "bytes_read": 4224,
// CHECK-NEXT: "bytes_written": 4096,
// CHECK: "kernel": "matmul_mma_sync_{{.*}}",
// CHECK: "type": "32x64xi8"
// CHECK: "site": "fc",
// CHECK: "writes": [
// CHECK: "bytes": 4096,
// CHECK-NEXT: "type": "32x32xf32"
// CHECK: "target": "nvptx:sm_80"
func.func @main(%ids: tensor<32xi64>, %table: tensor<1000x64xi8>, %weight: tensor<32x64xi8>, %scale: tensor<32x1xf32>)
    -> tensor<32x32xf32> {
  %e = tensor.empty() : tensor<32x64xi8>
  %rows = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%ids : tensor<32xi64>) outs(%e : tensor<32x64xi8>) {
  ^bb0(%id: i64, %o: i8):
    %row = arith.index_cast %id : i64 to index
    %column = linalg.index 1 : index
    %code = tensor.extract %table[%row, %column] : tensor<1000x64xi8>
    linalg.yield %code : i8
  } -> tensor<32x64xi8>
  %init = tensor.empty() : tensor<32x32xf32>
  %r = lowbit.contract [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    lhs(%rows <#lowbit.int<8>> : tensor<32x64xi8>)
    rhs(%weight scales %scale <#lowbit.int<8>, block = [1, 0]> : tensor<32x64xi8>, tensor<32x1xf32>)
    outs(%init : tensor<32x32xf32>) {lowbit.site = "fc"} -> tensor<32x32xf32>
  return %r : tensor<32x32xf32>
}
