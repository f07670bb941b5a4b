// RUN: not gpu-sim-run %s --kernel turned --mutants --block 64 --shared 256 bytes=256 | FileCheck %s --check-prefix=ALL
// RUN: not gpu-sim-run %s --kernel turned --mutants --block 64 --shared 256 --strides 1 --offsets 1 bytes=256 | FileCheck %s --check-prefix=SOME
// RUN: gpu-sim-run %s --kernel turned --emit-mutant 0 | FileCheck %s --check-prefix=EMIT

gpu.module @kernels {
  // Words of a block the other way round. No result is compared here, so which word is read goes unnoticed.
  // ALL:       mutant 0, arith.muli {{.*}}: half the stride: misaligned
  // ALL-NEXT:  mutant 1, arith.xori {{.*}}: another distance: NOT FOUND
  // ALL-NEXT:  mutant 2, arith.muli {{.*}}: half the stride: misaligned
  // ALL-NEXT:  mutant 3, gpu.barrier {{.*}}: is not there: race
  // ALL-NEXT:  4 mutants, 1 not found
  // SOME:      arith.muli
  // SOME-NOT:  arith.muli
  // SOME:      mutant 3, gpu.barrier
  // SOME-NEXT: 3 mutants, 1 not found
  // EMIT:      // arith.muli {{.*}}: half the stride
  // EMIT:      gpu.func @turned
  // EMIT:      arith.muli %{{.*}}, %c2
  gpu.func @turned(%to: !llvm.ptr<1>) kernel {
    %c4 = arith.constant 4 : i32
    %c63 = arith.constant 63 : i32
    %base = arith.constant 1024 : i64
    %shared = llvm.inttoptr %base : i64 to !llvm.ptr<3>
    %x = gpu.thread_id x
    %thread = arith.index_cast %x : index to i32
    %own = arith.muli %thread, %c4 : i32
    %other = arith.xori %thread, %c63 : i32
    %turned = arith.muli %other, %c4 : i32
    %from = llvm.getelementptr %shared[%own] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    %there = llvm.getelementptr %shared[%turned] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i8
    llvm.store %thread, %from : i32, !llvm.ptr<3>
    gpu.barrier
    %value = llvm.load %there : !llvm.ptr<3> -> i32
    %result = llvm.getelementptr %to[%thread] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %value, %result : i32, !llvm.ptr<1>
    gpu.return
  }
}
