//===- StagedProduct.cpp - products whose tiles pass through registers ----===//
//
// Rows beyond the border are read at the border, and are not seen in the result. The end of the reduction is zeros on the left side, which
// makes no difference of what is on the right.
//
//===----------------------------------------------------------------------===//

#include "StagedProduct.h"
#include "TileOrder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::lowbit {

WarpProduct::~WarpProduct() = default;
SmallVector<Value> WarpProduct::createSums(KernelBuilder &b) const { return SmallVector<Value>(getPlaces().size(), b.i32(0)); }
SmallVector<Value> WarpProduct::finish(KernelBuilder &b, ArrayRef<Value> sums, Value bytes) const { return SmallVector<Value>(sums); }

Value StagedSide::getAddress(KernelBuilder &b, Value row, Value piece) const {
  // The slot last: what is before it stays the same from step to step.
  return b.offset(b.offset(tile, swizzle.getOffset(b, b.add(firstRow, row), piece)), slot);
}

namespace {
/// Writes one kernel.
class Emitter {
public:
  Emitter(KernelBuilder &b, const MatmulKernel &kernel, const StagedTile &tile, int64_t lanes, const MatmulArguments &arguments,
          const WarpProduct &product)
      : b(b), kernel(kernel), tile(tile), lanes(lanes), arguments(arguments), product(product), swizzle{tile.depth} {}

  void emit() {
    thread = b.threadId();
    lane = b.rem(thread, lanes);
    TileOrder order(b, arguments, tile.rows, tile.columns);
    Value block = b.blockId();
    auto [blockRow, blockColumn] = order.getOrigin(b, block);
    if (kernel.hasBatches)
      arguments = arguments.atBatch(b, kernel, order.getBatch(b, block));
    Value shared = b.sharedMemory(), warp = b.div(thread, lanes);
    int64_t across = tile.columns / tile.warpColumns;
    Value warpRow = tile.rows == tile.warpRows ? b.i32(0) : b.mul(b.div(warp, across), tile.warpRows);
    Value warpColumn = b.mul(b.rem(warp, across), tile.warpColumns);
    Side lhs = makeSide(shared, arguments.lhs, blockRow, arguments.rows, arguments.lhsPitch, tile.rows, warpRow);
    Side rhs = makeSide(b.offset(shared, tile.rows * tile.depth), arguments.rhs, blockColumn, arguments.columns, arguments.rhsPitch,
                        tile.columns, warpColumn);
    auto [row, column] = product.getOrigin(b, lane);
    AccumulatorTile result{b.add(b.add(blockRow, warpRow), row), b.add(b.add(blockColumn, warpColumn), column), product.getPlaces(), {}};
    result.sums = multiply(lhs, rhs);
    emitEpilogue(b, kernel, arguments, result);
  }

private:
  /// A side, and what a thread copies of it: pieces of 16 bytes of every `getRowsPerCopy`th row.
  struct Side {
    StagedSide staged;
    SmallVector<Value> sources; ///< `!llvm.ptr<1>`, where the rows begin.
    Value target;               ///< `!llvm.ptr<3>`, of the first piece in the first slot.
    Value hasRow;               ///< Whether there is a row for the thread; null where there is for all.
  };

  int64_t getThreads() const { return lanes * tile.getWarps(); }
  int64_t getRowsPerCopy() const { return getThreads() / swizzle.getPieces(); }
  Value getPiece() { return b.rem(thread, swizzle.getPieces()); }

  Side makeSide(Value shared, Value codes, Value firstRow, Value rows, Value pitch, int64_t tileRows, Value warpRow) {
    Value row = b.div(thread, swizzle.getPieces());
    Side side{{swizzle, shared, b.i32(0), warpRow}, {}, b.offset(shared, swizzle.getOffset(b, row, getPiece()))};
    if (tileRows < getRowsPerCopy())
      side.hasRow = b.lessThan(row, b.i32(tileRows));
    Value last = b.add(rows, -1), widePitch = b.widen(pitch);
    for (int64_t i = 0; i < tileRows; i += getRowsPerCopy()) {
      Value clamped = b.min(b.add(b.add(firstRow, row), i), last);
      side.sources.push_back(b.offset(codes, b.mul(b.widen(clamped), widePitch)));
    }
    return side;
  }

  /// The thread's pieces of the step at `depth` (i32 bytes): vectors of words.
  SmallVector<Value> load(const Side &side, Value depth, bool isMasked) {
    // As many bytes by one load as begin where they may; a load is inside of the reduction or outside, not both.
    int64_t loadBytes = std::min<int64_t>(kernel.depthAlignment, Swizzle::pieceBytes), words = loadBytes / 4;
    Type word = b.getI32Type();
    Value start = b.add(depth, b.mul(getPiece(), Swizzle::pieceBytes));
    SmallVector<Value> places, insides;
    for (int64_t byte = 0; byte < Swizzle::pieceBytes; byte += loadBytes) {
      Value place = b.add(start, byte);
      insides.push_back(b.lessThan(place, arguments.depth));
      places.push_back(b.select(insides.back(), place, b.i32(0)));
    }
    SmallVector<Value> pieces;
    for (Value source : side.sources) {
      SmallVector<Value> loaded;
      for (auto [place, inside] : llvm::zip(places, insides))
        for (Value element : b.loadElements(word, b.offset(source, place), words))
          loaded.push_back(isMasked ? b.select(inside, element, b.i32(0)) : element);
      pieces.push_back(vector::FromElementsOp::create(b, VectorType::get({Swizzle::pieceBytes / 4}, word), loaded));
    }
    return pieces;
  }

  void store(const Side &side, Value slot, ArrayRef<Value> pieces) {
    Value target = b.offset(side.target, slot);
    auto storeAll = [&] {
      for (auto [i, piece] : llvm::enumerate(pieces))
        b.store(piece, b.offset(target, i * getRowsPerCopy() * tile.depth), Swizzle::pieceBytes);
    };
    side.hasRow ? b.when(side.hasRow, storeAll) : storeAll();
  }

  SmallVector<Value> multiply(Side &lhs, Side &rhs) {
    auto loadBoth = [&](Value depth) {
      SmallVector<Value> left = load(lhs, depth, /*isMasked=*/true);
      return std::pair(left, load(rhs, depth, /*isMasked=*/false));
    };
    auto [left, right] = loadBoth(b.i32(0));
    store(lhs, b.i32(0), left);
    store(rhs, b.i32(0), right);
    gpu::BarrierOp::create(b);
    SmallVector<Value> carried = product.createSums(b);
    carried.push_back(b.i32(0));
    carried = b.loop(b.i32(0), arguments.depth, tile.depth, carried, [&](Value depth, ValueRange values) {
      SmallVector<Value> sums(values.drop_back());
      Value slot = values.back(), other = b.sub(b.i32(tile.getSlotBytes()), slot);
      // On their way while what is there is multiplied; beyond the end nobody reads them.
      auto [nextLeft, nextRight] = loadBoth(b.add(depth, tile.depth));
      lhs.staged.slot = rhs.staged.slot = slot;
      for (int64_t byte = 0; byte < tile.depth; byte += product.getStepBytes())
        product.multiply(b, lane, lhs.staged, rhs.staged, byte / Swizzle::pieceBytes, sums);
      // That slot was read before the last barrier.
      store(lhs, other, nextLeft);
      store(rhs, other, nextRight);
      gpu::BarrierOp::create(b);
      sums.push_back(other);
      return sums;
    });
    carried.pop_back();
    return product.finish(b, carried, b.mul(b.ceilDiv(arguments.depth, tile.depth), tile.depth));
  }

  KernelBuilder &b;
  const MatmulKernel &kernel;
  const StagedTile &tile;
  int64_t lanes;
  MatmulArguments arguments;
  const WarpProduct &product;
  Swizzle swizzle;
  Value thread, lane;
};
} // namespace

double StagedPlan::getReadCycles() const {
  constexpr double bytesPerCycle = 128;
  return tile.getWarps() * (tile.warpRows + tile.warpColumns) * tile.depth / bytesPerCycle;
}

std::string StagedPlan::getName() const { return llvm::formatv("{0}_{1}x{2}x{3}", getStem(), tile.rows, tile.columns, tile.depth); }
unsigned StagedPlan::getThreads() const { return architecture.warpThreads * tile.getWarps(); }

double StagedPlan::estimate() const {
  // Cycles of a step, by what limits it: products, reads of shared memory, reads of tiles from the L2; and the wait for the next tiles,
  // which other blocks hide. Of dp4a on an H200 it ranks tiles as they are, or takes one 12 % slower; of others it is data sheets'.
  constexpr double cacheBytesPerCycle = 40, latency = 600, cyclesPerMicrosecond = 1500;
  auto [rows, columns, depth] = kernel.guessSizes();
  double products = tile.rows * tile.columns * tile.depth * (8.0 / kernel.lhs.width) / getProductsPerCycle();
  double copies = tile.getSlotBytes() / cacheBytesPerCycle;
  double numTiles = kernel.guessBatches() * llvm::divideCeil(rows, tile.rows) * llvm::divideCeil(columns, tile.columns);
  double perMultiprocessor = std::ceil(numTiles / architecture.multiprocessors);
  double residents = std::max<double>(1, architecture.sharedBytesPerMultiprocessor / getSharedBytes());
  double together = std::min(perMultiprocessor, std::min(residents, 1024.0 / getThreads()));
  double step = std::max({products, getReadCycles(), copies}) + latency / std::max(1.0, together);
  double steps = llvm::divideCeil(depth, tile.depth);
  return (perMultiprocessor * steps * step + 2 * latency) / cyclesPerMicrosecond;
}

void StagedPlan::emit(KernelBuilder &b, gpu::GPUFuncOp function) const {
  MatmulArguments arguments = MatmulArguments::get(function.getArguments(), kernel);
  std::unique_ptr<WarpProduct> product = createProduct();
  Emitter(b, kernel, tile, architecture.warpThreads, arguments, *product).emit();
}

MatmulPlan::Launch StagedPlan::buildLaunch(KernelBuilder &b, const MatmulArguments &arguments) const {
  return {TileOrder(b, arguments, tile.rows, tile.columns).getCount(b), {}};
}

} // namespace mlir::lowbit
