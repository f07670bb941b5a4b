//===- GlobalShadow.h - who accessed global memory during a launch --------===//
#ifndef LOWBIT_SIM_MACHINE_GLOBALSHADOW_H
#define LOWBIT_SIM_MACHINE_GLOBALSHADOW_H

#include "Shadow.h"
#include <cstring>
#include <unordered_map>

namespace mlir::lowbit::sim {

/// What is kept of the pages of global memory that somebody accessed; zeros at first.
template <typename Page> class Pages {
public:
  static constexpr uint64_t kBytes = 4096; ///< Of memory, a page.

  void clear() {
    for (auto &entry : pages)
      spare.push_back(std::move(entry.second));
    pages.clear();
    lastNumber = ~uint64_t(0);
    last = nullptr;
  }
  /// Null where there is none, and none is to be made.
  Page *find(uint64_t number, bool create) {
    if (number == lastNumber && (last || !create))
      return last;
    auto found = pages.find(number);
    lastNumber = number;
    last = found == pages.end() ? nullptr : found->second.get();
    if (!last && create)
      last = pages.emplace(number, makePage()).first->second.get();
    return last;
  }

private:
  std::unique_ptr<Page> makePage() {
    std::unique_ptr<Page> fresh;
    if (spare.empty()) {
      fresh = std::make_unique<Page>();
    } else {
      fresh = std::move(spare.back());
      spare.pop_back();
    }
    std::memset(static_cast<void *>(fresh.get()), 0, sizeof(Page));
    return fresh;
  }

  std::unordered_map<uint64_t, std::unique_ptr<Page>> pages;
  std::vector<std::unique_ptr<Page>> spare;
  uint64_t lastNumber = ~uint64_t(0);
  Page *last = nullptr;
};

/// Who wrote a byte of global memory last, and who read it since.
class GlobalShadow {
public:
  void clear();
  void beginBlock(uint32_t index) { block = index; }
  bool access(const Clocks &clocks, const Access &access, uint64_t address, uint64_t bytes, bool isAtomic, Conflict &conflict,
              uint32_t &otherBlock);

private:
  static constexpr uint64_t kGranule = 16, kReads = 4;
  struct Writer {
    const Site *site;
    uint32_t block; // plus one
    uint32_t clock;
    uint16_t agent;
    bool isAtomic;
  };
  struct WriterPage {
    Writer bytes[Pages<WriterPage>::kBytes];
  };
  struct Reader {
    const Site *site;
    uint32_t block, clock;
    uint16_t agent, bytes; // bytes: of the granule, a bit for each
  };
  struct ReaderPage {
    Reader granules[Pages<ReaderPage>::kBytes / kGranule][kReads];
  };
  template <typename Other> bool isOrdered(const Clocks &clocks, const Other &other, uint32_t otherBlock, unsigned thread) const {
    return otherBlock == block && clocks.isOrdered({other.site, other.clock, other.agent}, thread);
  }
  bool checkWriters(const Clocks &clocks, const Access &access, uint64_t address, uint64_t bytes, bool isAtomic, Conflict &conflict,
                    uint32_t &otherBlock);
  bool checkReaders(const Clocks &clocks, const Access &access, uint64_t address, uint64_t bytes, Conflict &conflict, uint32_t &otherBlock);
  void addReader(const Clocks &clocks, const Access &access, uint64_t address, uint64_t bytes);

  Pages<WriterPage> writers;
  Pages<ReaderPage> readers;
  uint32_t block = 0;
};

} // namespace mlir::lowbit::sim

#endif // LOWBIT_SIM_MACHINE_GLOBALSHADOW_H
