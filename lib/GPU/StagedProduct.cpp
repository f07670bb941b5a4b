//===- StagedProduct.cpp - products whose tiles pass through registers ----===//
//
// Rows beyond the border are read at the border, and are not seen in the result. Beyond the end of the reduction there are zeros.
//
//===----------------------------------------------------------------------===//

#include "StagedProduct.h"
#include "StagedCopy.h"
#include "TileOrder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
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
    Side lhs = makeSide(kernel.lhs, shared, {tile.rows, warpRow}, arguments.lhs, blockRow, arguments.rows, arguments.lhsPitch);
    Side rhs = makeSide(kernel.rhs, b.offset(shared, tile.rows * tile.depth), {tile.columns, warpColumn}, arguments.rhs, blockColumn,
                        arguments.columns, arguments.rhsPitch);
    auto [row, column] = product.getOrigin(b, lane);
    AccumulatorTile result{b.add(b.add(blockRow, warpRow), row), b.add(b.add(blockColumn, warpColumn), column), product.getPlaces(), {}};
    result.sums = multiply(lhs, rhs);
    emitEpilogue(b, kernel, arguments, result);
  }

private:
  struct Side {
    StagedSide staged;
    std::unique_ptr<StagedCopy> copy;
  };
  /// Rows of a tile, and the warp's first one (i32).
  struct Rows {
    int64_t count;
    Value first;
  };

  Side makeSide(const MatmulSide &codes, Value shared, Rows tileRows, Value pointer, Value firstRow, Value rows, Value pitch) {
    StagedSource source{codes, kernel.depthAlignment, pointer, firstRow, rows, pitch, arguments.depth, getFill(&codes == &kernel.lhs)};
    StagedTarget target{swizzle, shared, tileRows.count};
    return {{swizzle, shared, b.i32(0), tileRows.first}, StagedCopy::create(b, source, target, thread, lanes * tile.getWarps())};
  }

  /// What is multiplied beyond the end of the reduction: 0 of codes, and of floats 0 by -0, as any sum is the same with -0 added.
  TypedAttr getFill(bool isLhs) {
    if (kernel.hasWideFloats())
      return b.getF32FloatAttr(isLhs ? 0.0F : -0.0F);
    return isLhs ? TypedAttr(b.getI32IntegerAttr(0)) : TypedAttr();
  }

  SmallVector<Value> multiply(Side &lhs, Side &rhs) {
    auto loadBoth = [&](Value depth) { return std::pair(lhs.copy->load(b, depth), rhs.copy->load(b, depth)); };
    auto [left, right] = loadBoth(b.i32(0));
    lhs.copy->store(b, b.i32(0), left);
    rhs.copy->store(b, b.i32(0), right);
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
      lhs.copy->store(b, other, nextLeft);
      rhs.copy->store(b, other, nextRight);
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
