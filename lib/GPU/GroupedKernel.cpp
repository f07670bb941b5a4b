//===- GroupedKernel.cpp - products with weights of few bits --------------===//
// Law: dots of groups are added in the order of groups, by one fused multiply-add each; what lies beyond the borders is not added.

#include "GroupedReads.h"
#include "GroupedSums.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace mlir::lowbit {
namespace {
class Emitter : GroupedLane {
public:
  Emitter(KernelBuilder &b, const GroupedPlan &plan, ValueRange values) : GroupedLane(b, plan, values), reads(*this), adder(*this) {}

  void emit() {
    bool overtakes = kernel.startsEarly && kernel.hasConstantWeights;
    if (kernel.startsEarly && !overtakes)
      waitForOthers();
    for (int64_t slot = 0; slot < plan.slots; ++slot)
      reads.fill(b.i32(slot * plan.getSlotBytes()), b.i32(slot));
    SmallVector<Value> firstScales = adder.loadScales(b.i32(0));
    if (overtakes) {
      reads.prefetch();
      waitForOthers();
    }
    SmallVector<Value> carried{b.i32(0)};
    llvm::append_range(carried, reads.loadLeft(b.i32(0)));
    SmallVector<Value> totals = kernel.scale ? addGroups(carried, firstScales) : addParts(carried);
    NVVM::CpAsyncWaitGroupOp::create(b, 0u);
    for (int64_t i = 0; i < adder.getRunsOfThread(); ++i) {
      int64_t perColumn = plan.rows / plan.getRun();
      Value row = b.add(firstRow, b.mul(b.rem(adder.getOwnRun(i), perColumn), plan.getRun()));
      Value column = b.add(firstColumn, b.div(adder.getOwnRun(i), perColumn));
      AccumulatorTile tile{row, column, {}, SmallVector<Value>(ArrayRef(totals).slice(i * plan.getRun(), plan.getRun()))};
      for (int64_t j = 0; j < plan.getRun(); ++j)
        tile.places.push_back({j, 0});
      if (adder.doAllAdd(i))
        emitEpilogue(b, kernel.shared, arguments, tile);
      else
        b.when(adder.isAdding(i), [&] { emitEpilogue(b, kernel.shared, arguments, tile); });
    }
  }

private:
  int64_t getSums() const { return plan.tiles * getRowTiles() * 4; }

  /// Only then may the next kernel begin: of three at a time, some multiprocessors would get several blocks of one and others none.
  void waitForOthers() {
    NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::wait);
    NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::launch_dependents);
  }

  /// One step: takes the slot and what `loadLeft` gave for it, and replaces them by the next ones. Adds products to `sums`, for each group
  /// of the step those of a product, by tiles of columns, then of rows.
  void multiply(Value step, SmallVectorImpl<Value> &carried, MutableArrayRef<SmallVector<Value>> sums) {
    Value slot = carried[0];
    SmallVector<Value> left(ArrayRef(carried).drop_front());
    // Groups of copies end in the order in which they began.
    NVVM::CpAsyncWaitGroupOp::create(b, static_cast<uint32_t>(plan.slots - 1));
    SmallVector<SmallVector<Value>> words;
    for (int64_t i = 0; i < plan.tiles * plan.getPieces(); ++i)
      words.push_back(b.loadElements(b.getI32Type(), b.offset(b.offset(ring, slot), i * LaneWeights::pieceBytes), LaneWeights::laneWords));
    reads.fill(slot, b.add(step, plan.slots));
    int64_t perRow = getLeftWords() * getProducts(), perGroup = getProducts() / kernel.getGroupsOfStep();
    SmallVector<std::array<Value, 2>> prepared;
    for (int64_t i = 0; i < kernel.getGroupsOfStep() * plan.tiles; ++i) {
      Value *pair = kernel.hasZeros ? &left[getRowTiles() * perRow + 2 * i] : nullptr;
      prepared.push_back(pair ? products->prepareZeros(pair[0], pair[1]) : std::array<Value, 2>{});
    }
    Value nextStart = reads.getLeftStart(b.add(step, 1));
    SmallVector<Value> next(getRowTiles() * perRow);
    for (int64_t product = 0; product < getProducts(); ++product) {
      for (int64_t tile = 0; tile < plan.tiles; ++tile) {
        int64_t piece = product / weights.getProducts(), group = product / perGroup;
        SmallVector<Value> registers =
            products->decode(words[tile * plan.getPieces() + piece], product % weights.getProducts(), prepared[group * plan.tiles + tile]);
        for (int64_t row = 0; row < getRowTiles(); ++row)
          products->multiply(registers, ArrayRef(left).slice(row * perRow + getLeftWords() * product, getLeftWords()),
                             MutableArrayRef(sums[group]).slice((tile * getRowTiles() + row) * 4, 4));
      }
      // In the registers that are free now.
      if ((product + 1) % weights.getProductsOfLoad() == 0)
        reads.loadLhs(nextStart, product / weights.getProductsOfLoad(), next);
    }
    llvm::append_range(next, reads.loadZeros(nextStart));
    Value following = b.add(slot, plan.getSlotBytes());
    Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, following, b.i32(plan.slots * plan.getSlotBytes()));
    carried.assign({b.select(isLast, b.i32(0), following)});
    llvm::append_range(carried, next);
  }

  SmallVector<Value> makeSums() {
    SmallVector<Value> sums;
    for (int64_t i = 0; i < getSums() / 4; ++i)
      llvm::append_range(sums, products->getZeros());
    return sums;
  }

  /// With scales: the reals of this thread's elements.
  SmallVector<Value> addGroups(ArrayRef<Value> first, ArrayRef<Value> firstScales) {
    SmallVector<Value> reals(adder.getRunsOfThread() * plan.getRun(), arith::ConstantOp::create(b, b.getF32FloatAttr(0)));
    SmallVector<Value> carried(reals);
    llvm::append_range(carried, first);
    llvm::append_range(carried, firstScales);
    Value all = b.ceilDiv(units, plan.warps);
    carried = b.loop(b.i32(0), all, plan.turns, carried, [&](Value turn, ValueRange values) {
      SmallVector<Value> sums(values.take_front(reals.size())), loaded(values.take_back(firstScales.size()));
      SmallVector<Value> rest(values.drop_front(reals.size()).drop_back(loaded.size()));
      // Units of this warp before the barrier.
      Value left = b.sub(b.sub(units, b.mul(turn, plan.warps)), warp);
      Value count = b.min(b.div(b.add(left, plan.warps - 1), plan.warps), b.i32(plan.turns));
      rest = b.loop(b.i32(0), count, 1, rest, [&](Value index, ValueRange inner) { return multiplyUnit(turn, index, inner); });
      adder.storeScales(loaded);
      gpu::BarrierOp::create(b);
      adder.addUp(turn, sums);
      if (!plan.isOneTurn) {
        loaded = adder.loadScales(b.add(turn, plan.turns));
        gpu::BarrierOp::create(b);
      }
      llvm::append_range(sums, rest);
      llvm::append_range(sums, loaded);
      return sums;
    });
    carried.resize(reals.size());
    return carried;
  }

  /// Puts dots of a group, or of those of a step, into shared memory.
  SmallVector<Value> multiplyUnit(Value turn, Value index, ValueRange values) {
    SmallVector<Value> carried(values);
    int64_t perGroup = kernel.getStepsOfGroup(), groups = kernel.getGroupsOfStep();
    SmallVector<SmallVector<Value>> sums(groups, makeSums());
    Value first = b.mul(b.add(turn, index), perGroup);
    if (perGroup == 1) {
      multiply(first, carried, sums);
    } else {
      llvm::append_range(carried, sums[0]);
      carried = b.loop(b.i32(0), b.i32(perGroup), 1, carried, [&](Value part, ValueRange inner) {
        SmallVector<Value> rest(inner.drop_back(getSums()));
        SmallVector<Value> added[] = {SmallVector<Value>(inner.take_back(getSums()))};
        multiply(b.add(first, part), rest, added);
        llvm::append_range(rest, added[0]);
        return rest;
      });
      sums[0].assign(carried.end() - getSums(), carried.end());
      carried.truncate(carried.size() - getSums());
    }
    Value dot = b.mul(b.add(b.mul(index, plan.warps), warp), groups);
    for (int64_t group = 0; group < groups; ++group)
      adder.storeDots(b.add(dot, group), sums[group], /*areReal=*/true);
    return carried;
  }

  /// Without: the dots of this thread's elements.
  SmallVector<Value> addParts(ArrayRef<Value> first) {
    SmallVector<Value> carried(first);
    llvm::append_range(carried, makeSums());
    Value count = b.div(b.add(b.sub(units, warp), plan.warps - 1), plan.warps);
    carried = b.loop(b.i32(0), count, 1, carried, [&](Value step, ValueRange values) {
      SmallVector<Value> rest(values.drop_back(getSums()));
      SmallVector<Value> sums[] = {SmallVector<Value>(values.take_back(getSums()))};
      multiply(step, rest, sums);
      llvm::append_range(rest, sums[0]);
      return rest;
    });
    adder.storeDots(warp, ArrayRef(carried).take_back(getSums()), /*areReal=*/false);
    gpu::BarrierOp::create(b);
    return adder.forOwnRuns(kernel.types.getSumType(), [&](int64_t i) {
      SmallVector<Value> totals;
      for (int64_t part = 0; part < plan.warps; ++part)
        for (auto [j, dot] : llvm::enumerate(adder.loadDots(kernel.types.getSumType(), b.i32(part), i))) {
          if (part == 0)
            totals.push_back(dot);
          else if (kernel.types.areBytes())
            totals[j] = arith::AddIOp::create(b, totals[j], dot);
          else
            totals[j] = arith::AddFOp::create(b, totals[j], dot);
        }
      return llvm::map_to_vector(totals, [&](Value total) { return products->finish(total); });
    });
  }

  GroupedReads reads;
  GroupedSums adder;
};
} // namespace

void GroupedPlan::emit(KernelBuilder &b, gpu::GPUFuncOp function) const {
  // 128 registers a thread. The assembler would save some for more blocks, which wait longer for each load.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(static_cast<int32_t>(16 / warps)));
  Emitter(b, *this, function.getArguments()).emit();
}

} // namespace mlir::lowbit
