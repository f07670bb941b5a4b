//===- Targets.td - machines ----------------------------------------------===//

#ifndef LOWBIT_IR_TARGETS_TD
#define LOWBIT_IR_TARGETS_TD

include "lowbit/IR/LowbitDialect.td"
include "lowbit/Interfaces/AttrInterfaces.td"

class Lowbit_Target<string name, string mnemonicText, list<string> overridden = []> : Lowbit_Attr<name, mnemonicText, [
    DeclareAttrInterfaceMethods<QuantTargetAttrInterface, overridden>]>;

def Lowbit_GenericTargetAttr : Lowbit_Target<"GenericTarget", "generic", ["getWeightPacking"]> {
  let summary = "Any CPU that LLVM knows, through portable vector code";
}

def Lowbit_ReferenceTargetAttr : Lowbit_Target<"ReferenceTarget", "reference"> {
  let summary = "Plain loops over the reference lowering, on the host";
  let description = [{
    No vector registers, so no vector code: what every other target is compared with. Never picked as `host`.
  }];
}

def Lowbit_X86AVX2TargetAttr : Lowbit_Target<"X86AVX2Target", "x86_64_avx2", ["getDotProduct", "getWeightPacking", "populateDotProductPatterns"]> {
  let summary = "x86-64 with AVX2 and FMA";
  let description = [{
    8-bit codes are widened to 16 bits before `vpmaddwd`: `vpmaddubsw` would saturate at 16 bits and give wrong sums.
  }];
}

def Lowbit_X86AVX512VNNITargetAttr : Lowbit_Target<"X86AVX512VNNITarget", "x86_64_avx512vnni", ["getDotProduct", "getWeightPacking", "populateDotProductPatterns"]> {
  let summary = "x86-64 with AVX-512 and VNNI";
}

#endif
