//===- MmaGoldens.cpp - mma.sync and wgmma against recordings -------------===//
#include "Golden.h"
#include "lowbit/Execution/Sim/WarpgroupMma.h"
#include "llvm/ADT/StringSwitch.h"

namespace mlir::lowbit::unittest {

static std::optional<sim::IntegerType> parseInteger(StringRef text) {
  using sim::IntegerType;
  return llvm::StringSwitch<std::optional<IntegerType>>(text)
      .Case("s8", IntegerType::S8)
      .Case("u8", IntegerType::U8)
      .Case("s4", IntegerType::S4)
      .Case("u4", IntegerType::U4)
      .Case("b1", IntegerType::B1)
      .Default(std::nullopt);
}

static std::optional<sim::FloatType> parseFloat(StringRef text) {
  using sim::FloatType;
  return llvm::StringSwitch<std::optional<FloatType>>(text)
      .Case("f16", FloatType::F16)
      .Case("bf16", FloatType::BF16)
      .Case("tf32", FloatType::TF32)
      .Case("e4m3", FloatType::E4M3)
      .Case("e5m2", FloatType::E5M2)
      .Default(std::nullopt);
}

static sim::IntegerProduct makeProduct(const Record &record, sim::IntegerType a, sim::IntegerType b) {
  return {a, b, record.hasPiece("xor") ? sim::BitOperation::Xor : sim::BitOperation::And, record.hasPiece("satfinite")};
}

/// Calls run(a, b, c, d) with the registers of each case, whose counts the recording names.
static void forEachMma(const Record &record, llvm::function_ref<void(sim::Reads, sim::Reads, sim::Reads, sim::Writes)> run) {
  Comparison comparison(record);
  unsigned words[3];
  for (auto [word, value] : llvm::zip_equal(words, *record.getEntry().getArray("words")))
    word = static_cast<unsigned>(*value.getAsInteger());
  for (size_t i = 0; i < record.getCases(); ++i) {
    const Registers a(record, i, 0, words[0]), b(record, i, words[0], words[1]), c(record, i, words[0] + words[1], words[2]);
    Registers d(sim::kLanes, words[2]);
    run(a.reads(), b.reads(), c.reads(), d.writes());
    comparison.expectRegisters(i, d);
  }
}

bool checkIntegerMma(const Record &record) {
  const auto pieces = record.getPieces(); // mma.m16n8k32.s8.s8
  const auto a = parseInteger(pieces[2]), b = parseInteger(pieces[3]);
  if (!a || !b)
    return false;
  const unsigned rows = pieces[1].starts_with("m16") ? 16 : 8,
                 words = static_cast<unsigned>(*(*record.getEntry().getArray("words"))[1].getAsInteger());
  const sim::IntegerMma form{makeProduct(record, *a, *b), rows, 16 * words};
  forEachMma(record, [&](sim::Reads left, sim::Reads right, sim::Reads c, sim::Writes d) { mmaSync(form, left, right, c, d); });
  return true;
}

bool checkFloatMma(const Record &record) {
  const auto pieces = record.getPieces(); // mma.m16n8k16.f32.f16.f16
  const auto a = parseFloat(pieces[3]), b = parseFloat(pieces[4]);
  if (!a || !b)
    return false;
  const auto words = static_cast<unsigned>(*(*record.getEntry().getArray("words"))[1].getAsInteger());
  const sim::FloatMma form{*a, *b, 16 * words, pieces[2] == "f16"};
  forEachMma(record, [&](sim::Reads left, sim::Reads right, sim::Reads c, sim::Writes d) { mmaSync(form, left, right, c, d); });
  return true;
}

/// Two descriptors, scale-d and four registers of A come before the accumulators; issued `repeat` times.
static void checkWarpgroup(const Record &record, unsigned repeat,
                           llvm::function_ref<sim::Illegal(const sim::WarpgroupOperands &, bool, sim::Writes)> run) {
  constexpr unsigned kHead = 9;
  Comparison comparison(record);
  for (size_t i = 0; i < record.getCases(); ++i) {
    std::vector<uint8_t> image = record.getImage("shared", i);
    const Registers a(record, i, 5, 4);
    Registers d(record, i, kHead, record.getOutputs());
    const ArrayRef<uint32_t> head = record.getIn(i, 0);
    auto join = [&](unsigned low) { return head[low] | static_cast<uint64_t>(head[low + 1]) << 32; };
    sim::WarpgroupOperands operands{{image.data(), 0, static_cast<uint32_t>(image.size())}, nullptr, join(0), join(2)};
    if (record.hasPiece("a-registers"))
      operands.a = a.reads();
    for (unsigned turn = 0; turn < repeat; ++turn)
      comparison.expectLegal(i, run(operands, head[4] != 0, d.writes()));
    comparison.expectRegisters(i, d);
  }
}

bool checkWarpgroupMma(const Record &record) {
  const auto pieces = record.getPieces(); // wgmma.m64n8k32.s8.s8 or wgmma.m64n8k16.f32.f16.f16 or wgmma.reveal.a.f16.transposed
  if (pieces[0] == "setmaxnreg")          // changes no value
    return true;
  sim::WarpgroupShape shape;
  std::optional<sim::IntegerType> integers[2];
  std::optional<sim::FloatType> floats[2];
  if (pieces[1] == "reveal") {
    shape.n = 2 * record.getOutputs();
    shape.aTransposed = pieces[2] == "a" && record.hasPiece("transposed");
    shape.bTransposed = pieces[2] == "b" && record.hasPiece("transposed");
    integers[0] = integers[1] = parseInteger(pieces[3]);
    floats[0] = floats[1] = parseFloat(pieces[3]);
  } else {
    pieces[1].split('n').second.split('k').first.getAsInteger(10, shape.n);
    for (unsigned i : {0, 1}) {
      integers[i] = parseInteger(pieces[2 + i]);
      floats[i] = parseFloat(pieces[std::min<size_t>(3 + i, pieces.size() - 1)]);
    }
  }
  if (integers[0] && integers[1]) {
    const sim::IntegerProduct product = makeProduct(record, *integers[0], *integers[1]);
    checkWarpgroup(record, 1, [&](const sim::WarpgroupOperands &operands, bool accumulate, sim::Writes d) {
      return mmaWarpgroup(product, shape, operands, accumulate, d);
    });
    return true;
  }
  if (!floats[0] || !floats[1])
    return false;
  const sim::WarpgroupFloat form{*floats[0], *floats[1], pieces[2] == "f16", record.hasPiece("scale-11")};
  checkWarpgroup(record, record.hasPiece("times4") ? 4 : 1, [&](const sim::WarpgroupOperands &operands, bool accumulate, sim::Writes d) {
    return mmaWarpgroup(form, shape, operands, accumulate, d);
  });
  return true;
}

} // namespace mlir::lowbit::unittest
