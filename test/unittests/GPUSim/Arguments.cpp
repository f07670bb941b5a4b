//===- Arguments.cpp - arguments of a kernel from the command line --------===//
#include "Arguments.h"
#include "lowbit/Arrays/Npy.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Alignment.h"
#include <cstring>

namespace mlir::lowbit::unittest {

static constexpr uint64_t kAlignment = 256; // as allocators of GPUs have it

void Arguments::addMemory(std::vector<uint8_t> initial, std::vector<uint8_t> expected, bool isPassed) {
  Memory &added = memories.emplace_back();
  added.storage.resize(initial.size() + 2 * kAlignment);
  added.begin = reinterpret_cast<uint8_t *>(llvm::alignAddr(added.storage.data(), llvm::Align(kAlignment)));
  added.initial = std::move(initial);
  added.expected = std::move(expected);
  memory.emplace_back(added.begin, added.initial.size());
  byArgument.push_back(&added);
  if (!isPassed)
    return;
  numbers.push_back(reinterpret_cast<uintptr_t>(added.begin));
  parameters.push_back(&numbers.back());
}

llvm::Error Arguments::addMap(StringRef text) {
  llvm::SmallVector<StringRef> pieces;
  text.split(pieces, ',');
  uint64_t values[10] = {};
  if (pieces.size() != 8 && pieces.size() != 10)
    return llvm::createStringError("map=" + text + ": expected 8 numbers, or 10");
  for (auto [piece, value] : llvm::zip(pieces, values))
    if (piece.getAsInteger(10, value))
      return llvm::createStringError("map=" + text + ": `" + piece + "` is no number");
  auto [argument, element, rows, columns, rowBytes, boxRows, boxColumns, swizzle, batches, batchBytes] = values;
  if (argument >= byArgument.size() || !byArgument[argument])
    return llvm::createStringError("map=" + text + ": argument " + llvm::Twine(argument) + " is no memory");
  sim::TensorMap &map = maps.emplace_back().map;
  map.global = byArgument[argument]->begin;
  map.rank = batches ? 3 : 2;
  map.elementBytes = static_cast<uint32_t>(element);
  map.sizes[0] = columns;
  map.sizes[1] = rows;
  map.pitches[0] = element;
  map.pitches[1] = rowBytes;
  map.box[0] = static_cast<uint32_t>(boxColumns);
  map.box[1] = static_cast<uint32_t>(boxRows);
  map.sizes[2] = batches;
  map.pitches[2] = batchBytes;
  map.box[2] = 1;
  map.swizzle = swizzle == 128  ? sim::Swizzle::Span128
                : swizzle == 64 ? sim::Swizzle::Span64
                : swizzle == 32 ? sim::Swizzle::Span32
                                : sim::Swizzle::None;
  if (sim::Illegal why = sim::verify(map))
    return llvm::createStringError("map=" + text + ": " + why);
  byArgument.push_back(nullptr);
  parameters.push_back(&map);
  return llvm::Error::success();
}

static llvm::Expected<std::vector<uint8_t>> readBytes(StringRef path) {
  llvm::Expected<std::vector<NamedArray>> arrays = readArrays(path);
  if (!arrays)
    return arrays.takeError();
  if (arrays->size() != 1)
    return llvm::createStringError(path + ": expected one array");
  const Array &array = arrays->front().array;
  return std::vector<uint8_t>(array.getData(), array.getData() + array.getNumBytes());
}

llvm::Expected<Arguments> Arguments::parse(ArrayRef<std::string> texts) {
  Arguments result;
  for (StringRef text : texts) {
    auto [kind, value] = text.split('=');
    uint64_t number = 0;
    int64_t signedNumber = 0;
    if (kind == "in" || kind == "array" || kind == "result") {
      llvm::Expected<std::vector<uint8_t>> bytes = readBytes(value);
      if (!bytes)
        return bytes.takeError();
      if (kind != "result")
        result.addMemory(std::move(*bytes), {}, kind == "in");
      else
        result.addMemory(std::vector<uint8_t>(bytes->size(), 0xCC), std::move(*bytes));
    } else if (kind == "bytes" && !value.getAsInteger(10, number)) {
      std::vector<uint8_t> bytes(number);
      for (uint64_t i = 0; i < number; ++i)
        bytes[i] = static_cast<uint8_t>(i);
      result.addMemory(std::move(bytes), {});
    } else if (kind == "map") {
      if (llvm::Error error = result.addMap(value))
        return std::move(error);
    } else {
      double real = 0;
      if ((kind == "i32" || kind == "i64") && !value.getAsInteger(10, signedNumber)) {
        number = static_cast<uint64_t>(signedNumber);
      } else if (kind == "f32" && !value.getAsDouble(real)) {
        const auto single = static_cast<float>(real);
        std::memcpy(&number, &single, sizeof single);
      } else {
        return llvm::createStringError("`" + text + "`: expected i32=, i64=, f32=, bytes=, in=, array=, result= or map=");
      }
      result.byArgument.push_back(nullptr);
      result.numbers.push_back(number);
      result.parameters.push_back(&result.numbers.back());
    }
  }
  return result;
}

void Arguments::reset() {
  for (Memory &each : memories)
    std::memcpy(each.begin, each.initial.data(), each.initial.size());
}

uint64_t Arguments::countWrongBytes() const {
  uint64_t wrong = 0;
  for (const Memory &each : memories)
    for (size_t i = 0; i < each.expected.size(); ++i)
      wrong += each.begin[i] != each.expected[i];
  return wrong;
}

bool Arguments::hasResults() const {
  return llvm::any_of(memories, [](const Memory &each) { return !each.expected.empty(); });
}

} // namespace mlir::lowbit::unittest
