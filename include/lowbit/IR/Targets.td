//===- Targets.td - machines ----------------------------------------------===//

#ifndef LOWBIT_IR_TARGETS_TD
#define LOWBIT_IR_TARGETS_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Target<string name, string mnemonicText, list<string> overridden = []> : Lowbit_Attr<name, mnemonicText, [
    DeclareAttrInterfaceMethods<QuantTargetAttrInterface, overridden>]>;

def Lowbit_GenericTargetAttr : Lowbit_Target<"GenericTarget", "generic"> {
  let summary = "Any CPU that LLVM knows, through portable vector code";
}

def Lowbit_ReferenceTargetAttr : Lowbit_Target<"ReferenceTarget", "reference"> {
  let summary = "Plain loops over the reference lowering, on the host";
  let description = [{
    No vector registers, so no vector code: what every other target is compared with. Never picked as `host`.
  }];
}

/// The same, with floats as the kernels for a GPU compute them: the meaning of these kernels.
class Lowbit_FollowingTarget<string name, string mnemonicText, string targetName, string followed>
    : Lowbit_Target<name, mnemonicText, ["getFollowedTarget"]> {
  let summary = "Plain loops that compute what kernels of `" # followed # "` do, on the host";
  let description = [{
    Products of integers and elementwise ops are those of `reference`. Sums along rows, functions, fused operations and sums on tensor cores
    are in the order and of the precision that docs/gpu-kernels.md defines, so that results are those of the GPU to the last bit.
  }];
  let extraClassDefinition = [{
    ::llvm::StringRef $cppClass::getName() const { return "}] # targetName # [{"; }
    ::llvm::StringRef $cppClass::getTriple() const { return ::mlir::lowbit::getHostTriple(); }
    ::llvm::StringRef $cppClass::getProcessor() const { return ""; }
    ::llvm::StringRef $cppClass::getFeatures() const { return ""; }
    ::llvm::StringRef $cppClass::getHostFeatures() const { return ""; }
    int $cppClass::getPreference() const { return -1; }
    unsigned $cppClass::getVectorBits() const { return 0; }
    unsigned $cppClass::getNumVectorRegisters() const { return 0; }
    std::pair<int64_t, int64_t> $cppClass::getCacheBytes() const { return {32 << 10, 512 << 10}; }
    ::llvm::StringRef $cppClass::getFollowedTarget() const { return "}] # followed # [{"; }
  }];
}

def Lowbit_Reference75TargetAttr : Lowbit_FollowingTarget<"Reference75Target", "reference_sm_75", "reference:sm_75", "nvptx:sm_75">;
def Lowbit_Reference80TargetAttr : Lowbit_FollowingTarget<"Reference80Target", "reference_sm_80", "reference:sm_80", "nvptx:sm_80">;
def Lowbit_Reference90aTargetAttr : Lowbit_FollowingTarget<"Reference90aTarget", "reference_sm_90a", "reference:sm_90a", "nvptx:sm_90a">;

def Lowbit_X86AVX2TargetAttr : Lowbit_Target<"X86AVX2Target", "x86_64_avx2", ["getDotProduct", "populateDotProductPatterns"]> {
  let summary = "x86-64 with AVX2 and FMA";
  let description = [{
    8-bit codes are widened to 16 bits before `vpmaddwd`: `vpmaddubsw` would saturate at 16 bits and give wrong sums.
  }];
}

def Lowbit_X86AVX512VNNITargetAttr : Lowbit_Target<"X86AVX512VNNITarget", "x86_64_avx512vnni", ["getDotProduct", "getDigitInstructions", "buildTableLookup", "populateDotProductPatterns"]> {
  let summary = "x86-64 with AVX-512 and VNNI";
}

def Lowbit_X86AVX512BF16TargetAttr : Lowbit_Target<"X86AVX512BF16Target", "x86_64_avx512bf16", ["getDotProduct", "getDigitInstructions", "getBFloat16DotProduct", "buildTableLookup", "populateDotProductPatterns"]> {
  let summary = "x86-64 with AVX-512, VNNI and BF16";
  let description = [{
    Besides what VNNI has, `vdpbf16ps`: pairs of bf16, summed in f32. It takes subnormal numbers as zero and rounds each of its two additions.
  }];
}

def Lowbit_X86AVXVNNITargetAttr : Lowbit_Target<"X86AVXVNNITarget", "x86_64_avxvnni", ["getDotProduct", "populateDotProductPatterns"]> {
  let summary = "x86-64 with AVX-VNNI";
  let description = [{
    `vpdpbusd` on 256 bits, for processors without AVX-512.
  }];
}

def Lowbit_X86AVXVNNIINT8TargetAttr : Lowbit_Target<"X86AVXVNNIINT8Target", "x86_64_avxvnniint8", ["getDotProduct", "populateDotProductPatterns"]> {
  let summary = "x86-64 with AVX-VNNI-INT8";
  let description = [{
    `vpdpbssd`, `vpdpbuud` and `vpdpbusd` on 256 bits: codes of any sign as they are.
  }];
}

def Lowbit_X86AVX10TargetAttr : Lowbit_Target<"X86AVX10Target", "x86_64_avx10", ["getDotProduct", "getBFloat16DotProduct", "buildTableLookup", "populateDotProductPatterns"]> {
  let summary = "x86-64 with AVX10.2";
  let description = [{
    `vpdpbssd`, `vpdpbuud` and `vpdpbusd` on 512 bits: codes of any sign as they are. `vdpbf16ps` for pairs of bf16.
  }];
}

def Lowbit_X86AMXTargetAttr : Lowbit_Target<"X86AMXTarget", "x86_64_amx_int8", ["prepareHost", "getDotProduct", "getTileProduct", "populateDotProductPatterns"]> {
  let summary = "x86-64 with AMX for 8-bit codes";
  let description = [{
    `tdpbusd` and its like multiply tiles of 16 x 64 and 64 x 16 codes; four tiles of sums are in registers. Contractions of other codes use
    `vpdpbusd`. Only by name: on Linux a process asks for tiles with `arch_prctl(ARCH_REQ_XCOMP_PERM, 18)` first.
  }];
}

def Lowbit_AArch64NEONTargetAttr : Lowbit_Target<"AArch64NEONTarget", "aarch64_neon", ["getDotProduct", "populateDotProductPatterns"]> {
  let summary = "AArch64 as every processor has it";
  let description = [{
    `smull` and `sadalp`, or `umull` and `uadalp`: pairs of products, exact in 16 bits, summed in 32.
  }];
}

def Lowbit_AArch64DotProdTargetAttr : Lowbit_Target<"AArch64DotProdTarget", "aarch64_dotprod", ["getDotProduct", "populateDotProductPatterns"]> {
  let summary = "AArch64 with dot products (Armv8.4, optional from Armv8.2)";
  let description = [{
    `sdot` and `udot`: both sides have the same sign.
  }];
}

def Lowbit_AArch64I8MMTargetAttr : Lowbit_Target<"AArch64I8MMTarget", "aarch64_i8mm", ["getDotProduct", "populateDotProductPatterns"]> {
  let summary = "AArch64 with 8-bit matrix products (Armv8.6, optional from Armv8.2)";
  let description = [{
    `usdot` besides `sdot` and `udot`: codes of any sign as they are.
  }];
}

def Lowbit_RISCVVTargetAttr : Lowbit_Target<"RISCVVTarget", "riscv64_v"> {
  let summary = "RISC-V with vectors, through portable vector code";
  let description = [{
    Vectors of 128 bits, which every machine with V has at least; `vmacc.vx` multiplies a register of codes by one.
  }];
}

/// A GPU, or its model on the host. What it can do is in the table of lowbit/Targets/GPUArchitecture.h.
class Lowbit_GPUTarget<string name, string mnemonicText, string targetName, string chip, bit simulated = 0, string machine = "An NVIDIA GPU">
    : Lowbit_Target<name, mnemonicText, ["getGPU", "isSimulated"]> {
  let summary = !if(simulated, "The model of an NVIDIA GPU", machine) # ", " # chip;
  let extraClassDefinition = [{
    ::llvm::StringRef $cppClass::getName() const { return "}] # targetName # [{"; }
    ::llvm::StringRef $cppClass::getTriple() const { return ::mlir::lowbit::getHostTriple(); }
    ::llvm::StringRef $cppClass::getProcessor() const { return ""; }
    ::llvm::StringRef $cppClass::getFeatures() const { return ""; }
    ::llvm::StringRef $cppClass::getHostFeatures() const { return ""; }
    int $cppClass::getPreference() const { return -1; }
    unsigned $cppClass::getVectorBits() const { return 0; }
    unsigned $cppClass::getNumVectorRegisters() const { return 0; }
    std::pair<int64_t, int64_t> $cppClass::getCacheBytes() const { return {32 << 10, 512 << 10}; }
    const ::mlir::lowbit::GPUArchitecture *$cppClass::getGPU() const { return ::mlir::lowbit::findGPUArchitecture("}] # chip # [{"); }
    bool $cppClass::isSimulated() const { return }] # !if(simulated, "true", "false") # [{; }
  }];
}

def Lowbit_NVPTX75TargetAttr : Lowbit_GPUTarget<"NVPTX75Target", "nvptx_sm_75", "nvptx:sm_75", "sm_75">;
def Lowbit_NVPTX80TargetAttr : Lowbit_GPUTarget<"NVPTX80Target", "nvptx_sm_80", "nvptx:sm_80", "sm_80">;
def Lowbit_NVPTX89TargetAttr : Lowbit_GPUTarget<"NVPTX89Target", "nvptx_sm_89", "nvptx:sm_89", "sm_89">;
def Lowbit_NVPTX90aTargetAttr : Lowbit_GPUTarget<"NVPTX90aTarget", "nvptx_sm_90a", "nvptx:sm_90a", "sm_90a">;
def Lowbit_NVPTX100TargetAttr : Lowbit_GPUTarget<"NVPTX100Target", "nvptx_sm_100", "nvptx:sm_100", "sm_100">;
def Lowbit_NVPTX100aTargetAttr : Lowbit_GPUTarget<"NVPTX100aTarget", "nvptx_sm_100a", "nvptx:sm_100a", "sm_100a">;
def Lowbit_AMDGCN90aTargetAttr : Lowbit_GPUTarget<"AMDGCN90aTarget", "amdgcn_gfx90a", "amdgcn:gfx90a", "gfx90a", 0, "An AMD GPU">;
def Lowbit_AMDGCN942TargetAttr : Lowbit_GPUTarget<"AMDGCN942Target", "amdgcn_gfx942", "amdgcn:gfx942", "gfx942", 0, "An AMD GPU">;
def Lowbit_SPIRVTargetAttr : Lowbit_GPUTarget<"SPIRVTarget", "spirv_opencl", "spirv:opencl", "opencl", 0, "A device that takes SPIR-V kernels">;
def Lowbit_GPUSimTargetAttr : Lowbit_GPUTarget<"GPUSimTarget", "gpu_sim", "gpu-sim", "sm_90a", 1>;
def Lowbit_GPUSim75TargetAttr : Lowbit_GPUTarget<"GPUSim75Target", "gpu_sim_sm_75", "gpu-sim:sm_75", "sm_75", 1>;
def Lowbit_GPUSim80TargetAttr : Lowbit_GPUTarget<"GPUSim80Target", "gpu_sim_sm_80", "gpu-sim:sm_80", "sm_80", 1>;
def Lowbit_GPUSim89TargetAttr : Lowbit_GPUTarget<"GPUSim89Target", "gpu_sim_sm_89", "gpu-sim:sm_89", "sm_89", 1>;
def Lowbit_GPUSim100aTargetAttr : Lowbit_GPUTarget<"GPUSim100aTarget", "gpu_sim_sm_100a", "gpu-sim:sm_100a", "sm_100a", 1>;

#endif
