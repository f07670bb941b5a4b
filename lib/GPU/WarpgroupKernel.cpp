//===- WarpgroupKernel.cpp - a product by wgmma, written for one lane -----===//

#include "WarpgroupKernel.h"
#include "GroupScales.h"
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
      // Where the tile is takes no registers while it is multiplied, but for scales.
      Value row, column;
      SmallVector<Value> sums;
      if (kernel.group != 0) {
        std::tie(row, column) = tiles->getOrigin(b, index);
        sums = multiplyGroups(place, b.add(row, warpRow), column);
      } else {
        sums = kernel.hasFloats() ? multiplyFloats(place) : multiplyTile(place);
        std::tie(row, column) = tiles->getOrigin(b, index);
      }
      MatmulArguments own = tiles->getArguments(b, arguments, index); // which the epilogue refers to
      StagedEpilogue epilogue(b, kernel, own, memory, lane);
      Value first = b.add(row, warpRow), end = b.min(arguments.rows, b.add(row, tile.rows));
      b.when(b.lessThan(first, end), [&] { epilogue.emit({first, column, end, sums}); });
      return SmallVector<Value>{place.stage, place.parity};
    });
  }

  /// Starts the products of one stage, or of `bytes` of it from `first` on.
  Value multiply(Value stage, Value sums, bool accumulate, int64_t first = 0, int64_t bytes = WarpgroupMma::rowBytes) {
    Value offset = b.add(b.widen(b.mul(stage, WarpgroupMma::getStep(tile.getStageBytes()))), WarpgroupMma::getStep(first));
    NVVM::WgmmaFenceAlignedOp::create(b);
    Value result = mma.emitRow(b, b.add(lhsDescriptor, offset), b.add(rhsDescriptor, offset), sums, accumulate, bytes);
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
    carried = b.loop(b.i32(0), tiles->steps, 1, carried, [&](Value, ValueRange values) { return addStage(values); });
    place = {carried[carried.size() - 2], carried.back()};
    carried.resize(mma.getSumsPerLane());
    return carried;
  }

  /// Adds the sums of one stage to those carried, which the stage's place follows.
  SmallVector<Value> addStage(ValueRange values) {
    RingPlace now{values.drop_back().back(), values.back()};
    ring.waitUntilFull(b, now);
    Value undefined = LLVM::UndefOp::create(b, mma.getSumsType(b.getContext()));
    Value part = multiply(now.stage, undefined, /*accumulate=*/false);
    NVVM::WgmmaWaitGroupSyncOp::create(b, 0);
    ring.release(b, now.stage, lane);
    SmallVector<Value> next;
    for (auto [sum, added] : llvm::zip_equal(values.drop_back(2), b.unpack(part)))
      next.push_back(kernel.hasFloats() ? arith::AddFOp::create(b, sum, added).getResult() : b.add(sum, added));
    RingPlace after = ring.advance(b, now);
    next.append({after.stage, after.parity});
    return next;
  }

  /// The reals of a tile, whose warp has rows from `row` on, with scales that change along the reduction.
  SmallVector<Value> multiplyGroups(RingPlace &place, Value row, Value column) {
    AccumulatorTile result{b.add(row, Accumulator16x8::getRow(b, lane)), b.add(column, Accumulator16x8::getColumn(b, lane)), {}, {}};
    for (int64_t i = 0; i < mma.getSumsPerLane(); ++i)
      result.places.push_back(Accumulator16x8::getPlace(i));
    GroupScales scales(b, kernel, arguments, result);
    SmallVector<Value> carried(mma.getSumsPerLane(), arith::ConstantOp::create(b, b.getF32FloatAttr(0)));
    carried.append({place.stage, place.parity});
    int64_t stages = std::max<int64_t>(1, kernel.group / WarpgroupMma::rowBytes);
    carried = b.loop(b.i32(0), tiles->steps, stages, carried, [&](Value step, ValueRange values) {
      SmallVector<Value> reals(values.drop_back(2));
      RingPlace now{values.drop_back().back(), values.back()};
      if (stages == 1)
        multiplyGroupsOfStage(scales, step, now, reals);
      else
        multiplyGroupOfStages(scales, step, stages, now, reals);
      reals.append({now.stage, now.parity});
      return reals;
    });
    place = {carried[carried.size() - 2], carried.back()};
    carried.resize(mma.getSumsPerLane());
    return carried;
  }

  /// Groups of up to one stage: the scales of each come while it is multiplied.
  void multiplyGroupsOfStage(GroupScales &scales, Value step, RingPlace &place, MutableArrayRef<Value> reals) {
    int64_t groups = WarpgroupMma::rowBytes / kernel.group;
    ring.waitUntilFull(b, place);
    for (int64_t i = 0; i < groups; ++i) {
      Value undefined = LLVM::UndefOp::create(b, mma.getSumsType(b.getContext()));
      Value dots = multiply(place.stage, undefined, /*accumulate=*/false, i * kernel.group, kernel.group);
      GroupScales::Loaded loaded = scales.load(b.add(b.mul(step, groups), i), /*mayBeBeyond=*/groups > 1);
      NVVM::WgmmaWaitGroupSyncOp::create(b, 0);
      if (i + 1 == groups)
        ring.release(b, place.stage, lane);
      scales.add(loaded, b.unpack(dots), reals);
    }
    place = ring.advance(b, place);
  }

  /// A group of several stages, whose dots are added up in registers.
  void multiplyGroupOfStages(GroupScales &scales, Value step, int64_t stages, RingPlace &place, MutableArrayRef<Value> reals) {
    Value zero = kernel.hasFloats() ? arith::ConstantOp::create(b, b.getF32FloatAttr(0)).getResult() : b.i32(0);
    SmallVector<Value> carried(mma.getSumsPerLane(), zero);
    carried.append({place.stage, place.parity});
    GroupScales::Loaded loaded = scales.load(b.div(step, stages), /*mayBeBeyond=*/false);
    carried = b.loop(b.i32(0), b.i32(stages), 1, carried, [&](Value, ValueRange values) { return addStage(values); });
    place = {carried[carried.size() - 2], carried.back()};
    scales.add(loaded, ArrayRef(carried).drop_back(2), reals);
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
