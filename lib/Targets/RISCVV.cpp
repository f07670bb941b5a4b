//===- RISCVV.cpp - RISC-V with vectors -----------------------------------===//

#include "lowbit/IR/Lowbit.h"

namespace mlir::lowbit {

StringRef RISCVVTargetAttr::getName() const { return "riscv64+v"; }
StringRef RISCVVTargetAttr::getTriple() const { return "riscv64-unknown-linux-gnu"; }
StringRef RISCVVTargetAttr::getProcessor() const { return "generic-rv64"; }
StringRef RISCVVTargetAttr::getFeatures() const { return "+m,+a,+f,+d,+c,+v,+zvl128b"; }
StringRef RISCVVTargetAttr::getHostFeatures() const { return "v"; }
int RISCVVTargetAttr::getPreference() const { return 10; }
unsigned RISCVVTargetAttr::getVectorBits() const { return 128; } // what every machine with V has at least
unsigned RISCVVTargetAttr::getNumVectorRegisters() const { return 32; }
std::pair<int64_t, int64_t> RISCVVTargetAttr::getCacheBytes() const { return {32 << 10, 512 << 10}; }

} // namespace mlir::lowbit
