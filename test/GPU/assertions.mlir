// RUN: quant-opt %s --lowbit-launch-loops --lowbit-lower-kernels=target=nvptx:sm_90a | FileCheck %s
// RUN: quant-opt %s --lowbit-launch-loops --lowbit-lower-kernels=target=amdgcn:gfx942 | FileCheck %s
// RUN: not quant-opt %s --lowbit-launch-loops --lowbit-verify-gpu=target=spirv:opencl -o /dev/null 2>&1 | FileCheck %s --check-prefix=NONE

// What is read at an index from a tensor is read only where the index is one: a kernel stops otherwise. Devices of OpenCL cannot.
//       CHECK: llvm.func @loops
//       CHECK:   %[[WRONG:.*]] = llvm.icmp "uge"
//       CHECK:   llvm.cond_br %[[WRONG]], ^[[STOP:.*]], ^[[GO:.*]]
//       CHECK: ^[[STOP]]:
//  CHECK-NEXT:   llvm.intr.trap
//        NONE: error: 'cf.assert' op stops a kernel, for which opencl has no instruction; expected indices that are held in bounds
func.func @gather(%x: memref<5xf32>, %at: memref<3xi64>, %y: memref<3xf32>) {
  %five = arith.constant 5 : i64
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%at : memref<3xi64>) outs(%y : memref<3xf32>) {
  ^bb0(%i: i64, %o: f32):
    %0 = arith.cmpi ult, %i, %five : i64
    cf.assert %0, "the index is one of five"
    %1 = arith.index_cast %i : i64 to index
    %2 = memref.load %x[%1] : memref<5xf32>
    linalg.yield %2 : f32
  }
  return
}
