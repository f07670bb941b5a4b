//===- WarpgroupKernel.cpp - a product by wgmma, written for one lane -----===//

#include "WarpgroupKernel.h"
#include "PersistentTiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mlir::lowbit {

/// Registers of a lane: copying takes few, and those that it gives back are the consumers'.
static constexpr unsigned producerRegisters = 40, consumerRegisters = 232;

namespace {
class Emitter {
public:
  Emitter(KernelBuilder &b, const MatmulKernel &kernel, const WarpgroupTile &tile, gpu::GPUFuncOp function)
      : b(b), kernel(kernel), tile(tile), arguments(MatmulArguments::get(function.getArguments(), kernel)),
        lhsMap(function.getArguments().take_back(2)[0]), rhsMap(function.getArguments().take_back(2)[1]),
        mma{kernel.lhs, kernel.rhs, tile.columns} {}

  void emit() {
    thread = b.threadId();
    lane = b.rem(thread, 32);
    ring = tile.getRing(b.sharedMemory());
    b.when(isEqual(thread, 0), [&] {
      ring.initialize(b);
      BufferRing::fenceInitialization(b);
    });
    gpu::BarrierOp::create(b);
    tiles.emplace(b, kernel, arguments, tile.rows, tile.columns, WarpgroupMma::rowBytes);
    // The same in all lanes of a warp, which the assembler would not know.
    group = NVVM::ShflOp::create(b, b.getI32Type(), b.i32(-1), b.div(thread, WarpgroupMma::threads), b.i32(0), b.i32(31),
                                 NVVM::ShflKind::idx, UnitAttr());
    auto roles = scf::IfOp::create(b, isEqual(group, tile.consumers), /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&roles.getThenRegion().front());
    produce();
    b.setInsertionPointToStart(&roles.getElseRegion().front());
    consume();
  }

private:
  Value isEqual(Value value, int64_t constant) { return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, value, b.i32(constant)); }

  void produce() {
    NVVM::SetMaxRegisterOp::create(b, producerRegisters, NVVM::SetMaxRegisterAction::decrease);
    b.when(isEqual(thread, tile.consumers * WarpgroupMma::threads),
           [&] { tiles->emitCopies(b, ring, {lhsMap, rhsMap, tile.getLhsBytes(), tile.getCopiedBytes()}); });
  }

  void consume() {
    NVVM::SetMaxRegisterOp::create(b, consumerRegisters, NVVM::SetMaxRegisterAction::increase);
    Value address = LLVM::PtrToIntOp::create(b, b.getI32Type(), ring.memory);
    Value groupRow = b.mul(group, WarpgroupMma::rows), warp = b.div(thread, 32);
    lhsDescriptor = WarpgroupMma::getDescriptor(b, b.add(address, b.mul(groupRow, WarpgroupMma::rowBytes)));
    rhsDescriptor = WarpgroupMma::getDescriptor(b, b.add(address, tile.getLhsBytes()));
    int64_t staged = tile.getStagedBytes(kernel);
    Value memory = staged ? b.offset(b.offset(ring.memory, ring.getBytes()), b.mul(warp, staged)) : Value();
    // Warp w of all consumers has 16 rows from 16 w on.
    Value warpRow = b.mul(warp, 16);
    RingPlace start = ring.getReaderStart(b);
    b.loop(b.i32(0), tiles->count, 1, {start.stage, start.parity}, [&](Value index, ValueRange places) {
      RingPlace place{places[0], places[1]};
      SmallVector<Value> sums = kernel.hasFloats() ? multiplyFloats(place) : multiplyTile(place);
      auto [row, column] = tiles->getOrigin(b, index);
      MatmulArguments own = tiles->getArguments(b, arguments, index); // which the epilogue refers to
      StagedEpilogue epilogue(b, kernel, own, memory, lane);
      Value first = b.add(row, warpRow), end = b.min(arguments.rows, b.add(row, tile.rows));
      b.when(b.lessThan(first, end), [&, column = column] { epilogue.emit({first, column, end, sums}); });
      return SmallVector<Value>{place.stage, place.parity};
    });
  }

  /// Starts the products of one stage.
  Value multiply(Value stage, Value sums, bool accumulate) {
    Value offset = b.widen(b.mul(stage, WarpgroupMma::getStep(tile.getStageBytes())));
    NVVM::WgmmaFenceAlignedOp::create(b);
    Value result = mma.emitRow(b, b.add(lhsDescriptor, offset), b.add(rhsDescriptor, offset), sums, accumulate);
    NVVM::WgmmaGroupSyncAlignedOp::create(b);
    return result;
  }

  /// The sums of a tile; `place` becomes that of the next one. One group of products is under way while the next is started, so a stage is
  /// given back one step later.
  SmallVector<Value> multiplyTile(RingPlace &place) {
    Value undefined = LLVM::UndefOp::create(b, mma.getSumsType(b.getContext()));
    ring.waitUntilFull(b, place);
    Value first = multiply(place.stage, undefined, /*accumulate=*/false);
    RingPlace second = ring.advance(b, place);
    SmallVector<Value> last =
        b.loop(b.i32(1), tiles->steps, 1, {first, place.stage, second.stage, second.parity}, [&](Value, ValueRange values) {
          RingPlace now{values[2], values[3]};
          ring.waitUntilFull(b, now);
          Value next = multiply(now.stage, values[0], /*accumulate=*/true);
          NVVM::WgmmaWaitGroupSyncOp::create(b, 1);
          ring.release(b, values[1], lane);
          RingPlace after = ring.advance(b, now);
          return SmallVector<Value>{next, now.stage, after.stage, after.parity};
        });
    NVVM::WgmmaWaitGroupSyncOp::create(b, 0);
    ring.release(b, last[1], lane);
    place = {last[2], last[3]};
    return b.unpack(last[0]);
  }

  /// The same of floats, whose sums the tensor core keeps to 13 bits: those of a stage are one part, and join the others by an addition
  /// that rounds. The other consumer multiplies meanwhile.
  SmallVector<Value> multiplyFloats(RingPlace &place) {
    Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
    SmallVector<Value> carried(mma.getSumsPerLane(), zero);
    carried.append({place.stage, place.parity});
    carried = b.loop(b.i32(0), tiles->steps, 1, carried, [&](Value, ValueRange values) {
      RingPlace now{values.drop_back().back(), values.back()};
      ring.waitUntilFull(b, now);
      Value undefined = LLVM::UndefOp::create(b, mma.getSumsType(b.getContext()));
      Value part = multiply(now.stage, undefined, /*accumulate=*/false);
      NVVM::WgmmaWaitGroupSyncOp::create(b, 0);
      ring.release(b, now.stage, lane);
      SmallVector<Value> next;
      for (auto [sum, added] : llvm::zip_equal(values.drop_back(2), b.unpack(part)))
        next.push_back(arith::AddFOp::create(b, sum, added));
      RingPlace after = ring.advance(b, now);
      next.append({after.stage, after.parity});
      return next;
    });
    place = {carried[carried.size() - 2], carried.back()};
    carried.resize(mma.getSumsPerLane());
    return carried;
  }

  KernelBuilder &b;
  const MatmulKernel &kernel;
  const WarpgroupTile &tile;
  MatmulArguments arguments;
  Value lhsMap, rhsMap;
  WarpgroupMma mma;
  BufferRing ring;
  std::optional<PersistentTiles> tiles;
  Value thread, lane, group, lhsDescriptor, rhsDescriptor;
};
} // namespace

void emitWarpgroupKernel(KernelBuilder &b, const MatmulKernel &kernel, const WarpgroupTile &tile, gpu::GPUFuncOp function) {
  // One block has all of a multiprocessor's registers, which is what lets its warpgroups share them out.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
  Emitter(b, kernel, tile, function).emit();
}

} // namespace mlir::lowbit
