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

#endif
