//===- MmaSync.cpp - products by mma.sync, tiles by cp.async --------------===//
//
// A block computes a tile of the result; its warps share it out. Tiles of both sides go through `stages` slots of shared memory: while one
// is multiplied, the copies of the next ones are under way. Fragments are loaded one step of 32 bytes ahead of the products, across the
// barrier too, so that no product waits for ldmatrix. Rows beyond the border are read at the border, or are zeros, and so is the end of the
// reduction: neither is seen in the result.
//
//===----------------------------------------------------------------------===//

#include "GroupScales.h"
#include "ImageRows.h"
#include "MmaInstruction.h"
#include "Schedules.h"
#include "TileOrder.h"
#include "lowbit/GPU/Epilogue.h"
#include "lowbit/GPU/Swizzle.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/Support/FormatVariadic.h"

namespace mlir::lowbit {
namespace {

/// Elements of a block's tile and of a warp's part of it; bytes of the reduction in a slot.
struct Tile {
  int64_t rows, columns, depth, warpRows, warpColumns, stages;

  int64_t getThreads() const { return 32 * (rows / warpRows) * (columns / warpColumns); }
  int64_t getSlotBytes() const { return (rows + columns) * depth; }
  int64_t getSharedBytes() const { return getSlotBytes() * stages; }
  /// Sums of a lane.
  int64_t getSums() const { return warpRows * warpColumns / 32; }
  /// Rows that all threads copy together, in pieces of 16 bytes.
  int64_t getRowsPerCopy() const { return getThreads() / (depth / Swizzle::pieceBytes); }
  /// 32-bit registers of a lane: accumulators, two sets of fragments, pointers and what else there is.
  int64_t getRegisters() const {
    int64_t fragments = warpRows / 16 * 4 + warpColumns / 8 * 2;
    int64_t copies = llvm::divideCeil(rows, getRowsPerCopy()) + llvm::divideCeil(columns, getRowsPerCopy());
    return getSums() + 2 * fragments + 2 * copies + 30;
  }
};

constexpr Tile tiles[] = {
    {128, 256, 64, 64, 64, 4}, {128, 128, 64, 64, 64, 4}, {64, 128, 64, 32, 64, 4}, {64, 64, 64, 32, 32, 5},  {32, 128, 64, 32, 32, 5},
    {32, 64, 128, 16, 32, 4},  {16, 128, 128, 16, 32, 4}, {16, 64, 128, 16, 16, 6}, {16, 32, 128, 16, 16, 8},
};

/// Of floats, and of groups: a lane with 128 sums would have no registers left for what is added to them.
constexpr Tile floatTiles[] = {
    {128, 128, 64, 32, 64, 5}, {64, 128, 64, 32, 64, 4},  {64, 64, 64, 32, 32, 5},  {32, 128, 64, 32, 32, 5},
    {32, 64, 128, 16, 32, 4},  {16, 128, 128, 16, 32, 4}, {16, 64, 128, 16, 16, 6}, {16, 32, 128, 16, 16, 8},
};

/// Writes one kernel.
class Emitter {
public:
  Emitter(KernelBuilder &b, const MatmulKernel &kernel, const Tile &tile, const MatmulArguments &arguments)
      : b(b), kernel(kernel), tile(tile), arguments(arguments), instruction(kernel), swizzle{tile.depth} {}

  void emit() {
    thread = b.threadId();
    lane = b.rem(thread, 32);
    TileOrder order(b, arguments, tile.rows, tile.columns);
    Value block = b.blockId();
    std::tie(blockRow, blockColumn) = order.getOrigin(b, block);
    if (kernel.hasBatches)
      arguments = arguments.atBatch(b, kernel, order.getBatch(b, block));
    Value shared = b.sharedMemory();
    const ImageRows &windows = kernel.lhs.windows;
    auto getRow = [&](Value row, Value pitch) { return b.mul(b.widen(row), b.widen(pitch)); };
    lhs = makeCopy(shared, arguments.lhs, blockRow, arguments.rows, tile.rows, 0,
                   [&](Value row) { return windows.isThere() ? buildRowOffset(b, windows, row) : getRow(row, arguments.lhsPitch); });
    rhs = makeCopy(shared, arguments.rhs, blockColumn, arguments.columns, tile.columns, tile.rows * tile.depth,
                   [&](Value row) { return getRow(row, arguments.rhsPitch); });
    findFragments(shared);
    // What scales are read by has to be there before, what results are stored by only after: it would take registers.
    std::optional<AccumulatorTile> scaled;
    if (kernel.group != 0) {
      scaled = makeTile();
      scales.emplace(b, kernel, arguments, *scaled);
    }
    SmallVector<Value> sums = multiply();
    AccumulatorTile result = makeTile();
    result.sums = sums;
    emitEpilogue(b, kernel, arguments, result);
  }

private:
  /// What a thread copies of one side: pieces of 16 bytes of every `getRowsPerCopy`th row.
  struct Copy {
    SmallVector<Value> sources;   ///< `!llvm.ptr<1>`, at the begin of the reduction.
    SmallVector<Value> areInside; ///< Whether the rows are; empty where they are many, of which those outside are the last one.
    Value target;                 ///< `!llvm.ptr<3>`, of the first one in the first slot.
  };

  int64_t numRows() const { return tile.warpRows / instruction.rows; }
  int64_t numColumns() const { return tile.warpColumns / instruction.columns; }
  int64_t numSteps() const { return tile.depth / instruction.depth; }
  int64_t numSums() const { return numRows() * numColumns() * Accumulator16x8::size; }

  /// Where the lane's sums belong.
  AccumulatorTile makeTile() {
    AccumulatorTile made{b.add(b.add(blockRow, warpRow), Accumulator16x8::getRow(b, lane)),
                         b.add(b.add(blockColumn, warpColumn), Accumulator16x8::getColumn(b, lane)),
                         {},
                         {}};
    for (int64_t i = 0; i < numSums(); ++i) {
      int64_t fragment = i / Accumulator16x8::size;
      TilePlace place = Accumulator16x8::getPlace(i % Accumulator16x8::size);
      made.places.push_back(
          {place.row + fragment / numColumns() * instruction.rows, place.column + fragment % numColumns() * instruction.columns});
    }
    return made;
  }

  /// `getStart`: bytes (i64) to the begin of a row (i32).
  Copy makeCopy(Value shared, Value side, Value firstRow, Value rows, int64_t tileRows, int64_t offset,
                function_ref<Value(Value row)> getStart) {
    Copy copy;
    int64_t pieces = swizzle.getPieces();
    Value row = b.div(thread, pieces), piece = b.rem(thread, pieces);
    copyPiece = b.mul(piece, Swizzle::pieceBytes);
    copy.target = b.offset(shared, b.add(swizzle.getOffset(b, row, piece), offset));
    Value last = b.add(rows, -1);
    for (int64_t i = 0; i < tileRows; i += tile.getRowsPerCopy()) {
      Value own = b.add(b.add(firstRow, row), i), clamped = b.min(own, last);
      // Many rows outside would all read one row, in all blocks at a time, which makes a queue at the cache.
      if (tileRows <= 2 * tile.getRowsPerCopy())
        copy.areInside.push_back(b.lessThan(own, rows));
      copy.sources.push_back(b.offset(side, getStart(clamped)));
    }
    return copy;
  }

  /// Starts the copies of the slot at `slot` (bytes) from `depth` (i32 bytes) of the reduction on.
  void startCopies(Value slot, Value depth) {
    Value piece = b.add(depth, copyPiece), inside = b.lessThan(piece, arguments.depth);
    Value bytes = b.select(inside, b.i32(Swizzle::pieceBytes), b.i32(0));
    for (Copy *copy : {&lhs, &rhs}) {
      bool isImage = copy == &lhs && kernel.lhs.windows.isThere();
      Value place = b.widen(isImage ? buildColumnOffset(b, kernel.lhs.windows, piece) : piece);
      Value target = b.offset(copy->target, slot);
      for (auto [i, source] : llvm::enumerate(copy->sources)) {
        Value size = copy->areInside.empty() ? bytes : b.select(copy->areInside[i], bytes, b.i32(0));
        NVVM::CpAsyncOp::create(b, b.offset(target, i * tile.getRowsPerCopy() * tile.depth), b.offset(source, place),
                                static_cast<uint32_t>(Swizzle::pieceBytes), NVVM::LoadCacheModifierKind::CG, size);
      }
    }
    NVVM::CpAsyncCommitGroupOp::create(b);
  }

  /// Waits for the oldest copies but for `pending` younger ones, of all threads.
  void wait(int64_t pending) {
    NVVM::CpAsyncWaitGroupOp::create(b, static_cast<uint32_t>(pending));
    gpu::BarrierOp::create(b);
  }

  Value nextSlot(Value slot) {
    Value next = b.add(slot, tile.getSlotBytes());
    Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, next, b.i32(tile.getSharedBytes()));
    return b.select(isLast, b.i32(0), next);
  }

  /// Addresses that this lane gives ldmatrix for the warp's first rows of each side, in the first slot, for each 32 bytes of the reduction.
  void findFragments(Value shared) {
    Value warp = b.div(thread, 32);
    int64_t across = tile.columns / tile.warpColumns;
    warpRow = tile.rows == tile.warpRows ? b.i32(0) : b.mul(b.div(warp, across), tile.warpRows);
    warpColumn = b.mul(b.rem(warp, across), tile.warpColumns);
    // Of A the four matrices are rows 0 and 8 in the first 16 bytes, then in the second; of B rows 0 in both, then rows 8.
    Value low = b.rem(lane, 8), second = b.rem(b.div(lane, 8), 2), third = b.div(lane, 16);
    Value rowA = b.add(warpRow, b.add(low, b.mul(second, 8))), rowB = b.add(warpColumn, b.add(low, b.mul(third, 8)));
    for (int64_t step = 0; step < numSteps(); ++step) {
      fragmentsA.push_back(b.offset(shared, swizzle.getOffset(b, rowA, b.add(third, 2 * step))));
      Value offset = swizzle.getOffset(b, rowB, b.add(second, 2 * step));
      fragmentsB.push_back(b.offset(shared, b.add(offset, tile.rows * tile.depth)));
    }
  }

  /// The fragments of 32 bytes of the reduction: four registers for each 16 rows of A, then two for each 8 of B.
  SmallVector<Value> loadFragments(Value slot, int64_t step) {
    SmallVector<Value> registers;
    Value a = b.offset(fragmentsA[step], slot), rhsRows = b.offset(fragmentsB[step], slot);
    for (int64_t i = 0; i < numRows(); ++i)
      llvm::append_range(registers, loadMatrices(b, b.offset(a, i * instruction.rows * tile.depth), 4));
    for (int64_t i = 0; i < numColumns() / 2; ++i)
      llvm::append_range(registers, loadMatrices(b, b.offset(rhsRows, i * 16 * tile.depth), 4));
    return registers;
  }

  void multiplyFragments(ArrayRef<Value> fragments, MutableArrayRef<Value> sums) {
    for (int64_t i = 0; i < numRows(); ++i)
      for (int64_t j = 0; j < numColumns(); ++j)
        instruction.emit(b, fragments.slice(4 * i, 4), fragments.slice(4 * numRows() + 2 * j, 2),
                         sums.slice((i * numColumns() + j) * Accumulator16x8::size, Accumulator16x8::size));
  }

  SmallVector<Value> multiply() {
    Value slot = b.i32(0);
    for (int64_t stage = 0; stage + 1 < tile.stages; ++stage)
      startCopies(b.i32(stage * tile.getSlotBytes()), b.i32(stage * tile.depth));
    wait(tile.stages - 2);
    SmallVector<Value> rest = loadFragments(slot, 0);
    // The slot that is read, and the one that is filled.
    rest.append({slot, b.i32((tile.stages - 1) * tile.getSlotBytes())});
    SmallVector<Value> sums = kernel.group == 0           ? multiplySteps(b.i32(0), arguments.depth, makeZeros(), rest)
                              : kernel.group > tile.depth ? multiplyLargeGroups(rest)
                                                          : multiplySmallGroups(rest);
    NVVM::CpAsyncWaitGroupOp::create(b, 0u);
    return sums;
  }

  SmallVector<Value> makeZeros() { return SmallVector<Value>(numSums(), instruction.getZero(b)); }
  SmallVector<Value> makeReals() {
    Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
    return SmallVector<Value>(numSums(), zero);
  }

  /// Groups of several steps: each step of them, then their scales.
  SmallVector<Value> multiplyLargeGroups(ArrayRef<Value> rest) {
    SmallVector<Value> carried = makeReals();
    llvm::append_range(carried, rest);
    carried = b.loop(b.i32(0), arguments.depth, kernel.group, carried, [&](Value first, ValueRange values) {
      SmallVector<Value> reals(values.take_front(numSums())), inner(values.drop_front(numSums()));
      std::optional<GroupScales::Loaded> loaded;
      auto load = [&] { loaded = scales->load(b.div(first, kernel.group), /*mayBeBeyond=*/false); };
      // They come while others multiply, where there are registers for them.
      if (!instruction.areFloats)
        load();
      SmallVector<Value> dots = multiplySteps(first, b.add(first, kernel.group), makeZeros(), inner);
      if (!loaded)
        load();
      scales->add(*loaded, dots, reals);
      llvm::append_range(reals, inner);
      return reals;
    });
    carried.resize(numSums());
    return carried;
  }

  /// Groups of which a step has one or several.
  SmallVector<Value> multiplySmallGroups(SmallVector<Value> rest) {
    SmallVector<Value> dots, reals = makeReals();
    int64_t perGroup = kernel.group / instruction.depth, groups = tile.depth / kernel.group;
    std::optional<GroupScales::Loaded> loaded;
    auto beginStep = [&](Value depth, int64_t step) {
      if (step % perGroup != 0)
        return;
      dots = makeZeros();
      loaded = scales->load(b.add(b.div(depth, kernel.group), step / perGroup), /*mayBeBeyond=*/groups > 1);
    };
    return multiplySteps(b.i32(0), arguments.depth, reals, rest,
                         [&](Value depth, int64_t step, ArrayRef<Value> fragments, MutableArrayRef<Value> sums) {
                           beginStep(depth, step);
                           multiplyFragments(fragments, dots);
                           if ((step + 1) % perGroup == 0)
                             scales->add(*loaded, dots, sums);
                         });
  }

  /// What one step of 32 bytes does with fragments and sums.
  using StepEmitter = function_ref<void(Value depth, int64_t step, ArrayRef<Value> fragments, MutableArrayRef<Value> sums)>;

  /// Adds the products from `first` to `end` (i32 bytes) of the reduction to `sums`; `rest`, the fragments and slots, goes on to what is
  /// next.
  SmallVector<Value> multiplySteps(Value first, Value end, ArrayRef<Value> sums, SmallVectorImpl<Value> &rest) {
    return multiplySteps(first, end, sums, rest, [&](Value, int64_t, ArrayRef<Value> fragments, MutableArrayRef<Value> added) {
      multiplyFragments(fragments, added);
    });
  }

  SmallVector<Value> multiplySteps(Value first, Value end, ArrayRef<Value> start, SmallVectorImpl<Value> &rest, StepEmitter emitStep) {
    SmallVector<Value> carried(start);
    llvm::append_range(carried, rest);
    carried = b.loop(first, end, tile.depth, carried, [&](Value depth, ValueRange values) {
      SmallVector<Value> sums(values.take_front(numSums())), fragments(values.drop_front(numSums()).drop_back(2));
      Value read = values.drop_back().back(), filled = values.back();
      for (int64_t step = 0; step < numSteps(); ++step) {
        bool isLast = step + 1 == numSteps();
        if (isLast) {
          wait(tile.stages - 2);
          read = nextSlot(read);
        }
        SmallVector<Value> next = loadFragments(read, isLast ? 0 : step + 1);
        if (step == 0) {
          // Nobody reads that slot any more: its last fragments were loaded before the last barrier.
          startCopies(filled, b.add(depth, (tile.stages - 1) * tile.depth));
          filled = nextSlot(filled);
        }
        emitStep(depth, step, fragments, sums);
        fragments = next;
      }
      SmallVector<Value> results(sums);
      llvm::append_range(results, fragments);
      results.append({read, filled});
      return results;
    });
    rest.assign(carried.begin() + numSums(), carried.end());
    carried.resize(numSums());
    return carried;
  }

  KernelBuilder &b;
  const MatmulKernel &kernel;
  const Tile &tile;
  MatmulArguments arguments;
  MmaInstruction instruction;
  Swizzle swizzle;
  std::optional<GroupScales> scales;
  Value thread, lane, blockRow, blockColumn, warpRow, warpColumn, copyPiece;
  Copy lhs, rhs;
  SmallVector<Value> fragmentsA, fragmentsB;
};

class MmaSyncPlan final : public MatmulPlan {
public:
  MmaSyncPlan(const MatmulKernel &kernel, const GPUArchitecture &architecture, const Tile &tile)
      : kernel(kernel), architecture(architecture), tile(tile) {}

  std::string getName() const override {
    return llvm::formatv("mma_sync_{0}x{1}x{2}x{3}", tile.rows, tile.columns, tile.depth, tile.stages);
  }
  unsigned getThreads() const override { return tile.getThreads(); }
  unsigned getSharedBytes() const override { return tile.getSharedBytes(); }

  /// Blocks that a multiprocessor holds at a time.
  int64_t getResidents() const {
    int64_t byShared = architecture.sharedBytesPerMultiprocessor / (tile.getSharedBytes() + 1024);
    int64_t byRegisters = GPUArchitecture::registersPerMultiprocessor / (llvm::alignTo(tile.getRegisters(), 8) * tile.getThreads());
    return std::max<int64_t>(1, std::min(byShared, byRegisters));
  }

  double estimate() const override {
    // Cycles of a step, by what limits it: products, reads of fragments, reads of tiles from the L2; and what no neighbour hides.
    constexpr double productsPerCycle = 2600, sharedBytesPerCycle = 120, cacheBytesPerCycle = 40, latency = 500, opsPerCycle = 67,
                     cyclesPerMicrosecond = 1700;
    auto [rows, columns, depth] = kernel.guessSizes();
    int64_t warps = tile.getThreads() / 32;
    double products = tile.rows * tile.columns * tile.depth / productsPerCycle;
    double fragments = warps * (tile.warpRows + tile.warpColumns) * tile.depth / sharedBytesPerCycle;
    double copies = tile.getSlotBytes() / cacheBytesPerCycle;
    double numTiles = kernel.guessBatches() * llvm::divideCeil(rows, tile.rows) * llvm::divideCeil(columns, tile.columns);
    double perMultiprocessor = std::ceil(numTiles / architecture.multiprocessors);
    double together = std::min<double>(perMultiprocessor, getResidents());
    double step = std::max({products, fragments, copies, latency / (tile.stages - 1) / together});
    double steps = llvm::divideCeil(depth, tile.depth);
    // The epilogue by its ops, which other blocks hide in part where there are any.
    double ops = (9 + llvm::range_size(kernel.epilogue->front())) * tile.rows * tile.columns / opsPerCycle;
    return (perMultiprocessor * (steps * step + ops) + std::ceil(perMultiprocessor / together) * 2 * latency) / cyclesPerMicrosecond;
  }

  void emit(KernelBuilder &b, gpu::GPUFuncOp function) const override {
    MatmulArguments arguments = MatmulArguments::get(function.getArguments(), kernel);
    // With scales the assembler would rather spill some registers to make room for one more block. Where it may take all there are, it
    // loads so much of floats ahead that it spills, too.
    bool isLong = kernel.hasFloats() && kernel.group > tile.depth && tile.getSums() >= 32;
    if (kernel.group != 0 && !isLong)
      function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(1));
    Emitter(b, kernel, tile, arguments).emit();
  }

  Launch buildLaunch(KernelBuilder &b, const MatmulArguments &arguments) const override {
    return {TileOrder(b, arguments, tile.rows, tile.columns).getCount(b), {}};
  }

private:
  const MatmulKernel &kernel;
  const GPUArchitecture &architecture;
  Tile tile;
};

class MmaSyncSchedule final : public MatmulSchedule {
public:
  StringRef getName() const override { return "mma.sync"; }

  MatmulPlans plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, std::string &obstacle) const override {
    obstacle = getObstacle(kernel, architecture);
    if (!obstacle.empty())
      return {};
    ArrayRef<Tile> all = kernel.hasFloats() || kernel.group != 0 ? ArrayRef<Tile>(floatTiles) : ArrayRef<Tile>(tiles);
    auto fits = [&](const Tile &tile) { return tile.getSums() <= getMostSums(kernel) && !isTooMuch(kernel, tile); };
    return makePlans<MmaSyncPlan>(llvm::make_filter_range(all, fits), kernel, architecture, obstacle);
  }

private:
  /// Sums of a lane for which there are registers. In groups it has them twice, and scales; what ptxas makes of floats, or of scales for
  /// each instruction, takes more.
  static int64_t getMostSums(const MatmulKernel &kernel) {
    bool takesMore = kernel.group != 0 && (kernel.hasFloats() || kernel.group == MmaInstruction::depth);
    return takesMore ? 32 : 128;
  }

  /// Sums twice, scales, the loop over groups in which these live, and the pointers of many copies, of which ptxas spills some.
  static bool isTooMuch(const MatmulKernel &kernel, const Tile &tile) {
    constexpr int64_t most = 150;
    return kernel.group > 2 * tile.depth && tile.getSums() > 32 && tile.getRegisters() > most;
  }

  static std::string getObstacle(const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    if (!architecture.hasAsyncCopy)
      return (architecture.chip + " has no cp.async").str();
    if (kernel.hasFloats() && !architecture.hasFloat8Mma)
      return (architecture.chip + " has no m16n8k32 of 8-bit floats").str();
    if (kernel.hasFloats() && !kernel.allowsFloat8Order(/*byWarpgroups=*/false))
      return "sums of 8-bit floats are to be added up in another order";
    if (kernel.lhs.width == 8 && !architecture.hasByteMma)
      return (architecture.chip + " has no m16n8k32 of bytes").str();
    if (kernel.lhs.width == 1 && !architecture.hasBinaryMma)
      return (architecture.chip + " has no m16n8k256 of bits").str();
    return getSideObstacle(kernel, /*rowAlignment=*/16, /*takesFloats=*/true, /*takesWindows=*/true, /*takesGroups=*/true);
  }
};

} // namespace

const MatmulSchedule &getMmaSyncSchedule() {
  static const MmaSyncSchedule schedule;
  return schedule;
}

} // namespace mlir::lowbit
