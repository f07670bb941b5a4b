//===- MmaRules.cpp - mma.sync --------------------------------------------===//
#include "Lowering.h"
#include "Types.h"
#include "lowbit/GPU/Float8Mma.h"

namespace mlir::lowbit::gpusim {

static constexpr unsigned kB = 4, kC = 8; // words into the scratch memory

/// What the op says, or what its registers can only be.
static std::optional<NVVM::MMATypes> getType(std::optional<NVVM::MMATypes> said, ValueRange registers) {
  return said ? said : NVVM::MmaOp::inferOperandMMAType(registers.front().getType(), /*isAccumulator=*/false);
}

static LogicalResult lowerMma(NVVM::MmaOp op, Lowering &lowering) {
  if (op.getLayoutA() != NVVM::MMALayout::row || op.getLayoutB() != NVVM::MMALayout::col)
    return lowering.refuse("has layouts without a model; expected `row` and `col`");
  const std::optional<NVVM::MMATypes> aKnown = getType(op.getMultiplicandAPtxType(), op.getOperandA());
  const std::optional<NVVM::MMATypes> bKnown = getType(op.getMultiplicandBPtxType(), op.getOperandB());
  if (!aKnown || !bKnown)
    return lowering.refuse("does not say what its elements are; expected `multiplicandAPtxType` and `multiplicandBPtxType`");
  const NVVM::MMATypes aType = *aKnown, bType = *bKnown;
  const unsigned bits = getBits(aType), rows = op.getShape().getM(), rowBytes = op.getShape().getK() * bits / 8;
  const std::optional<unsigned> aInteger = getIntegerType(aType), bInteger = getIntegerType(bType);
  const std::optional<unsigned> aFloat = getFloatType(aType), bFloat = getFloatType(bType);
  const bool isInteger = aInteger && bInteger, isFloat = aFloat && bFloat;
  if (op.getShape().getN() != 8 || (rowBytes != 16 && rowBytes != 32) || bits != getBits(bType) ||
      !((isInteger && (rows == 8 || rows == 16)) || (isFloat && rows == 16)))
    return lowering.refuse("of this shape and these types has no model");
  Value a = lowering.store(op.getOperandA(), 0), b = lowering.store(op.getOperandB(), kB), c = lowering.store(op.getOperandC(), kC);
  if (!a || !b || !c)
    return failure();
  SmallVector<Value> arguments = {lowering.site(), a, b, c};
  if (isInteger) {
    const bool saturates = op.getIntOverflowBehavior() == NVVM::MMAIntOverflow::satfinite;
    const bool isXor = bits == 1 && op.getB1Op().value_or(NVVM::MMAB1Op::xor_popc) == NVVM::MMAB1Op::xor_popc;
    for (unsigned value : {*aInteger, *bInteger, unsigned(saturates) + 2 * unsigned(isXor), rows, rowBytes})
      arguments.push_back(lowering.word(value));
    lowering.call("lowbit_sim_mma_integer", {}, arguments);
  } else {
    const bool isHalf = op.accumPtxType() == NVVM::MMATypes::f16;
    if (isHalf != (op.resultPtxType() == NVVM::MMATypes::f16))
      return lowering.refuse("has accumulators and results of different types, which has no model");
    for (unsigned value : {*aFloat, *bFloat, unsigned(isHalf), rowBytes})
      arguments.push_back(lowering.word(value));
    lowering.call("lowbit_sim_mma_float", {}, arguments);
  }
  return lowering.replace(lowering.load(op.getType(), kC));
}

/// Products of 8-bit floats, which NVVM has no op for.
static LogicalResult lowerIntrinsic(LLVM::CallIntrinsicOp op, Lowering &lowering) {
  const auto types = parseFloat8MmaName(op.getIntrin());
  if (!types)
    return lowering.refuse("of `" + op.getIntrin() + "` has no model");
  const std::optional<unsigned> aType = findFloatType(types->first), bType = findFloatType(types->second);
  if (!aType || !bType || op.getArgs().size() != 10)
    return lowering.refuse("of these types has no model");
  Value a = lowering.store(op.getArgs().take_front(4), 0), b = lowering.store(op.getArgs().slice(4, 2), kB);
  Value c = lowering.store(op.getArgs().drop_front(6), kC);
  if (!a || !b || !c)
    return failure();
  SmallVector<Value> arguments = {lowering.site(), a, b, c};
  for (unsigned value : {*aType, *bType, /*isHalf=*/0u, /*rowBytes=*/32u})
    arguments.push_back(lowering.word(value));
  lowering.call("lowbit_sim_mma_float", {}, arguments);
  return lowering.replace(lowering.load(op.getResult(0).getType(), kC));
}

void addMmaRules(Rules &rules) {
  rules.add(lowerMma);
  rules.add(lowerIntrinsic);
}

} // namespace mlir::lowbit::gpusim
