//===- Arguments.h - arguments of a kernel from the command line ----------===//
#ifndef LOWBIT_UNITTESTS_ARGUMENTS_H
#define LOWBIT_UNITTESTS_ARGUMENTS_H

#include "lowbit/Arrays/Array.h"
#include "lowbit/Execution/Sim/Copies.h"
#include "lowbit/Execution/Sim/Machine.h"
#include <deque>

namespace mlir::lowbit::unittest {

/// What a kernel is called with. In the order of the kernel:
///   i32=5  i64=5  f32=0.5     a number
///   bytes=4096                memory that holds 0, 1, 2, …, 255, 0, …
///   in=a.npy                  an array
///   array=a.npy               an array that is not passed, for maps
///   result=b.npy              an array to compute, which is compared with the file's
///   map=I,ELEMENT,ROWS,COLUMNS,ROW_BYTES,BOX_ROWS,BOX_COLUMNS,SWIZZLE   a tensor map of what the Ith of these is, from 0;
///                             two more numbers where it is of several matrices: how many, and the bytes from one to the next
class Arguments {
public:
  static llvm::Expected<Arguments> parse(ArrayRef<std::string> texts);

  /// Everything as it was before the kernel ran.
  void reset();
  void **getParameters() { return parameters.data(); }
  const sim::MemoryRanges &getMemory() const { return memory; }
  /// Bytes of results that differ from what is expected.
  uint64_t countWrongBytes() const;
  bool hasResults() const;

private:
  struct Memory {
    std::vector<uint8_t> storage; // the array begins at a multiple of 256 in it
    uint8_t *begin;
    std::vector<uint8_t> initial;
    std::vector<uint8_t> expected; // empty: no result
  };
  void addMemory(std::vector<uint8_t> initial, std::vector<uint8_t> expected, bool isPassed = true);
  llvm::Error addMap(StringRef text);

  std::deque<Memory> memories;
  std::deque<uint64_t> numbers;
  struct alignas(64) Map {
    sim::TensorMap map;
  };
  std::deque<Map> maps;
  std::vector<Memory *> byArgument; // null where it is no memory
  std::vector<void *> parameters;
  sim::MemoryRanges memory;
};

} // namespace mlir::lowbit::unittest

#endif // LOWBIT_UNITTESTS_ARGUMENTS_H
