//===- Passes.td - kernels for the simulator of a GPU ---------------------===//

#ifndef LOWBIT_GPUSIM_PASSES_TD
#define LOWBIT_GPUSIM_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerGPUToSimPass : Pass<"lowbit-lower-gpu-to-sim", "ModuleOp"> {
  let summary = "Lower kernels of a GPU to functions that its simulator runs on the host";
  let description = [{
    Takes kernels as they would go to LLVM for a GPU, written for one lane in `gpu` and `nvvm` ops, so that what is simulated is what a GPU gets.
    Each becomes a function that one thread of a block runs; what lanes do together, and every access to memory, becomes a call of the
    simulator (lowbit/Execution/Sim/Machine.h), with the place in the source that reports name. Everything else stays what it is, and is
    lowered like code for the host.

    ```mlir
    gpu.module @kernels {
      gpu.func @copy(%from: !llvm.ptr<1>, %to: !llvm.ptr<1>) kernel {
        %x = llvm.load %from : !llvm.ptr<1> -> i32
        gpu.barrier
        llvm.store %x, %to : i32, !llvm.ptr<1>
        gpu.return
      }
    }
    ```
    becomes
    ```text
    llvm.mlir.global internal constant @kernels.copy() : {address of @kernels.copy.thread, address of the name}
    func.func private @kernels.copy.thread(%parameters: !llvm.ptr) {
      … %from, %to from %parameters
      llvm.call @lowbit_sim_load(%site0, %from, 4, 4)
      %x = llvm.load %from : !llvm.ptr -> i32
      llvm.call @lowbit_sim_barrier(%site1, …)
      llvm.call @lowbit_sim_store(%site2, %to, 4, 4)
      llvm.store %x, %to : i32, !llvm.ptr
      return
    }
    ```
    The global takes the place of a declaration of that name, which `lowbit_gpu_launch` is called with. Shared memory keeps the addresses
    that it has on a GPU wherever they become numbers. Accumulators of `wgmma` are a place in memory, as they are registers on the GPU, so
    that looking at them too early is found.

    Refused, with the op's name: what has no model, memory that is accessed in ways that are not followed, static shared memory, arguments
    that are memrefs, accumulators that live on beside a product of theirs.
  }];
  let dependentDialects = ["arith::ArithDialect", "func::FuncDialect", "LLVM::LLVMDialect", "memref::MemRefDialect", "scf::SCFDialect"];
}

#endif // LOWBIT_GPUSIM_PASSES_TD
