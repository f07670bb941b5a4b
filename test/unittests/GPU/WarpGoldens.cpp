//===- WarpGoldens.cpp - matrices, exchanges and barriers -----------------===//
#include "Golden.h"
#include "lowbit/Execution/Sim/Barriers.h"
#include "lowbit/Execution/Sim/Matrix.h"
#include "lowbit/Execution/Sim/Warp.h"
#include "llvm/ADT/StringSwitch.h"

namespace mlir::lowbit::unittest {

bool checkMatrix(const Record &record) {
  Comparison comparison(record);
  const auto pieces = record.getPieces(); // ldmatrix.x4.trans
  const bool transposed = record.hasPiece("trans");
  for (size_t i = 0; i < record.getCases(); ++i) {
    if (pieces[0] == "movmatrix") {
      const Registers source(record, i, 0, 1);
      Registers target(sim::kLanes, 1);
      sim::moveMatrix(source.reads(), target.writes());
      comparison.expectRegisters(i, target);
      continue;
    }
    const auto count = static_cast<unsigned>(pieces[1][1] - '0');
    alignas(16) uint8_t shared[1024];
    llvm::copy(record.getImage("shared", i), shared);
    void *rows[sim::kLanes];
    for (unsigned lane = 0; lane < sim::kLanes; ++lane)
      rows[lane] = shared + record.getIn(i, lane)[0];
    if (pieces[0] == "ldmatrix") {
      Registers target(sim::kLanes, count);
      comparison.expectLegal(i, sim::loadMatrix(count, transposed, rows, target.writes()));
      comparison.expectRegisters(i, target);
    } else {
      const Registers source(record, i, 1, count);
      comparison.expectLegal(i, sim::storeMatrix(count, transposed, rows, source.reads()));
      comparison.expectBytes(i, shared, record.getImageOut("shared", i));
    }
  }
  return true;
}

/// Runs one exchange; false when there is no model of it.
static bool exchange(ArrayRef<StringRef> pieces, uint32_t mask, sim::Reads in, sim::Writes out) {
  using sim::Reduction, sim::Shuffle, sim::Vote;
  const StringRef verb = pieces[0], mode = pieces.size() > 1 ? pieces[1] : "";
  if (verb == "shfl") {
    const auto kind = llvm::StringSwitch<Shuffle>(mode)
                          .Case("up", Shuffle::Up)
                          .Case("down", Shuffle::Down)
                          .Case("bfly", Shuffle::Butterfly)
                          .Default(Shuffle::Index);
    sim::shuffle(kind, mask, in, out);
  } else if (verb == "vote") {
    const auto kind =
        llvm::StringSwitch<Vote>(mode).Case("any", Vote::Any).Case("all", Vote::All).Case("uni", Vote::Uniform).Default(Vote::Ballot);
    sim::vote(kind, mask, in, out);
  } else if (verb == "redux") {
    const bool isSigned = pieces[2] == "s32";
    const auto kind = llvm::StringSwitch<Reduction>(mode)
                          .Case("add", Reduction::Add)
                          .Case("min", isSigned ? Reduction::MinSigned : Reduction::MinUnsigned)
                          .Case("max", isSigned ? Reduction::MaxSigned : Reduction::MaxUnsigned)
                          .Case("and", Reduction::And)
                          .Case("or", Reduction::Or)
                          .Default(Reduction::Xor);
    sim::reduce(kind, mask, in, out);
  } else if (verb == "match" && mode == "any") {
    sim::matchAny(mask, in, out);
  } else if (verb == "match") {
    sim::matchAll(mask, in, out);
  } else if (verb == "elect") {
    sim::elect(mask, out);
  } else {
    return false;
  }
  return true;
}

bool checkWarp(const Record &record) {
  Comparison comparison(record);
  const unsigned outputs = record.getOutputs() - 1, inputs = static_cast<unsigned>(record.getIn(0, 0).size()) - 1;
  for (size_t i = 0; i < record.getCases(); ++i) {
    const uint32_t mask = record.getIn(i, 0)[0];
    const Registers in(record, i, 1, inputs);
    Registers out(sim::kLanes, outputs);
    if (!exchange(record.getPieces(), mask, in.reads(), out.writes()))
      return false;
    for (unsigned lane = 0; lane < sim::kLanes; ++lane)
      if (mask >> lane & 1)
        for (unsigned r = 0; r < outputs; ++r)
          comparison.expectWord(i, lane, out.get(lane)[r], record.getOut(i, lane)[1 + r]);
  }
  return true;
}

bool checkBarrier(const Record &record) {
  Comparison comparison(record);
  if (record.getName() == "shared.base") { // shared memory does not begin at 0: 1024 bytes are the system's
    comparison.expectWord(0, 0, 1024, record.getOut(0, 0)[0]);
    return true;
  }
  uint64_t bytes = 0, state = 0;
  sim::Barrier barrier(&bytes);
  std::vector<uint32_t> answers;
  llvm::SmallVector<StringRef> steps;
  record.getEntry().getString("script")->split(steps, "; ");
  for (StringRef step : steps) {
    auto [verb, argument] = step.split(' ');
    uint32_t number = 1;
    argument.getAsInteger(10, number);
    sim::Illegal why = nullptr;
    if (verb == "init")
      why = barrier.init(number);
    else if (verb == "arrive" || verb == "drop")
      why = barrier.arrive(number, state, verb == "drop");
    else if (verb == "expect")
      why = barrier.expectBytes(number);
    else if (verb == "complete")
      why = barrier.completeBytes(number);
    else if (verb == "arrive_expect") {
      why = barrier.expectBytes(number);
      if (!why)
        why = barrier.arrive(1, state);
    } else if (verb == "pending") {
      why = barrier.arrive(1, state);
      answers.push_back(sim::Barrier::getPending(state));
    } else if (verb == "test")
      answers.push_back(barrier.testParity(number));
    else if (verb == "test_state")
      answers.push_back(barrier.testState(state));
    else
      return false;
    comparison.expectLegal(0, why);
  }
  const ArrayRef<uint32_t> recorded = record.getOut(0, 0);
  comparison.expect(answers.size() == recorded.size(), [] { return std::string("as many answers as tests"); });
  for (auto [place, pair] : llvm::enumerate(llvm::zip(answers, recorded)))
    comparison.expectWord(0, static_cast<unsigned>(place), std::get<0>(pair), std::get<1>(pair));
  return true;
}

} // namespace mlir::lowbit::unittest
