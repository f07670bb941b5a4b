// RUN: quant-opt %s --lowbit-lower-gpu-to-sim --split-input-file | FileCheck %s

// The declaration that launches use gets a body: the function that a thread runs, and the kernel's name.
//       CHECK: llvm.mlir.global internal constant @lowbit_sim_site
// CHECK-LABEL: func.func private @kernels.copy.thread(
//       CHECK:   llvm.call @lowbit_sim_load(%{{.*}}, %[[FROM:.*]], %{{.*}}, %{{.*}}) : (!llvm.ptr, !llvm.ptr, i64, i32) -> ()
//  CHECK-NEXT:   %[[X:.*]] = llvm.load %[[FROM]] : !llvm.ptr -> i32
//       CHECK:   llvm.call @lowbit_sim_barrier
//       CHECK:   llvm.call @lowbit_sim_store(%{{.*}}, %[[TO:.*]], %{{.*}}, %{{.*}})
//  CHECK-NEXT:   llvm.store %[[X]], %[[TO]] : i32, !llvm.ptr
//       CHECK:   return
//       CHECK: llvm.mlir.global internal constant @kernels.copy() {{.*}} : !llvm.struct<(ptr, ptr)>
//       CHECK:   constant @kernels.copy.thread : (!llvm.ptr) -> ()
//   CHECK-NOT: gpu.module
module attributes {gpu.container_module} {
  llvm.mlir.global external @kernels.copy() : !llvm.array<0 x i8>
  func.func @main() -> !llvm.ptr {
    %kernel = llvm.mlir.addressof @kernels.copy : !llvm.ptr
    return %kernel : !llvm.ptr
  }
  gpu.module @kernels {
    gpu.func @copy(%from: !llvm.ptr<1>, %to: !llvm.ptr<1>) kernel {
      %x = llvm.load %from : !llvm.ptr<1> -> i32
      gpu.barrier
      llvm.store %x, %to : i32, !llvm.ptr<1>
      gpu.return
    }
  }
}

// -----

// Numbers are read from where the parameters point; what is passed by value is there already.
// CHECK-LABEL: func.func private @kernels.arguments.thread(
//       CHECK:   %[[NUMBER_AT:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
//  CHECK-NEXT:   llvm.load %[[NUMBER_AT]] : !llvm.ptr -> i32
//       CHECK:   %[[MAP:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
//       CHECK:   llvm.call @lowbit_sim_tensor_load(%{{.*}}, %{{.*}}, %[[MAP]],
gpu.module @kernels {
  gpu.func @arguments(%x: i32, %map: !llvm.ptr {llvm.byval = !llvm.array<16 x i64>}) kernel {
    %at = arith.constant 128 : i64
    %shared = llvm.inttoptr %at : i64 to !llvm.ptr<3>
    nvvm.cp.async.bulk.tensor.shared.cluster.global %shared, %map, %shared, box[%x, %x] {isCTAOnly = true} : !llvm.ptr<3>, !llvm.ptr
    gpu.return
  }
}

// -----

// A shared address that becomes a number is the GPU's, and comes back from there.
// CHECK-LABEL: func.func private @kernels.addresses.thread(
//       CHECK:   %[[NUMBER:.*]] = llvm.call @lowbit_sim_to_shared
//       CHECK:   %[[INDEX:.*]] = arith.index_castui %[[NUMBER]] : i64 to index
//       CHECK:   %[[ADDRESS:.*]] = arith.index_cast %[[INDEX]] : index to i64
//       CHECK:   %[[POINTER:.*]] = llvm.call @lowbit_sim_from_shared(%[[ADDRESS]])
//       CHECK:   llvm.call @lowbit_sim_to_shared(%[[POINTER]])
gpu.module @kernels {
  gpu.func @addresses(%to: !llvm.ptr<1>) kernel {
    %memory = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %index = memref.extract_aligned_pointer_as_index %memory : memref<?xi8, #gpu.address_space<workgroup>> -> index
    %address = arith.index_cast %index : index to i64
    %pointer = llvm.inttoptr %address : i64 to !llvm.ptr<3>
    %number = llvm.ptrtoint %pointer : !llvm.ptr<3> to i64
    llvm.store %number, %to : i64, !llvm.ptr<1>
    gpu.return
  }
}

// -----

// Registers of what a warp does together lie in memory of the lane; memory of the lane's own is not followed.
// CHECK-LABEL: func.func private @kernels.registers.thread(
//       CHECK:   %[[REGISTERS:.*]] = llvm.alloca {{.*}} x !llvm.array<32 x i32>
//       CHECK:   llvm.call @lowbit_sim_load_matrix(%{{.*}}, %{{.*}}, %[[REGISTERS]],
//       CHECK:   llvm.call @lowbit_sim_mma_integer(
//   CHECK-NOT:   lowbit_sim_store
//       CHECK:   return
gpu.module @kernels {
  gpu.func @registers() kernel {
    %one = arith.constant 1 : i32
    %own = llvm.alloca %one x i32 : (i32) -> !llvm.ptr
    llvm.store %one, %own : i32, !llvm.ptr
    %at = arith.constant 1024 : i64
    %shared = llvm.inttoptr %at : i64 to !llvm.ptr<3>
    %a = nvvm.ldmatrix %shared {num = 1 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> i32
    %d = nvvm.mma.sync A[%a, %a, %a, %a] B[%a, %a] C[%a, %a, %a, %a]
      {intOverflowBehavior = #nvvm.mma_int_overflow<wrapped>, layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>,
       multiplicandAPtxType = #nvvm.mma_type<u8>, multiplicandBPtxType = #nvvm.mma_type<s8>, shape = #nvvm.shape<m = 16, n = 8, k = 32>}
      : (i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
    gpu.return
  }
}

// -----

// Accumulators of wgmma are one place: what the loop carries is its address.
// CHECK-LABEL: func.func private @kernels.accumulators.thread(
//       CHECK:   %[[PLACE:.*]] = llvm.alloca {{.*}} x !llvm.array<6 x i32>
//       CHECK:   llvm.call @lowbit_sim_accumulators(%[[PLACE]])
//       CHECK:   %[[LAST:.*]] = scf.for {{.*}} iter_args(%[[CARRIED:.*]] = %[[PLACE]]) -> (!llvm.ptr)
//       CHECK:     llvm.call @lowbit_sim_wgmma_integer(%{{.*}}, %[[CARRIED]],
//       CHECK:     scf.yield %[[CARRIED]] : !llvm.ptr
//       CHECK:   llvm.call @lowbit_sim_accumulator(%{{.*}}, %[[LAST]],
gpu.module @kernels {
  gpu.func @accumulators(%a: i64, %n: i32, %to: !llvm.ptr<1>) kernel {
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %none = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    %sums = scf.for %i = %c0 to %n step %c1 iter_args(%sum = %none) -> (!llvm.struct<(i32, i32, i32, i32)>) : i32 {
      %next = nvvm.wgmma.mma_async %a, %a, %sum, <m = 64, n = 8, k = 32>, D[<s32>, <one>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>] : !llvm.struct<(i32, i32, i32, i32)> -> !llvm.struct<(i32, i32, i32, i32)>
      scf.yield %next : !llvm.struct<(i32, i32, i32, i32)>
    }
    %x = llvm.extractvalue %sums[2] : !llvm.struct<(i32, i32, i32, i32)>
    llvm.store %x, %to : i32, !llvm.ptr<1>
    gpu.return
  }
}
