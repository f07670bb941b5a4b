//===- Energy.cpp - what arithmetic and memory take, by a published table -===//

#include "lowbit/Report/Energy.h"

namespace mlir::lowbit {

static constexpr llvm::StringLiteral kSource =
    "M. Horowitz, Computing's energy problem (and what we can do about it), ISSCC 2014, figure 1.1.9: 45 nm, 0.9 V";

namespace {
struct EnergyEntry {
  llvm::StringLiteral operation;
  double picojoules;
  llvm::StringLiteral per;
};
} // namespace

static constexpr EnergyEntry kMultiply8{"multiply, 8-bit integer", 0.2, "operation"};
static constexpr EnergyEntry kAdd32{"add, 32-bit integer", 0.1, "operation"};
static constexpr EnergyEntry kMultiplyF16{"multiply, 16-bit float", 1.1, "operation"};
static constexpr EnergyEntry kAddF16{"add, 16-bit float", 0.4, "operation"};
static constexpr EnergyEntry kMultiplyF32{"multiply, 32-bit float", 3.7, "operation"};
static constexpr EnergyEntry kAddF32{"add, 32-bit float", 0.9, "operation"};
static constexpr EnergyEntry kDRAM{"read, DRAM", 1300, "64 bits"};

double getPicojoules(unsigned left, unsigned right) {
  unsigned widest = std::max(left, right);
  if (widest > 16)
    return kMultiplyF32.picojoules + kAddF32.picojoules;
  if (widest > 8)
    return kMultiplyF16.picojoules + kAddF16.picojoules;
  return kMultiply8.picojoules * left * right / 64.0 + kAdd32.picojoules;
}

double getPicojoulesPerByte() { return kDRAM.picojoules / 8; }

llvm::json::Object getEnergyTable() {
  llvm::json::Array entries;
  for (const EnergyEntry &entry : {kMultiply8, kAdd32, kMultiplyF16, kAddF16, kMultiplyF32, kAddF32, kDRAM})
    entries.push_back(llvm::json::Object{{"operation", entry.operation}, {"picojoules", entry.picojoules}, {"per", entry.per}});
  return llvm::json::Object{{"source", kSource}, {"entries", std::move(entries)}};
}

} // namespace mlir::lowbit
