//===- SPIRVLabels.cpp - blocks of SPIR-V have names of their own ---------===//
// Law: a label is read in the operands of branches, merges and phis of its own function, and nowhere else.

#include "SPIRVLabels.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/bit.h"
#include <cstring>
#include <vector>

using namespace llvm;

namespace mlir::lowbit {

/// New names of one function's labels.
using Names = DenseMap<uint32_t, uint32_t>;

//===----------------------------------------------------------------------===//
// Words
//===----------------------------------------------------------------------===//

namespace {
enum Opcode : uint32_t {
  FunctionEnd = 56,
  Phi = 245,
  LoopMerge = 246,
  SelectionMerge = 247,
  Label = 248,
  Branch = 249,
  BranchConditional = 250,
  Switch = 251
};
} // namespace

static uint32_t getOpcode(ArrayRef<uint32_t> instruction) { return instruction[0] & 0xFFFF; }

/// Every `step`th word of `instruction` from `first` on.
static SmallVector<size_t> getEvery(ArrayRef<uint32_t> instruction, size_t first, size_t step) {
  SmallVector<size_t> places;
  for (size_t place = first; place < instruction.size(); place += step)
    places.push_back(place);
  return places;
}

/// Where labels are among the words of an instruction.
static SmallVector<size_t> getLabelPlaces(ArrayRef<uint32_t> instruction, const Names &names) {
  switch (getOpcode(instruction)) {
  case Label:
  case Branch:
  case SelectionMerge:
    return {1};
  case LoopMerge:
    return {1, 2};
  case BranchConditional:
    return {2, 3};
  case Phi: // a type, a result, then values and where they come from
    return getEvery(instruction, 4, 2);
  case Switch: {
    // What is looked for, then literals of one word, or of two, whose upper one is no name, before labels.
    SmallVector<size_t> places = getEvery(instruction, 4, 2);
    if (!all_of(places, [&](size_t place) { return names.contains(instruction[place]); }))
      places = getEvery(instruction, 5, 3);
    places.push_back(2);
    return places;
  }
  default:
    return {};
  }
}

/// Renames in the instructions of one function, from `bound` on. False where two labels have one name.
static bool renumberFunction(MutableArrayRef<uint32_t> function, uint32_t &bound) {
  auto forEach = [&](function_ref<void(MutableArrayRef<uint32_t>)> visit) {
    for (size_t at = 0; at < function.size(); at += function[at] >> 16)
      visit(function.slice(at, function[at] >> 16));
  };
  Names names;
  bool areDistinct = true;
  forEach([&](MutableArrayRef<uint32_t> instruction) {
    if (getOpcode(instruction) == Label)
      areDistinct &= names.try_emplace(instruction[1], bound++).second;
  });
  forEach([&](MutableArrayRef<uint32_t> instruction) {
    for (size_t place : getLabelPlaces(instruction, names))
      instruction[place] = names.lookup(instruction[place]);
  });
  return areDistinct;
}

bool renumberLabels(std::string &binary) {
  constexpr size_t headerWords = 5, boundPlace = 3;
  std::vector<uint32_t> words(binary.size() / sizeof(uint32_t));
  std::memcpy(words.data(), binary.data(), words.size() * sizeof(uint32_t));
  size_t begin = headerWords;
  bool areDistinct = true;
  for (size_t at = begin; at < words.size();) {
    uint32_t opcode = words[at] & 0xFFFF;
    at += words[at] >> 16;
    if (opcode != FunctionEnd)
      continue;
    areDistinct &= renumberFunction(MutableArrayRef(words).slice(begin, at - begin), words[boundPlace]);
    begin = at;
  }
  std::memcpy(binary.data(), words.data(), words.size() * sizeof(uint32_t));
  return areDistinct;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// The number after the first `%`; none where there is something else.
static std::optional<uint32_t> readName(StringRef text) {
  uint32_t number;
  if (text.split('%').second.take_while(isDigit).getAsInteger(10, number))
    return std::nullopt;
  return number;
}

/// `line` with new names where an old one stands.
static std::string rename(StringRef line, const Names &names) {
  std::string renamed;
  while (!line.empty()) {
    size_t end = std::min(line.size(), line.find('%', 1)); // up to the next name
    StringRef token = line.take_front(end);
    std::optional<uint32_t> name = token.starts_with("%") ? readName(token) : std::nullopt;
    if (name && names.contains(*name))
      renamed += "%" + std::to_string(names.lookup(*name)) + token.drop_front().drop_while(isDigit).str();
    else
      renamed += token;
    line = line.drop_front(end);
  }
  return renamed;
}

bool renumberTextLabels(std::string &assembly) {
  SmallVector<StringRef> lines;
  StringRef(assembly).split(lines, '\n');
  DenseSet<uint32_t> labels; // which do not count for where the new names begin, so that those are always the same
  for (StringRef line : lines)
    if (line.contains("= OpLabel"))
      labels.insert(*readName(line));
  uint32_t bound = 1;
  for (StringRef rest = assembly; rest.contains('%'); rest = rest.split('%').second)
    if (std::optional<uint32_t> name = readName(rest); name && !labels.contains(*name))
      bound = std::max(bound, *name + 1);
  std::string result;
  bool areDistinct = true;
  auto *begin = lines.begin();
  for (auto *line = lines.begin(); line != lines.end(); ++line) {
    if (!line->contains("OpFunctionEnd") && line + 1 != lines.end())
      continue;
    Names names;
    for (StringRef each : make_range(begin, line))
      if (each.contains("= OpLabel"))
        areDistinct &= names.try_emplace(*readName(each), bound++).second;
    for (StringRef each : make_range(begin, line + 1))
      result += rename(each, names) + "\n";
    begin = line + 1;
  }
  result.pop_back();
  assembly = result;
  return areDistinct;
}

} // namespace mlir::lowbit
