//===- ScalarGoldens.cpp - one lane's integer instructions ----------------===//
#include "Golden.h"
#include "ScalarModels.h"
#include "lowbit/Execution/Sim/Scalar.h"
#include "llvm/ADT/StringSwitch.h"

namespace mlir::lowbit::unittest {

ScalarModel getIntegerModel(ArrayRef<StringRef> pieces) {
  using sim::Permute;
  const StringRef verb = pieces[0], kind = pieces.back();
  auto piece = [pieces](size_t i) { return i < pieces.size() ? pieces[i] : StringRef(); };
  const bool isSigned = kind == "s32";
  if (verb == "dp4a")
    return [=](Operands3 x) { return sim::dp4a(piece(1) == "s32", piece(2) == "s32", x[0], x[1], x[2]); };
  if (verb == "dp2a")
    return [=](Operands3 x) { return sim::dp2a(piece(1) == "hi", piece(2) == "s32", piece(3) == "s32", x[0], x[1], x[2]); };
  if (verb == "prmt") {
    const auto mode = llvm::StringSwitch<Permute>(piece(2))
                          .Case("f4e", Permute::Forward4)
                          .Case("b4e", Permute::Backward4)
                          .Case("rc8", Permute::Replicate8)
                          .Case("ecl", Permute::ClampLeft)
                          .Case("ecr", Permute::ClampRight)
                          .Case("rc16", Permute::Replicate16)
                          .Default(Permute::Index);
    return [=](Operands3 x) { return sim::prmt(mode, x[0], x[1], x[2]); };
  }
  if (verb == "lop3") {
    unsigned table = 0;
    kind.getAsInteger(16, table);
    return [=](Operands3 x) { return sim::lop3(x[0], x[1], x[2], static_cast<uint8_t>(table)); };
  }
  if (verb == "shf")
    return [=](Operands3 x) { return sim::funnelShift(piece(1) == "l", piece(2) == "wrap", x[0], x[1], x[2]); };
  if (verb == "bfe")
    return [=](Operands3 x) { return sim::extractField(isSigned, x[0], x[1], x[2]); };
  if (verb == "shl")
    return [=](Operands3 x) { return sim::shiftLeft(x[0], x[1]); };
  if (verb == "shr")
    return [=](Operands3 x) { return sim::shiftRight(isSigned, x[0], x[1]); };
  if (verb == "mul" && piece(1) == "hi")
    return [=](Operands3 x) { return sim::multiplyHigh(isSigned, x[0], x[1]); };
  if (verb == "bfind")
    return [=](Operands3 x) { return sim::findHighest(isSigned, x[0]); };
  if (verb == "brev")
    return [](Operands3 x) { return sim::reverseBits(x[0]); };
  if (verb == "popc")
    return [](Operands3 x) { return static_cast<uint32_t>(llvm::popcount(x[0])); };
  if (verb == "clz")
    return [](Operands3 x) { return static_cast<uint32_t>(llvm::countl_zero(x[0])); };
  if (verb == "abs" && isSigned)
    return [](Operands3 x) { return x[0] >> 31 ? 0 - x[0] : x[0]; };
  if (verb == "cvt" && piece(1) == "pack")
    return [=](Operands3 x) { return sim::packSaturated(piece(3) == "s8", x[0], x[1], x[2]); };
  if (verb == "cvt" && piece(1) == "sat") {
    unsigned width = 0;
    piece(2).drop_front().getAsInteger(10, width);
    return [=](Operands3 x) { return sim::saturate(piece(2)[0] == 's', width, isSigned, x[0]); };
  }
  return nullptr;
}

bool checkScalar(const Record &record) {
  const auto pieces = record.getPieces();
  ScalarModel model = getIntegerModel(pieces);
  if (!model)
    model = getFloatModel(pieces);
  if (!model)
    return false;
  const Bound bound = getBound(pieces);
  Comparison comparison(record);
  for (size_t i = 0; i < record.getCases(); ++i)
    for (unsigned lane = 0; lane < sim::kLanes; ++lane) {
      const ArrayRef<uint32_t> in = record.getIn(i, lane);
      const uint32_t got = model(in), want = record.getOut(i, lane)[0];
      comparison.expect(got == want || (bound.units != 0 && isNear(pieces, got, want, bound)), [&] {
        std::string text = (llvm::Twine::utohexstr(got) + ", recorded " + llvm::Twine::utohexstr(want) + " of").str();
        for (uint32_t word : in)
          text += " " + llvm::utohexstr(word);
        return text;
      });
    }
  return true;
}

} // namespace mlir::lowbit::unittest
