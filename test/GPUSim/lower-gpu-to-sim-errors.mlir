// RUN: quant-opt %s --lowbit-lower-gpu-to-sim --split-input-file --verify-diagnostics

gpu.module @kernels {
  gpu.func @cluster() kernel {
    // expected-error @below {{'nvvm.cluster.arrive' op has no model, so the simulator cannot run it}}
    nvvm.cluster.arrive
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @assembly() kernel {
    // expected-error @below {{'llvm.inline_asm' op has no model; say it with `nvvm` ops}}
    llvm.inline_asm has_side_effects "bar.sync 0;", "" : () -> ()
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @fill(%to: !llvm.ptr<1>, %byte: i8, %size: i64) kernel {
    // expected-error @below {{accesses memory in a way that the simulator does not follow}}
    "llvm.intr.memset"(%to, %byte, %size) <{isVolatile = false}> : (!llvm.ptr<1>, i8, i64) -> ()
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{argument 1 is of type 'memref<4xi32>'; expected pointers and numbers}}
  gpu.func @array(%x: i32, %array: memref<4xi32>) kernel {
    gpu.return
  }
}

// -----

gpu.module @kernels {
  // expected-error @below {{has static shared or private memory; expected `gpu.dynamic_shared_memory`}}
  gpu.func @static() workgroup(%memory: memref<4xi32, #gpu.address_space<workgroup>>) kernel {
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @double(%x: f64) kernel {
    // expected-error @below {{of this shape and these types has no model}}
    %d = nvvm.mma.sync A[%x] B[%x] C[%x, %x]
      {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 8, n = 8, k = 4>}
      : (f64, f64, f64) -> !llvm.struct<(f64, f64)>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @fence() kernel {
    // expected-error @below {{of this kind has no model; `async` and `async.shared` have}}
    nvvm.fence.proxy {kind = #nvvm.proxy_kind<alias>}
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @twice(%a: i64) kernel {
    %none = llvm.mlir.zero : !llvm.struct<(i32, i32, i32, i32)>
    %one = nvvm.wgmma.mma_async %a, %a, %none, <m = 64, n = 8, k = 32>, D[<s32>, <one>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>] : !llvm.struct<(i32, i32, i32, i32)> -> !llvm.struct<(i32, i32, i32, i32)>
    // expected-error @below {{takes accumulators that another op goes on with; they are one set of registers}}
    %two = nvvm.wgmma.mma_async %a, %a, %one, <m = 64, n = 8, k = 32>, D[<s32>, <one>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>] : !llvm.struct<(i32, i32, i32, i32)> -> !llvm.struct<(i32, i32, i32, i32)>
    %three = nvvm.wgmma.mma_async %a, %a, %one, <m = 64, n = 8, k = 32>, D[<s32>, <one>, <wrapped>], A[<s8>, <one>, <row>], B[<s8>, <one>, <col>] : !llvm.struct<(i32, i32, i32, i32)> -> !llvm.struct<(i32, i32, i32, i32)>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @halves(%d: !llvm.ptr<6>, %a: i64, %i: i32, %p: i1) kernel {
    // expected-error @below {{of this kind has no model; `i8` has}}
    nvvm.tcgen05.mma %d, %a, %a, %i, %p {kind = #nvvm.tcgen05_mma_kind<f16>, ctaGroup = #nvvm.cta_group<cta_1>} : (!llvm.ptr<6>, i64, i64, i32, i1)
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @whole(%d: !llvm.ptr<6>, %to: !llvm.ptr<1>) kernel {
    %loaded = nvvm.tcgen05.ld %d {shape = #nvvm.tcgen05_ldst_shape<shape_32x32b>} : vector<16xi32>
    nvvm.tcgen05.wait <load>
    // expected-error @below {{takes registers of `tcgen05.ld`, which has no model; expected `vector.extract` of one}}
    llvm.store %loaded, %to : vector<16xi32>, !llvm.ptr<1>
    gpu.return
  }
}

// -----

gpu.module @kernels {
  gpu.func @intrinsic(%x: f32) kernel {
    // expected-error @below {{of `llvm.nvvm.ex2.approx.f` has no model}}
    %y = llvm.call_intrinsic "llvm.nvvm.ex2.approx.f"(%x) : (f32) -> f32
    gpu.return
  }
}
