//===- Tcgen05Kernel.cpp - a product by tcgen05, written for one lane -----===//
// Law: what one thread waits for counts for its tcgen05 only behind fence::after_thread_sync, and what it has loaded counts for others only
// behind wait::ld and fence::before_thread_sync; tcgen05.commit implies the latter.

#include "Tcgen05Kernel.h"
#include "PersistentTiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

namespace {
class Emitter {
public:
  Emitter(KernelBuilder &b, const MatmulKernel &kernel, const Tcgen05Tile &tile, gpu::GPUFuncOp function)
      : b(b), kernel(kernel), tile(tile), arguments(MatmulArguments::get(function.getArguments(), kernel)),
        lhsMap(function.getArguments().take_back(2)[0]), rhsMap(function.getArguments().take_back(2)[1]),
        mma{kernel.lhs, kernel.rhs, tile.columns} {}

  void emit() {
    Value thread = b.threadId();
    lane = b.rem(thread, 32);
    // The same in all lanes of a warp, which the assembler would not know.
    warp = NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), b.div(thread, 32), b.i32(0), b.i32(31), NVVM::ShflKind::idx, UnitAttr());
    Value shared = b.sharedMemory(), slot = b.offset(shared, tile.getAddressOffset());
    ring = tile.getRing(shared);
    sumsRing = tile.getSumsRing(b.offset(shared, ring.getBytes()));
    b.when(isEqual(thread, 0), [&] {
      ring.initialize(b);
      sumsRing.initialize(b);
      BufferRing::fenceInitialization(b);
    });
    Value columns = b.i32(tile.getSumColumns());
    b.when(isEqual(warp, multiplier), [&] {
      NVVM::Tcgen05AllocOp::create(b, slot, columns);
      NVVM::Tcgen05RelinquishAllocPermitOp::create(b);
    });
    gpu::BarrierOp::create(b);
    sums = b.load(b.getI32Type(), slot, 4);
    tiles.emplace(b, kernel, arguments, tile.rows, tile.columns, Tcgen05Mma::rowBytes);
    byOneOf(producer, [&] { tiles->emitCopies(b, ring, {lhsMap, rhsMap, tile.getLhsBytes(), tile.getCopiedBytes()}); });
    byOneOf(multiplier, [&] { multiply(); });
    b.when(b.lessThan(warp, b.i32(Tcgen05Tile::storingWarps)), [&] { store(); });
    gpu::BarrierOp::create(b);
    b.when(isEqual(warp, multiplier), [&] {
      fence(NVVM::Tcgen05FenceKind::AFTER_THREAD_SYNC);
      NVVM::Tcgen05DeallocOp::create(b, Tcgen05Mma::getPointer(b, sums), columns);
    });
  }

private:
  static constexpr int64_t producer = Tcgen05Tile::storingWarps, multiplier = producer + 1; ///< Warps.

  Value isEqual(Value value, int64_t constant) { return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, value, b.i32(constant)); }
  /// By one lane of a warp, of which the assembler knows then that it is one.
  void byOneOf(int64_t which, function_ref<void()> body) {
    b.when(isEqual(warp, which), [&] { b.when(NVVM::ElectSyncOp::create(b, b.getI1Type(), Value()), body); });
  }
  void fence(NVVM::Tcgen05FenceKind kind) { NVVM::Tcgen05FenceOp::create(b, kind); }

  void commit(Value barrier) { NVVM::Tcgen05CommitOp::create(b, barrier, Value()); }

  /// The products of all tiles of the block, by one thread.
  void multiply() {
    Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), ring.memory);
    Value lhs = Tcgen05Mma::getDescriptor(b, address), rhs = Tcgen05Mma::getDescriptor(b, b.add(address, tile.getLhsBytes()));
    RingPlace first = ring.getReaderStart(b), firstSums = sumsRing.getWriterStart(b);
    SmallVector<Value> start{first.stage, first.parity, firstSums.stage, firstSums.parity};
    b.loop(b.i32(0), tiles->count, 1, start, [&](Value, ValueRange places) {
      RingPlace sumsPlace{places[2], places[3]};
      sumsRing.waitUntilEmpty(b, sumsPlace);
      Value target = getSums(sumsPlace.stage);
      SmallVector<Value> next = b.loop(b.i32(0), tiles->steps, 1, places.take_front(2), [&](Value step, ValueRange carried) {
        RingPlace place{carried[0], carried[1]};
        ring.waitUntilFull(b, place);
        fence(NVVM::Tcgen05FenceKind::AFTER_THREAD_SYNC);
        Value offset = b.widen(b.mul(place.stage, Tcgen05Mma::getStep(tile.getStageBytes())));
        Value accumulate = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, step, b.i32(0));
        mma.emitRow(b, target, b.add(lhs, offset), b.add(rhs, offset), accumulate);
        commit(ring.getEmptyBarrier(b, place.stage));
        RingPlace after = ring.advance(b, place);
        return SmallVector<Value>{after.stage, after.parity};
      });
      commit(sumsRing.getFullBarrier(b, sumsPlace.stage));
      RingPlace after = sumsRing.advance(b, sumsPlace);
      next.append({after.stage, after.parity});
      return next;
    });
  }

  Value getSums(Value place) { return b.add(sums, b.mul(place, tile.columns)); }

  /// The results of a warp's 32 rows of all tiles.
  void store() {
    int64_t staged = StagedEpilogue::getBytes(kernel), columns = std::min(tile.columns, Tcgen05Mma::loadColumns);
    Value memory = staged ? b.offset(b.offset(ring.memory, tile.getStagingOffset()), b.mul(warp, staged)) : Value();
    Value warpRow = b.mul(warp, 32);
    RingPlace start = sumsRing.getReaderStart(b);
    b.loop(b.i32(0), tiles->count, 1, {start.stage, start.parity}, [&](Value index, ValueRange places) {
      RingPlace place{places[0], places[1]};
      auto [row, column] = tiles->getOrigin(b, index);
      MatmulArguments ofBatch = tiles->getArguments(b, arguments, index); // which the epilogue refers to
      StagedEpilogue epilogue(b, kernel, ofBatch, memory, lane);
      Value end = b.min(arguments.rows, b.add(row, tile.rows)), ownRow = b.add(row, warpRow);
      sumsRing.waitUntilFull(b, place);
      fence(NVVM::Tcgen05FenceKind::AFTER_THREAD_SYNC);
      // Lanes are the upper half of an address.
      Value own = b.add(getSums(place.stage), b.mul(warpRow, 1 << 16));
      int64_t parts = 32 / Tcgen05Mma::loadRows * tile.columns / columns, across = tile.columns / columns;
      b.loop(b.i32(0), b.i32(parts), 1, {}, [&, column = column](Value part, ValueRange) -> SmallVector<Value> {
        Value partRow = b.mul(b.div(part, across), Tcgen05Mma::loadRows), partColumn = b.mul(b.rem(part, across), columns);
        Value address = b.add(b.add(own, b.mul(partRow, 1 << 16)), partColumn);
        SmallVector<Value> values = Tcgen05Mma::emitLoad(b, address, columns);
        b.when(isEqual(part, parts - 1), [&] { release(place.stage); });
        Value first = b.add(ownRow, partRow);
        b.when(b.lessThan(first, end), [&] { epilogue.emit({first, b.add(column, partColumn), end, values}); });
        return {};
      });
      RingPlace next = sumsRing.advance(b, place);
      return SmallVector<Value>{next.stage, next.parity};
    });
  }

  /// All lanes of the warp have their sums.
  void release(Value place) {
    fence(NVVM::Tcgen05FenceKind::BEFORE_THREAD_SYNC);
    NVVM::SyncWarpOp::create(b, b.i32(-1));
    sumsRing.release(b, place, lane);
  }

  KernelBuilder &b;
  const MatmulKernel &kernel;
  const Tcgen05Tile &tile;
  MatmulArguments arguments;
  Value lhsMap, rhsMap;
  Tcgen05Mma mma;
  BufferRing ring, sumsRing;
  std::optional<PersistentTiles> tiles;
  Value lane, warp;
  Value sums; ///< i32: where the block's tensor memory begins.
};
} // namespace

void emitTcgen05Kernel(KernelBuilder &b, const MatmulKernel &kernel, const Tcgen05Tile &tile, gpu::GPUFuncOp function) {
  // One block stays on a multiprocessor and has all of its registers.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
  Emitter(b, kernel, tile, function).emit();
}

} // namespace mlir::lowbit
