//===- Golden.cpp - models of GPU instructions against recordings ---------===//
//
// gpu-goldens FOLDER FAMILY: every case of every instruction of FOLDER/FAMILY.npz, bit for bit.
//
//===----------------------------------------------------------------------===//
#include "Golden.h"

namespace mlir::lowbit::unittest {

Record::Record(StringRef name, const llvm::json::Object &entry, const llvm::StringMap<const Array *> &arrays)
    : name(name), entry(entry), arrays(arrays), threads(static_cast<unsigned>(entry.getInteger("threads").value_or(0))) {
  auto getWords = [&](StringRef key) {
    const Array *array = find(key);
    if (!array || array->getShape().size() != 3)
      return Words{};
    cases = static_cast<size_t>(array->getShape()[0]);
    return Words{reinterpret_cast<const uint32_t *>(array->getData()), static_cast<unsigned>(array->getShape()[2])};
  };
  in = getWords("in");
  out = getWords("out");
}

const Array *Record::find(StringRef key) const {
  std::optional<StringRef> digest = entry.getString(key);
  return digest ? arrays.lookup(*digest) : nullptr;
}

llvm::SmallVector<StringRef> Record::getPieces() const {
  llvm::SmallVector<StringRef> pieces;
  name.split(pieces, '.');
  return pieces;
}

std::vector<uint8_t> Record::getImage(StringRef kind, size_t instance) const {
  const Array *images = find(kind), *index = find((kind + "_index").str());
  if (!images)
    return {};
  if (index)
    instance = reinterpret_cast<const uint16_t *>(index->getData())[instance];
  const auto size = static_cast<size_t>(images->getShape()[1]);
  const auto *begin = reinterpret_cast<const uint8_t *>(images->getData()) + instance * size;
  return {begin, begin + size};
}

ArrayRef<uint8_t> Record::getImageOut(StringRef kind, size_t instance) const {
  const Array *images = find((kind + "_out").str());
  if (!images)
    return {};
  const auto size = static_cast<size_t>(images->getShape()[1]);
  return {reinterpret_cast<const uint8_t *>(images->getData()) + instance * size, size};
}

Comparison::~Comparison() {
  check(wrong == 0 && compared > 0, record.getName() + ": " + llvm::Twine(wrong) + " of " + llvm::Twine(compared) + " differ");
}

void Comparison::expect(bool same, llvm::function_ref<std::string()> describe) {
  ++compared;
  if (!same && ++wrong < 4)
    llvm::errs() << record.getName() << ": " << describe() << '\n';
}

void Comparison::expectWord(size_t instance, unsigned place, uint32_t got, uint32_t want) {
  expect(got == want, [&] {
    return ("case " + llvm::Twine(instance) + ", place " + llvm::Twine(place) + ": " + llvm::Twine::utohexstr(got) + ", recorded " +
            llvm::Twine::utohexstr(want))
        .str();
  });
}

void Comparison::expectLegal(size_t instance, sim::Illegal why) {
  expect(!why, [&] { return ("case " + llvm::Twine(instance) + ": " + why).str(); });
}

void Comparison::expectRegisters(size_t instance, const Registers &got, unsigned first) {
  for (unsigned thread = 0; thread < record.getThreads(); ++thread)
    for (auto [i, word] : llvm::enumerate(got.get(thread)))
      expectWord(instance, thread, word, record.getOut(instance, thread)[first + i]);
}

void Comparison::expectBytes(size_t instance, ArrayRef<uint8_t> got, ArrayRef<uint8_t> want) {
  expect(got.size() == want.size(), [] { return std::string("images of different sizes"); });
  for (auto [place, pair] : llvm::enumerate(llvm::zip(got, want)))
    expectWord(instance, static_cast<unsigned>(place), std::get<0>(pair), std::get<1>(pair));
}

static int run(StringRef folder, StringRef family) {
  const llvm::StringMap<bool (*)(const Record &)> families{
      {"barriers", checkBarrier}, {"copies", checkCopy},   {"float_mma", checkFloatMma}, {"integer_mma", checkIntegerMma},
      {"matrix", checkMatrix},    {"scalar", checkScalar}, {"warp", checkWarp},          {"warpgroup_mma", checkWarpgroupMma}};
  auto function = families.lookup(family);
  if (!function) {
    llvm::errs() << "no family " << family << '\n';
    return 1;
  }
  const std::vector<NamedArray> stored = llvm::cantFail(readArrays((folder + "/" + family + ".npz").str()));
  llvm::StringMap<const Array *> arrays;
  for (const NamedArray &array : stored)
    arrays[array.name] = &array.array;
  const Array *text = arrays.lookup("index");
  check(text != nullptr, "the recording has an index");
  if (!text)
    return finish();
  const llvm::json::Value index = llvm::cantFail(llvm::json::parse(StringRef(text->getData(), text->getNumBytes())));
  if (family == "copies")
    checkLegality((folder + "/questions.jsonl").str());
  for (const auto &[name, entry] : *index.getAsObject()) {
    const Record record(name, *entry.getAsObject(), arrays);
    if (!function(record))
      check(false, record.getName() + " has no model");
  }
  return finish();
}

} // namespace mlir::lowbit::unittest

int main(int argc, char **argv) {
  if (argc != 3) {
    llvm::errs() << "usage: gpu-goldens FOLDER FAMILY\n";
    return 1;
  }
  return mlir::lowbit::unittest::run(argv[1], argv[2]);
}
