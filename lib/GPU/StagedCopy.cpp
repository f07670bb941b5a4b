//===- StagedCopy.cpp - tiles from global memory, through registers -------===//
// Law: row r of a tile holds element (first row + r, k) of the side at piece k / 4 (words), for all k of the step.

#include "StagedCopy.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::lowbit {

StagedCopy::~StagedCopy() = default;

static constexpr int64_t wordBytes = 4, words = Swizzle::pieceBytes / wordBytes;

static Type getWordType(KernelBuilder &b, const MatmulSide &side) { return side.width == 32 ? Type(b.getF32Type()) : b.getI32Type(); }

static Value buildPiece(KernelBuilder &b, ArrayRef<Value> elements) {
  return vector::FromElementsOp::create(b, VectorType::get({words}, elements[0].getType()), elements);
}

/// `count` pieces that `load` makes where `condition` holds (null: always). In a branch of their own: a load whose only use is a store in a
/// branch would be moved there, behind the products.
static SmallVector<Value> loadWhere(KernelBuilder &b, Value condition, const MatmulSide &side, size_t count,
                                    function_ref<SmallVector<Value>()> load) {
  if (!condition)
    return load();
  auto type = VectorType::get({words}, getWordType(b, side));
  auto branch = scf::IfOp::create(b, SmallVector<Type>(count, type), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&branch.getThenRegion().front());
  scf::YieldOp::create(b, load());
  b.setInsertionPointToStart(&branch.getElseRegion().front());
  scf::YieldOp::create(b, SmallVector<Value>(count, arith::ConstantOp::create(b, b.getZeroAttr(type))));
  return SmallVector<Value>(branch.getResults());
}

namespace {
/// Rows that lie along the reduction: pieces of every `getRowsPerCopy`th row.
class RowCopy final : public StagedCopy {
public:
  RowCopy(KernelBuilder &b, const StagedSource &source, const StagedTarget &target, Value thread, int64_t threads)
      : source(source), target(target), rowsPerCopy(threads / target.swizzle.getPieces()) {
    Value row = b.div(thread, target.swizzle.getPieces());
    piece = b.rem(thread, target.swizzle.getPieces());
    place = b.offset(target.tile, target.swizzle.getOffset(b, row, piece));
    if (target.rows < rowsPerCopy)
      hasRow = b.lessThan(row, b.i32(target.rows));
    Value last = b.add(source.rows, -1), pitch = b.widen(source.pitch);
    for (int64_t i = 0; i < target.rows; i += rowsPerCopy) {
      Value clamped = b.min(b.add(b.add(source.firstRow, row), i), last);
      begins.push_back(b.offset(source.pointer, b.mul(b.widen(clamped), pitch)));
    }
  }

  SmallVector<Value> load(KernelBuilder &b, Value depth) const override {
    return loadWhere(b, hasRow, source.side, begins.size(), [&] { return loadPieces(b, depth); });
  }

  void store(KernelBuilder &b, Value slot, ArrayRef<Value> pieces) const override {
    Value first = b.offset(place, slot);
    auto storeAll = [&] {
      for (auto [i, value] : llvm::enumerate(pieces))
        b.store(value, b.offset(first, i * rowsPerCopy * target.swizzle.rowBytes), Swizzle::pieceBytes);
    };
    hasRow ? b.when(hasRow, storeAll) : storeAll();
  }

private:
  SmallVector<Value> loadPieces(KernelBuilder &b, Value depth) const {
    // As many bytes by one load as begin where they may; a load is inside of the reduction or outside, not both.
    int64_t loadBytes = std::min<int64_t>(source.alignment, Swizzle::pieceBytes);
    Value start = b.add(depth, b.mul(piece, Swizzle::pieceBytes));
    SmallVector<Value> places, insides;
    for (int64_t byte = 0; byte < Swizzle::pieceBytes; byte += loadBytes) {
      Value at = b.add(start, byte);
      insides.push_back(b.lessThan(at, source.depth));
      places.push_back(b.select(insides.back(), at, b.i32(0)));
    }
    Value fill = source.fill ? arith::ConstantOp::create(b, source.fill).getResult() : Value();
    SmallVector<Value> pieces;
    for (Value begin : begins) {
      SmallVector<Value> loaded;
      for (auto [at, inside] : llvm::zip(places, insides))
        for (Value element : b.loadElements(getWordType(b, source.side), b.offset(begin, at), loadBytes / wordBytes))
          loaded.push_back(fill ? b.select(inside, element, fill) : element);
      pieces.push_back(buildPiece(b, loaded));
    }
    return pieces;
  }

  StagedSource source;
  StagedTarget target;
  int64_t rowsPerCopy;
  Value piece, place;
  Value hasRow;              ///< Whether there is a row for the thread; null where there is for all.
  SmallVector<Value> begins; ///< `!llvm.ptr<1>`, of the rows.
};

/// Rows that lie side by side, a row in memory being one step of the reduction: blocks of four steps by four rows, which are turned by
/// naming registers.
class ColumnCopy final : public StagedCopy {
public:
  ColumnCopy(KernelBuilder &b, const StagedSource &source, const StagedTarget &target, Value thread, int64_t threads)
      : source(source), target(target) {
    int64_t pieces = target.swizzle.getPieces(), blocks = target.rows / size * pieces;
    if (blocks < threads)
      hasBlock = b.lessThan(thread, b.i32(blocks));
    piece = b.rem(thread, pieces);
    for (int64_t i = 0; i < blocks; i += threads) {
      Value row = b.add(b.mul(b.div(thread, pieces), size), i / pieces * size);
      SmallVector<Value> rows;
      for (int64_t j = 0; j < size; ++j)
        rows.push_back(b.offset(target.tile, target.swizzle.getOffset(b, b.add(row, j), piece)));
      places.push_back(rows);
      // Of the neighbours that one load takes all are inside, or none.
      SmallVector<Value> begins;
      for (int64_t j = 0; j < size; j += getLoaded()) {
        Value own = b.min(b.add(b.add(source.firstRow, row), j), b.add(source.rows, -getLoaded()));
        begins.push_back(b.offset(source.pointer, b.mul(own, wordBytes)));
      }
      starts.push_back(begins);
    }
  }

  SmallVector<Value> load(KernelBuilder &b, Value depth) const override {
    return loadWhere(b, hasBlock, source.side, starts.size() * size, [&] { return loadPieces(b, depth); });
  }

  void store(KernelBuilder &b, Value slot, ArrayRef<Value> pieces) const override {
    auto storeAll = [&] {
      for (auto [i, value] : llvm::enumerate(pieces))
        b.store(value, b.offset(places[i / size][i % size], slot), Swizzle::pieceBytes);
    };
    hasBlock ? b.when(hasBlock, storeAll) : storeAll();
  }

private:
  SmallVector<Value> loadPieces(KernelBuilder &b, Value depth) const {
    Value first = b.add(b.div(depth, wordBytes), b.mul(piece, size)), end = b.div(source.depth, wordBytes);
    Value fill = arith::ConstantOp::create(b, source.fill), pitch = b.widen(source.pitch);
    SmallVector<Value> insides, offsets;
    for (int64_t step = 0; step < size; ++step) {
      Value k = b.add(first, step);
      insides.push_back(b.lessThan(k, end));
      offsets.push_back(b.mul(b.widen(b.select(insides.back(), k, b.i32(0))), pitch));
    }
    SmallVector<Value> pieces;
    for (ArrayRef<Value> begins : starts) {
      SmallVector<SmallVector<Value>> turned(size);
      for (auto [inside, offset] : llvm::zip(insides, offsets))
        for (auto [i, begin] : llvm::enumerate(begins))
          for (auto [j, element] : llvm::enumerate(b.loadElements(getWordType(b, source.side), b.offset(begin, offset), getLoaded())))
            turned[i * getLoaded() + j].push_back(b.select(inside, element, fill));
      for (ArrayRef<Value> row : turned)
        pieces.push_back(buildPiece(b, row));
    }
    return pieces;
  }

  static constexpr int64_t size = words;
  /// Rows that one load takes.
  int64_t getLoaded() const { return std::min<int64_t>(source.alignment / wordBytes, size); }

  StagedSource source;
  StagedTarget target;
  Value piece;
  Value hasBlock;                         ///< Whether there is a block for the thread; null where there is for all.
  SmallVector<SmallVector<Value>> places; ///< Of each block, `!llvm.ptr<3>` of its piece of each row.
  SmallVector<SmallVector<Value>> starts; ///< Of each block, `!llvm.ptr<1>` of its loads at the first step of the reduction.
};
} // namespace

std::unique_ptr<StagedCopy> StagedCopy::create(KernelBuilder &b, const StagedSource &source, const StagedTarget &target, Value thread,
                                               int64_t threads) {
  if (source.side.isTransposed)
    return std::make_unique<ColumnCopy>(b, source, target, thread, threads);
  return std::make_unique<RowCopy>(b, source, target, thread, threads);
}

} // namespace mlir::lowbit
