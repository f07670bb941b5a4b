//===- CopyGoldens.cpp - copies against recordings ------------------------===//
#include "Golden.h"
#include "lowbit/Execution/Sim/Copies.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MemoryBuffer.h"

namespace mlir::lowbit::unittest {

static constexpr unsigned kBarrierBytes = 16; // at the end of shared images; cleared after the copy

/// A copy of an image at a multiple of 1024, like shared memory's on the GPU.
class Image {
public:
  explicit Image(const std::vector<uint8_t> &bytes) : storage(bytes.size() + 1024), size(bytes.size()) {
    data = reinterpret_cast<uint8_t *>(llvm::alignAddr(storage.data(), llvm::Align(1024)));
    llvm::copy(bytes, data);
  }
  uint8_t *get() { return data; }
  ArrayRef<uint8_t> getBytes() const { return {data, size}; }
  sim::SharedMemory getShared() { return {data, 0, static_cast<uint32_t>(size)}; }
  /// What the kernel did to the barrier when all was over.
  void clearBarrier() { std::memset(data + size - kBarrierBytes, 0, 8); }

private:
  std::vector<uint8_t> storage;
  uint8_t *data;
  size_t size;
};

static void checkAsync(const Record &record, uint32_t size) {
  Comparison comparison(record);
  for (size_t i = 0; i < record.getCases(); ++i) {
    Image shared(record.getImage("shared", i)), memory(record.getImage("memory", i));
    for (unsigned lane = 0; lane < sim::kLanes; ++lane) {
      const ArrayRef<uint32_t> in = record.getIn(i, lane);
      comparison.expectLegal(i, sim::copyAsync(shared.get() + in[0], memory.get() + in[1], size, in[2]));
    }
    comparison.expectBytes(i, shared.getBytes(), record.getImageOut("shared", i));
  }
}

static void checkBulk(const Record &record, sim::BulkReduction reduction) {
  Comparison comparison(record);
  for (size_t i = 0; i < record.getCases(); ++i) {
    Image shared(record.getImage("shared", i)), memory(record.getImage("memory", i));
    const ArrayRef<uint32_t> in = record.getIn(i, 0);
    uint8_t *here = shared.get() + in[0], *there = memory.get() + in[1];
    if (record.hasPiece("load")) {
      comparison.expectLegal(i, sim::copyBulk(here, there, in[3]));
      shared.clearBarrier();
      comparison.expectBytes(i, shared.getBytes(), record.getImageOut("shared", i));
    } else {
      comparison.expectLegal(i, sim::copyBulk(there, here, in[3], reduction));
      comparison.expectBytes(i, memory.getBytes(), record.getImageOut("memory", i));
    }
  }
}

static sim::TensorMap readMap(const llvm::json::Object &entry, uint8_t *global) {
  sim::TensorMap map = {};
  const llvm::json::Array &sizes = *entry.getArray("sizes"), &pitches = *entry.getArray("pitches"), &box = *entry.getArray("box");
  map.global = global;
  map.rank = static_cast<uint32_t>(sizes.size());
  map.elementBytes = static_cast<uint32_t>(*entry.getInteger("element"));
  for (unsigned d = 0; d < map.rank; ++d) {
    map.sizes[d] = static_cast<uint64_t>(*sizes[d].getAsInteger());
    map.pitches[d] = d ? static_cast<uint64_t>(*pitches[d - 1].getAsInteger()) : map.elementBytes;
    map.box[d] = static_cast<uint32_t>(*box[d].getAsInteger());
  }
  map.swizzle = llvm::StringSwitch<sim::Swizzle>(*entry.getString("swizzle"))
                    .Case("32B", sim::Swizzle::Span32)
                    .Case("64B", sim::Swizzle::Span64)
                    .Case("128B", sim::Swizzle::Span128)
                    .Default(sim::Swizzle::None);
  return map;
}

static llvm::SmallVector<int32_t> readPlace(const llvm::json::Object &entry) {
  llvm::SmallVector<int32_t> place;
  for (const llvm::json::Value &coordinate : *entry.getArray("place"))
    place.push_back(static_cast<int32_t>(*coordinate.getAsInteger()));
  return place;
}

static void checkTensor(const Record &record) {
  Comparison comparison(record);
  const llvm::json::Array &maps = *record.getEntry().getArray("maps");
  for (size_t i = 0; i < record.getCases(); ++i) {
    const llvm::json::Object &entry = *maps[i].getAsObject();
    Image shared(record.getImage("shared", i)), memory(record.getImage("memory", i));
    const sim::TensorMap map = readMap(entry, memory.get());
    const llvm::SmallVector<int32_t> place = readPlace(entry);
    const auto offset = static_cast<uint32_t>(*entry.getInteger("offset"));
    comparison.expectLegal(i, sim::verify(map));
    comparison.expect(sim::getBoxBytes(map) == static_cast<uint32_t>(*entry.getInteger("bytes")),
                      [] { return std::string("bytes of a box"); });
    if (record.hasPiece("load")) {
      comparison.expectLegal(i, sim::loadTensor(map, place.data(), shared.getShared(), offset));
      shared.clearBarrier();
      comparison.expectWord(i, 0, 1, record.getOut(i, 0)[0]); // the barrier's phase ended: all of the box's bytes counted
      comparison.expectBytes(i, shared.getBytes(), record.getImageOut("shared", i));
    } else {
      comparison.expectLegal(i, sim::storeTensor(map, place.data(), shared.getShared(), offset));
      comparison.expectBytes(i, memory.getBytes(), record.getImageOut("memory", i));
    }
  }
}

/// Blocks 2p and 2p + 1 each send a box to the blocks of a mask.
static void checkMulticast(const Record &record) {
  Comparison comparison(record);
  const llvm::json::Array &maps = *record.getEntry().getArray("maps");
  for (size_t pair = 0; pair < record.getCases(); pair += 2) {
    Image shared[2] = {Image(record.getImage("shared", pair)), Image(record.getImage("shared", pair + 1))};
    for (size_t sender : {pair, pair + 1}) {
      Image memory(record.getImage("memory", sender));
      const llvm::json::Object &entry = *maps[sender].getAsObject();
      const sim::TensorMap map = readMap(entry, memory.get());
      for (unsigned receiver : {0, 1})
        if (record.getIn(sender, 0)[4] >> receiver & 1)
          comparison.expectLegal(sender, sim::loadTensor(map, readPlace(entry).data(), shared[receiver].getShared(),
                                                         static_cast<uint32_t>(*entry.getInteger("offset"))));
    }
    for (unsigned receiver : {0, 1}) {
      shared[receiver].clearBarrier();
      comparison.expectBytes(pair + receiver, shared[receiver].getBytes(), record.getImageOut("shared", pair + receiver));
    }
  }
}

/// Each block of a pair reads what the other stored.
static void checkPeer(const Record &record) {
  Comparison comparison(record);
  for (size_t i = 0; i < record.getCases(); ++i)
    for (unsigned lane = 0; lane < sim::kLanes; ++lane) {
      comparison.expectWord(i, lane, record.getIn(i ^ 1, lane)[0], record.getOut(i, lane)[0]);
      comparison.expectWord(i, lane, i % 2, record.getOut(i, lane)[1]);
    }
}

/// tensor.load.x8.y1.of160 in question: a box of 64 bytes and 8 rows of bytes at (8, 1), in rows of 160.
static sim::Illegal answer(StringRef question) {
  std::vector<uint8_t> bytes(24 * 192);
  Image global(bytes), shared(std::vector<uint8_t>(512));
  int32_t place[2] = {0, 1};
  uint64_t width = 150;
  llvm::SmallVector<StringRef> pieces;
  question.split(' ').first.split(pieces, '.');
  for (StringRef piece : llvm::ArrayRef(pieces).drop_front(2)) {
    if (piece.consume_front("of"))
      piece.getAsInteger(10, width);
    else
      piece.drop_front().getAsInteger(10, place[piece[0] == 'y']);
  }
  const sim::TensorMap map{global.get(), 2, 1, {width, 24}, {1, 192}, {64, 8}, sim::Swizzle::None};
  if (sim::Illegal why = sim::verify(map))
    return why;
  return (pieces[1] == "load" ? sim::loadTensor : sim::storeTensor)(map, place, shared.getShared(), 0);
}

void checkLegality(StringRef path) {
  const std::unique_ptr<llvm::MemoryBuffer> text = llvm::cantFail(llvm::errorOrToExpected(llvm::MemoryBuffer::getFile(path)));
  llvm::SmallVector<StringRef> lines;
  text->getBuffer().split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    const llvm::json::Value value = llvm::cantFail(llvm::json::parse(line));
    const StringRef question = *value.getAsObject()->getString("question");
    check(!answer(question) == *value.getAsObject()->getBoolean("ok"), question + " is as legal as on the GPU");
  }
}

bool checkCopy(const Record &record) {
  const StringRef name = record.getName();
  uint32_t size = 0;
  if (record.hasPiece("multicast"))
    checkMulticast(record);
  else if (name == "shared.of-peer")
    checkPeer(record);
  else if (name.starts_with("tensor."))
    checkTensor(record);
  else if (record.hasPiece("bulk"))
    checkBulk(record, record.hasPiece("s32")   ? sim::BulkReduction::AddS32
                      : record.hasPiece("f32") ? sim::BulkReduction::AddF32
                                               : sim::BulkReduction::None);
  else if (!record.getPieces().back().getAsInteger(10, size))
    checkAsync(record, size);
  else
    return false;
  return true;
}

} // namespace mlir::lowbit::unittest
