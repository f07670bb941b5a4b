//===- Golden.h - recordings of GPU instructions --------------------------===//
#ifndef LOWBIT_UNITTESTS_GPU_GOLDEN_H
#define LOWBIT_UNITTESTS_GPU_GOLDEN_H

#include "../Check.h"
#include "lowbit/Arrays/Npy.h"
#include "lowbit/Execution/Sim/Fragments.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"

namespace mlir::lowbit::unittest {

/// One instruction of a recording: all its cases.
class Record {
public:
  Record(StringRef name, const llvm::json::Object &entry, const llvm::StringMap<const Array *> &arrays);

  StringRef getName() const { return name; }
  size_t getCases() const { return cases; }
  unsigned getThreads() const { return threads; }
  unsigned getOutputs() const { return out.count; }
  const llvm::json::Object &getEntry() const { return entry; }
  /// The name cut at its dots, and whether one piece is `piece`.
  llvm::SmallVector<StringRef> getPieces() const;
  bool hasPiece(StringRef piece) const { return llvm::is_contained(getPieces(), piece); }

  ArrayRef<uint32_t> getIn(size_t instance, unsigned thread) const { return getRegisters(in, instance, thread); }
  ArrayRef<uint32_t> getOut(size_t instance, unsigned thread) const { return getRegisters(out, instance, thread); }

  /// Images before and after; `kind` is "shared" or "memory".
  std::vector<uint8_t> getImage(StringRef kind, size_t instance) const;
  ArrayRef<uint8_t> getImageOut(StringRef kind, size_t instance) const;

private:
  struct Words {
    const uint32_t *data = nullptr;
    unsigned count = 0;
  };
  const Array *find(StringRef key) const;
  ArrayRef<uint32_t> getRegisters(Words words, size_t instance, unsigned thread) const {
    return {words.data + (instance * threads + thread) * words.count, words.count};
  }

  StringRef name;
  const llvm::json::Object &entry;
  const llvm::StringMap<const Array *> &arrays;
  size_t cases = 0;
  unsigned threads = 0;
  Words in, out;
};

/// Registers of all threads as models take them.
class Registers {
public:
  Registers(unsigned threads, unsigned count) : words(threads * count), count(count), pointers(threads) {
    for (unsigned thread = 0; thread < threads; ++thread)
      pointers[thread] = words.data() + thread * count;
  }
  /// A copy of the input registers `first` and on of a case.
  Registers(const Record &record, size_t instance, unsigned first, unsigned count) : Registers(record.getThreads(), count) {
    for (unsigned thread = 0; thread < record.getThreads(); ++thread)
      llvm::copy(record.getIn(instance, thread).slice(first, count), pointers[thread]);
  }
  sim::Reads reads() const { return pointers.data(); }
  sim::Writes writes() { return pointers.data(); }
  ArrayRef<uint32_t> get(unsigned thread) const { return {pointers[thread], count}; }

private:
  std::vector<uint32_t> words;
  unsigned count;
  std::vector<uint32_t *> pointers;
};

/// Counts what a model got wrong in one instruction and shows the first few.
class Comparison {
public:
  explicit Comparison(const Record &record) : record(record) {}
  ~Comparison();
  void expect(bool same, llvm::function_ref<std::string()> describe);
  void expectWord(size_t instance, unsigned place, uint32_t got, uint32_t want);
  void expectBytes(size_t instance, ArrayRef<uint8_t> got, ArrayRef<uint8_t> want);
  void expectLegal(size_t instance, sim::Illegal why);
  /// The model's registers are the recorded ones from `first` on.
  void expectRegisters(size_t instance, const Registers &got, unsigned first = 0);

private:
  const Record &record;
  size_t compared = 0, wrong = 0;
};

/// Models refuse what the GPU stopped at, and nothing else: the answers of ask.py.
void checkLegality(StringRef path);

/// One function a family; it returns false for an instruction it has no model of.
bool checkBarrier(const Record &record);
bool checkCopy(const Record &record);
bool checkFloatMma(const Record &record);
bool checkIntegerMma(const Record &record);
bool checkMatrix(const Record &record);
bool checkScalar(const Record &record);
bool checkWarp(const Record &record);
bool checkWarpgroupMma(const Record &record);

} // namespace mlir::lowbit::unittest

#endif // LOWBIT_UNITTESTS_GPU_GOLDEN_H
