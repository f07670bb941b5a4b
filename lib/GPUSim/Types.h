//===- Types.h - element types of products, as the simulator numbers them -===//
#ifndef LOWBIT_GPUSIM_TYPES_H
#define LOWBIT_GPUSIM_TYPES_H

#include "lowbit/Execution/Sim/FloatMma.h"
#include "lowbit/Execution/Sim/IntegerMma.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include <optional>

namespace mlir::lowbit::gpusim {

/// The simulator's number of a type that NVVM calls `name`, or nothing.
inline std::optional<unsigned> findIntegerType(StringRef name) {
  using sim::IntegerType;
  for (auto [text, type] : {std::pair<StringRef, IntegerType>{"s8", IntegerType::S8},
                            {"u8", IntegerType::U8},
                            {"s4", IntegerType::S4},
                            {"u4", IntegerType::U4},
                            {"b1", IntegerType::B1}})
    if (text == name)
      return static_cast<unsigned>(type);
  return std::nullopt;
}

inline std::optional<unsigned> findFloatType(StringRef name) {
  using sim::FloatType;
  for (auto [text, type] : {std::pair<StringRef, FloatType>{"f16", FloatType::F16},
                            {"bf16", FloatType::BF16},
                            {"tf32", FloatType::TF32},
                            {"e4m3", FloatType::E4M3},
                            {"e5m2", FloatType::E5M2}})
    if (text == name)
      return static_cast<unsigned>(type);
  return std::nullopt;
}

inline unsigned findBits(StringRef name) {
  if (name == "f16" || name == "bf16")
    return 16;
  if (name == "tf32")
    return 32;
  if (name == "s4" || name == "u4")
    return 4;
  return name == "b1" ? 1 : 8;
}

inline std::optional<unsigned> getIntegerType(NVVM::MMATypes type) { return findIntegerType(NVVM::stringifyEnum(type)); }
inline std::optional<unsigned> getFloatType(NVVM::MMATypes type) { return findFloatType(NVVM::stringifyEnum(type)); }
inline unsigned getBits(NVVM::MMATypes type) { return findBits(NVVM::stringifyEnum(type)); }

} // namespace mlir::lowbit::gpusim

#endif // LOWBIT_GPUSIM_TYPES_H
