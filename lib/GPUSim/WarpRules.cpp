//===- WarpRules.cpp - shuffles, votes, reductions ------------------------===//
#include "Lowering.h"
#include "lowbit/Execution/Sim/Warp.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Matchers.h"

namespace mlir::lowbit::gpusim {

static constexpr unsigned kOut = 4; // words into the scratch memory

static Value exchange(StringRef name, Value mask, unsigned mode, ValueRange in, Lowering &lowering, Type result) {
  Value memory = lowering.store(in, 0);
  if (!memory)
    return {};
  lowering.call(name, {}, {lowering.site(), mask, lowering.word(mode), memory, lowering.scratch(kOut)});
  return lowering.load(result, kOut);
}

static LogicalResult lowerShuffle(NVVM::ShflOp op, Lowering &lowering) {
  using sim::Shuffle;
  constexpr Shuffle modes[] = {Shuffle::Butterfly, Shuffle::Up, Shuffle::Down, Shuffle::Index};
  const auto mode = static_cast<unsigned>(modes[static_cast<unsigned>(op.getKind())]);
  return lowering.replace(exchange("lowbit_sim_shuffle", op.getThreadMask(), mode, {op.getVal(), op.getOffset(), op.getMaskAndClamp()},
                                   lowering, op.getType()));
}

static LogicalResult lowerGPUShuffle(gpu::ShuffleOp op, Lowering &lowering) {
  using sim::Shuffle;
  APInt width;
  if (!matchPattern(op.getWidth(), m_ConstantInt(&width)) || width != sim::kLanes)
    return lowering.refuse("within a part of the warp has no model; expected a width of 32");
  constexpr Shuffle modes[] = {Shuffle::Butterfly, Shuffle::Up, Shuffle::Down, Shuffle::Index};
  const auto mode = static_cast<unsigned>(modes[static_cast<unsigned>(op.getMode())]);
  Value clamp = lowering.word(op.getMode() == gpu::ShuffleMode::UP ? 0 : 31);
  auto both = LLVM::LLVMStructType::getLiteral(op.getContext(), {op.getShuffleResult().getType(), lowering.builder.getI1Type()});
  Value result = exchange("lowbit_sim_shuffle", lowering.word(-1), mode, {op.getValue(), op.getOffset(), clamp}, lowering, both);
  if (!result)
    return failure();
  for (auto [index, value] : llvm::enumerate(op.getResults()))
    value.replaceAllUsesWith(LLVM::ExtractValueOp::create(lowering.builder, lowering.getLoc(), result, index));
  op.erase();
  return success();
}

static LogicalResult lowerVote(NVVM::VoteSyncOp op, Lowering &lowering) {
  using sim::Vote;
  constexpr Vote modes[] = {Vote::Any, Vote::All, Vote::Ballot, Vote::Uniform};
  Value predicate = lowering.toInteger(op.getPred(), 32);
  const auto mode = static_cast<unsigned>(modes[static_cast<unsigned>(op.getKind())]);
  Value result = exchange("lowbit_sim_vote", op.getMask(), mode, predicate, lowering, lowering.getWordType());
  return lowering.replace(op.getType().isInteger(1) ? lowering.isNotZero(result) : result);
}

static LogicalResult lowerReduce(NVVM::ReduxOp op, Lowering &lowering) {
  using sim::Reduction;
  std::optional<Reduction> operation;
  switch (op.getKind()) {
  case NVVM::ReduxKind::ADD:
    operation = Reduction::Add;
    break;
  case NVVM::ReduxKind::AND:
    operation = Reduction::And;
    break;
  case NVVM::ReduxKind::OR:
    operation = Reduction::Or;
    break;
  case NVVM::ReduxKind::XOR:
    operation = Reduction::Xor;
    break;
  case NVVM::ReduxKind::MAX:
    operation = Reduction::MaxSigned;
    break;
  case NVVM::ReduxKind::MIN:
    operation = Reduction::MinSigned;
    break;
  case NVVM::ReduxKind::UMAX:
    operation = Reduction::MaxUnsigned;
    break;
  case NVVM::ReduxKind::UMIN:
    operation = Reduction::MinUnsigned;
    break;
  default:
    break;
  }
  if (!operation || !op.getType().isInteger(32))
    return lowering.refuse("of floats has no model; that of i32 has");
  return lowering.replace(
      exchange("lowbit_sim_reduce", op.getMaskAndClamp(), static_cast<unsigned>(*operation), op.getVal(), lowering, op.getType()));
}

static LogicalResult lowerMatch(NVVM::MatchSyncOp op, Lowering &lowering) {
  return lowering.replace(
      exchange("lowbit_sim_match", op.getThreadMask(), op.getKind() == NVVM::MatchSyncKind::all, op.getVal(), lowering, op.getType()));
}

static LogicalResult lowerElect(NVVM::ElectSyncOp op, Lowering &lowering) {
  Value mask = op.getMembermask() ? op.getMembermask() : lowering.word(-1);
  lowering.call("lowbit_sim_elect", {}, {lowering.site(), mask, lowering.scratch(kOut)});
  Value isChosen = LLVM::LoadOp::create(lowering.builder, lowering.getLoc(), lowering.getWordType(), lowering.scratch(kOut + 1));
  return lowering.replace(lowering.isNotZero(isChosen));
}

void addWarpRules(Rules &rules) {
  rules.add(lowerShuffle);
  rules.add(lowerGPUShuffle);
  rules.add(lowerVote);
  rules.add(lowerReduce);
  rules.add(lowerMatch);
  rules.add(lowerElect);
}

} // namespace mlir::lowbit::gpusim
