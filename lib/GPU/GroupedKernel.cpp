//===- GroupedKernel.cpp - products with weights of few bits --------------===//
// Law: dots of groups are added in the order of groups, by one fused multiply-add each; what lies beyond the borders is not added.

#include "GroupedKernel.h"
#include "lowbit/GPU/Epilogue.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::lowbit {

int64_t GroupedKernel::getStepDepth() const {
  int64_t usual = LaneWeights::usualDepth;
  return std::max(types.getWeights().getPieceDepth(), scale ? std::min(group, usual) : usual);
}
int64_t GroupedKernel::getStepsOfGroup() const { return scale ? std::max<int64_t>(1, group / getStepDepth()) : 1; }
int64_t GroupedKernel::getGroupsOfStep() const { return scale ? std::max<int64_t>(1, getStepDepth() / group) : 1; }

GroupedPlan::GroupedPlan(const GroupedKernel &kernel, int64_t multiprocessors) : kernel(kernel) {
  constexpr int64_t usual = 4096;
  int64_t depth = kernel.shared.depth ? kernel.shared.depth : usual, columns = kernel.shared.columns ? kernel.shared.columns : usual;
  rows = std::clamp<int64_t>(llvm::PowerOf2Ceil(kernel.shared.rows ? kernel.shared.rows : 16), 2, 16);
  // What was the fastest of some on an H200. Tiles of a block share what is read of lhs; blocks are high where each multiprocessor has one.
  // Sums of several groups of 16 rows take more registers than `emit` leaves to threads of three tiles, or to 512 of two.
  bool areSumsLarge = rows == 16 && kernel.getGroupsOfStep() > 1;
  int64_t allTiles = llvm::divideCeil(columns, LaneWeights::columns);
  tiles = 2 * multiprocessors < allTiles && !areSumsLarge ? 3 : multiprocessors < allTiles ? 2 : 1;
  warps = allTiles <= tiles * multiprocessors && !areSumsLarge ? 16 : 8;
  int64_t ringBytes = (warps == 16 ? 64 : 48) << 10, dotBytes = (rows == 16 ? 64 : 32) << 10;
  turns = 1;
  while (warps > 4 && kernel.scale && getDots() * getElements() * 4 > dotBytes)
    warps /= 2;
  int64_t perGroup = kernel.getStepsOfGroup(), all = llvm::divideCeil(depth, kernel.getStepDepth() * perGroup * warps);
  slots = std::clamp<int64_t>(ringBytes / (warps * getSlotBytes()), 2, std::max<int64_t>(2, all * perGroup));
  if (kernel.scale)
    turns = std::clamp<int64_t>(dotBytes / (getDots() * getElements() * 4), 1, all);
  isOneTurn = !kernel.scale || (kernel.shared.depth != 0 && turns == all);
}

std::string GroupedPlan::getName() const {
  return llvm::formatv("lanes_{0}x{1}_w{2}_g{3}_{4}x{5}x{6}{7}", rows, getColumns(), kernel.types.width, kernel.group, warps, slots, turns,
                       isOneTurn ? "" : "x");
}

SmallVector<Type> GroupedPlan::getArguments(MLIRContext *context) const {
  size_t pointers = 2 + (kernel.scale ? 1 : 0) + kernel.hasZeros + kernel.shared.operands.size() + kernel.shared.results.size();
  SmallVector<Type> types(pointers, LLVM::LLVMPointerType::get(context, 1));
  types.append(3, IntegerType::get(context, 32));
  return types;
}

namespace {
class Emitter {
public:
  Emitter(KernelBuilder &b, const GroupedPlan &plan, ValueRange values)
      : b(b), plan(plan), kernel(plan.kernel), weights(kernel.types.getWeights()) {
    auto take = [&] {
      Value value = values.front();
      values = values.drop_front();
      return value;
    };
    lhs = take();
    rhs = take();
    if (kernel.scale)
      scales = take();
    if (kernel.hasZeros)
      zeros = take();
    for (size_t i = 0; i < kernel.shared.operands.size(); ++i)
      arguments.operands.push_back(take());
    for (size_t i = 0; i < kernel.shared.results.size(); ++i)
      arguments.results.push_back(take());
    arguments.rows = take();
    arguments.columns = take();
    depth = take();
  }

  void emit() {
    bool overtakes = kernel.startsEarly && kernel.hasConstantWeights;
    findPlaces();
    if (kernel.startsEarly && !overtakes)
      waitForOthers();
    for (int64_t slot = 0; slot < plan.slots; ++slot)
      fill(b.i32(slot * plan.getSlotBytes()), b.i32(slot));
    SmallVector<Value> firstScales = loadScales(b.i32(0));
    if (overtakes) {
      prefetch();
      waitForOthers();
    }
    SmallVector<Value> carried{b.i32(0)};
    llvm::append_range(carried, loadLeft(b.i32(0)));
    SmallVector<Value> totals = kernel.scale ? addGroups(carried, firstScales) : addParts(carried);
    NVVM::CpAsyncWaitGroupOp::create(b, 0u);
    for (int64_t i = 0; i < getRunsOfThread(); ++i) {
      int64_t perColumn = plan.rows / plan.getRun();
      Value row = b.add(firstRow, b.mul(b.rem(getOwnRun(i), perColumn), plan.getRun()));
      Value column = b.add(firstColumn, b.div(getOwnRun(i), perColumn));
      AccumulatorTile tile{row, column, {}, SmallVector<Value>(ArrayRef(totals).slice(i * plan.getRun(), plan.getRun()))};
      for (int64_t j = 0; j < plan.getRun(); ++j)
        tile.places.push_back({j, 0});
      if (doAllAdd(i))
        emitEpilogue(b, kernel.shared, arguments, tile);
      else
        b.when(isAdding(i), [&] { emitEpilogue(b, kernel.shared, arguments, tile); });
    }
  }

private:
  int64_t getRowTiles() const { return llvm::divideCeil(plan.rows, 8); }
  int64_t getGroupDepth() const { return kernel.getStepDepth() * kernel.getStepsOfGroup(); }
  int64_t getProducts() const { return plan.getPieces() * weights.getProducts(); }
  int64_t getElementBytes() const { return weights.elementWidth / 8; }
  int64_t getRunsOfThread() const { return llvm::divideCeil(plan.getElements(), plan.getRun() * plan.getThreads()); }
  int64_t getSums() const { return plan.tiles * getRowTiles() * 4; }

  void findPlaces() {
    thread = b.threadId();
    Value lane = b.rem(thread, 32);
    warp = b.div(thread, 32);
    place = b.div(lane, 4);
    quad = b.rem(lane, 4);
    Value firstTile = b.mul(b.blockId(), plan.tiles);
    firstColumn = b.mul(firstTile, LaneWeights::columns);
    firstRow = b.mul(b.blockId(gpu::Dimension::y), plan.rows);
    Value allTiles = b.ceilDiv(arguments.columns, LaneWeights::columns);
    allColumns = b.mul(allTiles, LaneWeights::columns);
    // A group, or a step that has some, is a unit: warps take them in turn.
    units = b.ceilDiv(depth, getGroupDepth());
    products.emplace(b, kernel.types, b.div(arguments.rows, int64_t(1) << 31));
    Value shared = b.sharedMemory();
    ring = b.offset(shared, b.add(b.mul(warp, plan.slots * plan.getSlotBytes()), b.mul(lane, LaneWeights::laneBytes)));
    sharedScales = b.offset(shared, plan.getScalesOffset());
    sharedDots = b.offset(sharedScales, plan.getScalesBytes());
    Value rowBytes = b.mul(b.widen(units), weights.getRowBytes(getGroupDepth(), getGroupDepth()));
    for (int64_t i = 0; i < plan.tiles; ++i) {
      tileIndices.push_back(plan.tiles == 1 ? firstTile : b.min(b.add(firstTile, i), b.add(allTiles, -1)));
      Value start = b.add(b.mul(b.widen(tileIndices[i]), rowBytes), b.widen(b.mul(lane, LaneWeights::laneBytes)));
      rhsRows.push_back(b.offset(rhs, start));
    }
    for (int64_t i = 0; i < getRowTiles(); ++i) {
      Value row = b.min(b.add(b.add(firstRow, place), 8 * i), b.add(arguments.rows, -1));
      lhsRows.push_back(b.offset(lhs, b.mul(b.mul(b.widen(row), b.widen(depth)), getElementBytes())));
    }
  }

  /// Only then may the next kernel begin: of three at a time, some multiprocessors would get several blocks of one and others none.
  void waitForOthers() {
    NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::wait);
    NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::launch_dependents);
  }

  /// Brings what others may still write into the L2, where it is when it is read: lhs, of which each thread of the grid takes a line, and
  /// the operands of this thread's elements.
  void prefetch() {
    constexpr int64_t lineBytes = 128;
    auto level = NVVM::PrefetchCacheLevelAttr::get(b.getContext(), NVVM::PrefetchCacheLevel::L2);
    auto touch = [&](Value pointer) {
      NVVM::PrefetchOp::create(b, level, NVVM::CacheEvictionPriorityAttr(), pointer, /*predicate=*/Value(), /*tensormap=*/UnitAttr());
    };
    Value all = b.mul(b.mul(b.widen(arguments.rows), b.widen(depth)), getElementBytes());
    Value grid = b.toI32(gpu::GridDimOp::create(b, gpu::Dimension::x));
    Value block = b.add(b.mul(b.blockId(gpu::Dimension::y), grid), b.blockId());
    Value line = b.mul(b.widen(b.add(b.mul(block, plan.getThreads()), thread)), lineBytes);
    b.when(b.lessThan(line, all), [&] { touch(b.offset(lhs, line)); });
    Value element = b.rem(thread, plan.getElements());
    Value rowIndex = b.min(b.add(firstRow, b.rem(element, plan.rows)), b.add(arguments.rows, -1));
    Value columnIndex = b.min(b.add(firstColumn, b.div(element, plan.rows)), b.add(arguments.columns, -1));
    for (auto [operand, pointer] : llvm::zip(kernel.shared.operands, arguments.operands)) {
      Value index = operand.kind == OperandKind::Row ? rowIndex : operand.kind == OperandKind::Column ? columnIndex : Value();
      if (index)
        touch(b.offset(pointer, b.mul(b.widen(index), operand.type.getIntOrFloatBitWidth() / 8)));
    }
  }

  /// Where the warp's step of that number begins, in the reduction.
  Value getStart(Value step) {
    int64_t perGroup = kernel.getStepsOfGroup();
    Value unit = b.add(b.mul(b.div(step, perGroup), plan.warps), warp);
    return b.add(b.mul(unit, getGroupDepth()), b.mul(b.rem(step, perGroup), kernel.getStepDepth()));
  }

  /// Starts the copies of a step's weights; there are none beyond the last one.
  void fill(Value slot, Value step) {
    Value start = getStart(step), isInside = b.lessThan(start, b.mul(units, getGroupDepth()));
    Value size = b.select(isInside, b.i32(LaneWeights::laneBytes), b.i32(0)), target = b.offset(ring, slot);
    Value bytes = b.mul(b.widen(start), weights.getRowBytes(getGroupDepth(), getGroupDepth()) / getGroupDepth());
    for (int64_t i = 0; i < plan.tiles; ++i)
      for (int64_t piece = 0; piece < plan.getPieces(); ++piece)
        NVVM::CpAsyncOp::create(b, b.offset(target, (i * plan.getPieces() + piece) * LaneWeights::pieceBytes),
                                b.offset(b.offset(rhsRows[i], bytes), piece * LaneWeights::pieceBytes),
                                static_cast<uint32_t>(LaneWeights::laneBytes), NVVM::LoadCacheModifierKind::CG, size);
    NVVM::CpAsyncCommitGroupOp::create(b);
  }

  /// What a step needs besides its weights: two words of lhs for each product, by tiles of rows, then zero points (i32) of each
  /// group and tile of columns, two each.
  SmallVector<Value> loadLeft(Value step) {
    SmallVector<Value> loaded(getRowTiles() * 2 * getProducts());
    Value start = getLeftStart(step);
    for (int64_t load = 0; load < getProducts() / weights.getProductsOfLoad(); ++load)
      loadLhs(start, load, loaded);
    llvm::append_range(loaded, loadZeros(start));
    return loaded;
  }

  Value getLeftStart(Value step) {
    Value start = getStart(step);
    // Beyond the last step is nothing that will be used.
    return kernel.hasWholeSteps() ? b.min(start, b.add(depth, -kernel.getStepDepth())) : start;
  }

  /// The words of a load, of all rows, in their places.
  void loadLhs(Value start, int64_t load, MutableArrayRef<Value> loaded) {
    Value first = b.add(b.add(start, b.mul(quad, LaneWeights::laneDepth)), load * 4 * LaneWeights::laneDepth);
    for (auto [i, row] : llvm::enumerate(lhsRows))
      llvm::copy(loadWords(row, first), loaded.begin() + i * 2 * getProducts() + load * weights.getLoadWords());
  }

  SmallVector<Value> loadZeros(Value start) {
    SmallVector<Value> loaded;
    for (int64_t i = 0; kernel.hasZeros && i < kernel.getGroupsOfStep(); ++i) {
      Value group = b.min(b.add(b.div(start, kernel.group), i), b.add(b.div(depth, kernel.group), -1));
      for (Value tile : tileIndices)
        for (int64_t half = 0; half < 2; ++half) {
          Value column = b.add(b.add(b.mul(tile, LaneWeights::columns), place), 8 * half);
          Value zero = b.load(b.getI8Type(), b.offset(zeros, b.add(b.mul(b.widen(group), b.widen(allColumns)), b.widen(column))), 1);
          loaded.push_back(kernel.types.isUnsigned ? arith::ExtUIOp::create(b, b.getI32Type(), zero).getResult()
                                                   : arith::ExtSIOp::create(b, b.getI32Type(), zero).getResult());
        }
    }
    return loaded;
  }

  /// Neighbours of a row of lhs; zeros beyond its end.
  SmallVector<Value> loadWords(Value row, Value first) {
    Value inside = kernel.hasWholeSteps() ? first : b.min(first, b.add(depth, -LaneWeights::laneDepth));
    SmallVector<Value> words =
        b.loadElements(b.getI32Type(), b.offset(row, b.mul(b.widen(inside), getElementBytes())), weights.getLoadWords());
    if (kernel.hasWholeSteps() || kernel.scale)
      return words;
    Value isInside = b.lessThan(first, depth);
    return llvm::map_to_vector(words, [&](Value word) { return b.select(isInside, word, b.i32(0)); });
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
    fill(slot, b.add(step, plan.slots));
    int64_t perRow = 2 * getProducts(), perGroup = getProducts() / kernel.getGroupsOfStep();
    SmallVector<std::array<Value, 2>> prepared;
    for (int64_t i = 0; i < kernel.getGroupsOfStep() * plan.tiles; ++i) {
      Value *pair = kernel.hasZeros ? &left[getRowTiles() * perRow + 2 * i] : nullptr;
      prepared.push_back(pair ? products->prepareZeros(pair[0], pair[1]) : std::array<Value, 2>{});
    }
    Value nextStart = getLeftStart(b.add(step, 1));
    SmallVector<Value> next(getRowTiles() * perRow);
    for (int64_t product = 0; product < getProducts(); ++product) {
      for (int64_t tile = 0; tile < plan.tiles; ++tile) {
        int64_t piece = product / weights.getProducts(), group = product / perGroup;
        SmallVector<Value> registers =
            products->decode(words[tile * plan.getPieces() + piece], product % weights.getProducts(), prepared[group * plan.tiles + tile]);
        for (int64_t row = 0; row < getRowTiles(); ++row)
          products->multiply(registers, ArrayRef(left).slice(row * perRow + 2 * product, 2),
                             MutableArrayRef(sums[group]).slice((tile * getRowTiles() + row) * 4, 4));
      }
      // In the registers that are free now.
      if ((product + 1) % weights.getProductsOfLoad() == 0)
        loadLhs(nextStart, product / weights.getProductsOfLoad(), next);
    }
    llvm::append_range(next, loadZeros(nextStart));
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
    SmallVector<Value> reals(getRunsOfThread() * plan.getRun(), arith::ConstantOp::create(b, b.getF32FloatAttr(0)));
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
      storeScales(loaded);
      gpu::BarrierOp::create(b);
      addUp(turn, sums);
      if (!plan.isOneTurn) {
        loaded = loadScales(b.add(turn, plan.turns));
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
      storeDots(b.add(dot, group), sums[group], /*areReal=*/true);
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
    storeDots(warp, ArrayRef(carried).take_back(getSums()), /*areReal=*/false);
    gpu::BarrierOp::create(b);
    return forOwnRuns(kernel.types.getSumType(), [&](int64_t i) {
      SmallVector<Value> totals;
      for (int64_t part = 0; part < plan.warps; ++part)
        for (auto [j, dot] : llvm::enumerate(loadDots(kernel.types.getSumType(), b.i32(part), i))) {
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

  /// The i-th run that this thread adds up, of neighbouring rows of a column of the block's tile. Too large a one is none.
  Value getOwnRun(int64_t i) { return b.add(thread, i * plan.getThreads()); }
  int64_t getRuns() const { return plan.getElements() / plan.getRun(); }
  bool doAllAdd(int64_t i) const { return (i + 1) * plan.getThreads() <= getRuns(); }
  Value isAdding(int64_t i) { return b.lessThan(getOwnRun(i), b.i32(getRuns())); }

  /// What `compute` gives for each run of this thread; zeros where it has none.
  SmallVector<Value> forOwnRuns(Type type, function_ref<SmallVector<Value>(int64_t)> compute) {
    SmallVector<Value> values;
    for (int64_t i = 0; i < getRunsOfThread(); ++i) {
      if (doAllAdd(i)) {
        llvm::append_range(values, compute(i));
        continue;
      }
      SmallVector<Type> types(plan.getRun(), type);
      auto branch = scf::IfOp::create(b, types, isAdding(i), /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      scf::YieldOp::create(b, compute(i));
      b.setInsertionPointToStart(branch.elseBlock());
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
      scf::YieldOp::create(b, SmallVector<Value>(plan.getRun(), zero));
      llvm::append_range(values, branch.getResults());
    }
    return values;
  }

  /// Where an element's dots are: columns of 16 rows swap halves, two after two, so that what lanes store together is in different banks.
  Value getPlace(Value element) { return plan.rows == 16 ? b.bitXor(element, b.bitAnd(b.div(element, 4), 8)) : element; }
  Value getDot(Value dot, Value place) { return b.offset(sharedDots, b.mul(b.add(b.mul(dot, plan.getElements()), place), 4)); }
  SmallVector<Value> loadDots(Type type, Value dot, int64_t run) {
    return b.loadElements(type, getDot(dot, getPlace(b.mul(getOwnRun(run), plan.getRun()))), plan.getRun());
  }

  /// `[dot, column, row]`
  void storeDots(Value dot, ArrayRef<Value> sums, bool areReal) {
    auto store = [&] {
      Value first = getPlace(b.add(b.mul(place, plan.rows), b.mul(quad, 2)));
      for (int64_t tile = 0; tile < plan.tiles; ++tile)
        for (int64_t row = 0; row < getRowTiles(); ++row)
          for (int64_t half = 0; half < 2; ++half) {
            Value start = row == 0 ? first : b.bitXor(first, b.i32(8));
            Value element = b.add(start, (LaneWeights::columns * tile + 8 * half) * plan.rows);
            SmallVector<Value> pair(sums.slice((tile * getRowTiles() + row) * 4 + 2 * half, 2));
            for (Value &value : pair)
              if (areReal && kernel.types.areBytes())
                value = arith::SIToFPOp::create(b, b.getF32Type(), products->finish(value));
            auto type = VectorType::get({2}, pair[0].getType());
            b.store(vector::FromElementsOp::create(b, type, pair), getDot(dot, element), 8);
          }
    };
    if (plan.rows >= 8)
      store();
    else
      b.when(b.lessThan(quad, b.i32(plan.rows / 2)), store);
  }

  int64_t getScaleBytes() const { return kernel.scale.getIntOrFloatBitWidth() / 8; }
  /// Loads of 16 bytes of scales, of a group and between two barriers.
  int64_t getScalePieces() const { return plan.getColumns() * getScaleBytes() / 16; }
  int64_t getAllScalePieces() const { return getScalePieces() * plan.getDots(); }

  /// This thread's part of the scales of all groups until the next barrier, which come while weights are multiplied.
  SmallVector<Value> loadScales(Value turn) {
    if (!kernel.scale)
      return {};
    SmallVector<Value> loaded;
    Value first = b.mul(turn, plan.warps * kernel.getGroupsOfStep()), last = b.add(b.div(depth, kernel.group), -1);
    Value lastPiece = b.add(b.mul(allColumns, getScaleBytes()), -16);
    for (int64_t i = 0; i < getAllScalePieces(); i += plan.getThreads()) {
      Value index = b.add(thread, i);
      Value group = b.min(b.add(first, b.div(index, getScalePieces())), last);
      Value piece = b.min(b.add(b.mul(firstColumn, getScaleBytes()), b.mul(b.rem(index, getScalePieces()), 16)), lastPiece);
      Value row = b.mul(b.widen(group), b.mul(b.widen(allColumns), getScaleBytes()));
      loaded.push_back(b.load(VectorType::get({4}, b.getI32Type()), b.offset(scales, b.add(row, b.widen(piece))), 16));
    }
    return loaded;
  }

  void storeScales(ArrayRef<Value> loaded) {
    for (int64_t i = 0, size = loaded.size(); i < size; ++i) {
      Value index = b.add(thread, i * plan.getThreads());
      auto store = [&] { b.store(loaded[i], b.offset(sharedScales, b.mul(index, 16)), 16); };
      if ((i + 1) * plan.getThreads() <= getAllScalePieces())
        store();
      else
        b.when(b.lessThan(index, b.i32(getAllScalePieces())), store);
    }
  }

  /// Adds the dots of a turn, times their scales, in the order of groups.
  void addUp(Value turn, SmallVector<Value> &reals) {
    constexpr int64_t together = 8; // whose loads are under way at a time
    Value first = b.mul(turn, plan.warps * kernel.getGroupsOfStep());
    Value count = b.min(b.sub(b.div(depth, kernel.group), first), b.i32(plan.getDots())), whole = b.mul(b.div(count, together), together);
    reals = forOwnRuns(b.getF32Type(), [&, before = reals](int64_t i) {
      Value column = b.div(getOwnRun(i), plan.rows / plan.getRun());
      Value factors = b.offset(sharedScales, b.mul(column, getScaleBytes()));
      auto add = [&](Value group, int64_t groups, ValueRange sums) {
        Value factor = b.offset(factors, b.mul(group, plan.getColumns() * getScaleBytes()));
        SmallVector<Value> loadedFactors, added(sums);
        SmallVector<SmallVector<Value>> loadedDots;
        for (int64_t j = 0; j < groups; ++j) {
          loadedFactors.push_back(b.load(kernel.scale, b.offset(factor, j * plan.getColumns() * getScaleBytes()), getScaleBytes()));
          loadedDots.push_back(loadDots(b.getF32Type(), b.add(group, j), i));
        }
        for (int64_t j = 0; j < groups; ++j) {
          Value scale = kernel.scale.isF32() ? loadedFactors[j] : arith::ExtFOp::create(b, b.getF32Type(), loadedFactors[j]).getResult();
          for (auto [sum, dot] : llvm::zip(added, loadedDots[j]))
            sum = math::FmaOp::create(b, dot, scale, sum);
        }
        return added;
      };
      SmallVector<Value> sums(ArrayRef(before).slice(i * plan.getRun(), plan.getRun()));
      sums = b.loop(b.i32(0), whole, together, sums, [&](Value group, ValueRange inner) { return add(group, together, inner); });
      return b.loop(whole, count, 1, sums, [&](Value group, ValueRange inner) { return add(group, 1, inner); });
    });
  }

  KernelBuilder &b;
  const GroupedPlan &plan;
  const GroupedKernel &kernel;
  LaneWeights weights;
  std::optional<LaneProducts> products;
  MatmulArguments arguments; ///< Sizes, operands and results.
  Value lhs, rhs, scales, zeros, depth, units, allColumns;
  Value thread, warp, place, quad, firstRow, firstColumn;
  Value ring, sharedScales, sharedDots; ///< `!llvm.ptr<3>`; of the ring this lane's place in this warp's first slot.
  SmallVector<Value> tileIndices, rhsRows, lhsRows;
};
} // namespace

void GroupedPlan::emit(KernelBuilder &b, gpu::GPUFuncOp function) const {
  // 128 registers a thread. The assembler would save some for more blocks, which wait longer for each load.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(static_cast<int32_t>(16 / warps)));
  Emitter(b, *this, function.getArguments()).emit();
}

} // namespace mlir::lowbit
