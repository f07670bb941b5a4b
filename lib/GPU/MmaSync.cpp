//===- MmaSync.cpp - products by mma.sync, tiles by cp.async --------------===//
//
// A block computes a tile of the result; its warps share it out. Tiles of both sides go through `stages` slots of shared memory: while one
// is multiplied, the copies of the next ones are under way. Fragments are loaded one step of 32 bytes ahead of the products, across the
// barrier too, so that no product waits for ldmatrix. Rows beyond the border are read at the border, or are zeros, and so is the end of the
// reduction: neither is seen in the result.
//
//===----------------------------------------------------------------------===//

#include "ImageRows.h"
#include "Schedules.h"
#include "TileOrder.h"
#include "lowbit/GPU/Epilogue.h"
#include "lowbit/GPU/Float8Mma.h"
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
  /// Rows that all threads copy together, in pieces of 16 bytes.
  int64_t getRowsPerCopy() const { return getThreads() / (depth / Swizzle::pieceBytes); }
  /// 32-bit registers of a lane: accumulators, two sets of fragments, pointers and what else there is.
  int64_t getRegisters() const {
    int64_t fragments = warpRows / 16 * 4 + warpColumns / 8 * 2;
    int64_t copies = llvm::divideCeil(rows, getRowsPerCopy()) + llvm::divideCeil(columns, getRowsPerCopy());
    return warpRows * warpColumns / 32 + 2 * fragments + 2 * copies + 30;
  }
};

constexpr Tile tiles[] = {
    {128, 256, 64, 64, 64, 4}, {128, 128, 64, 64, 64, 4}, {64, 128, 64, 32, 64, 4}, {64, 64, 64, 32, 32, 5},  {32, 128, 64, 32, 32, 5},
    {32, 64, 128, 16, 32, 4},  {16, 128, 128, 16, 32, 4}, {16, 64, 128, 16, 16, 6}, {16, 32, 128, 16, 16, 8},
};

/// Of floats: a lane with 128 sums would have no registers left for what is added to them.
constexpr Tile floatTiles[] = {
    {128, 128, 64, 32, 64, 5}, {64, 128, 64, 32, 64, 4},  {64, 64, 64, 32, 32, 5},  {32, 128, 64, 32, 32, 5},
    {32, 64, 128, 16, 32, 4},  {16, 128, 128, 16, 32, 4}, {16, 64, 128, 16, 16, 6}, {16, 32, 128, 16, 16, 8},
};

/// The instruction m16n8 with 32 bytes of the reduction.
struct Instruction {
  static constexpr int64_t rows = 16, columns = 8, depth = 32;
  NVVM::MMATypes lhs, rhs;
  bool areBits, areFloats;

  explicit Instruction(const MatmulKernel &kernel)
      : lhs(getType(kernel.lhs)), rhs(getType(kernel.rhs)), areBits(kernel.lhs.width == 1), areFloats(kernel.hasFloats()) {}

  Value getZero(KernelBuilder &b) const { return areFloats ? arith::ConstantOp::create(b, b.getF32FloatAttr(0)).getResult() : b.i32(0); }

  static NVVM::MMATypes getType(MatmulSide side) {
    if (side.number)
      return isa<Float8E4M3FNType>(side.number) ? NVVM::MMATypes::e4m3 : NVVM::MMATypes::e5m2;
    return side.width == 1 ? NVVM::MMATypes::b1 : side.isSigned ? NVVM::MMATypes::s8 : NVVM::MMATypes::u8;
  }

  /// Replaces the four sums by those with the product added.
  void emit(KernelBuilder &b, ValueRange a, ValueRange bColumns, MutableArrayRef<Value> sums) const {
    if (areFloats)
      return emitFloats(b, a, bColumns, sums);
    Type i32 = b.getI32Type();
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {i32, i32, i32, i32});
    SmallVector<int64_t> shape{rows, columns, areBits ? depth * 8 : depth};
    std::optional<NVVM::MMAB1Op> bitOp;
    std::optional<NVVM::MMAIntOverflow> overflow;
    if (areBits)
      bitOp = NVVM::MMAB1Op::and_popc;
    else
      overflow = NVVM::MMAIntOverflow::wrapped;
    Value result = NVVM::MmaOp::create(b, type, a, bColumns, ValueRange(ArrayRef<Value>(sums)), shape, bitOp, overflow,
                                       std::array{lhs, rhs}, std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
    llvm::copy(b.unpack(result), sums.begin());
  }

  /// Each 32 products are a sum of their own, and join the others by an addition that rounds: the tensor core keeps fewer bits.
  void emitFloats(KernelBuilder &b, ValueRange a, ValueRange bColumns, MutableArrayRef<Value> sums) const {
    SmallVector<Value> operands(a);
    llvm::append_range(operands, bColumns);
    operands.append(Accumulator16x8::size, getZero(b));
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), SmallVector<Type>(Accumulator16x8::size, b.getF32Type()));
    std::string name = getFloat8MmaName(NVVM::stringifyEnum(lhs), NVVM::stringifyEnum(rhs));
    Value part = LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(name), operands).getResult(0);
    for (auto [sum, added] : llvm::zip_equal(sums, b.unpack(part)))
      sum = arith::AddFOp::create(b, sum, added);
  }
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
    SmallVector<Value> sums = multiply();
    AccumulatorTile result{b.add(b.add(blockRow, warpRow), Accumulator16x8::getRow(b, lane)),
                           b.add(b.add(blockColumn, warpColumn), Accumulator16x8::getColumn(b, lane)),
                           {},
                           sums};
    for (int64_t i = 0, size = sums.size(); i < size; ++i) {
      int64_t fragment = i / Accumulator16x8::size;
      TilePlace place = Accumulator16x8::getPlace(i % Accumulator16x8::size);
      result.places.push_back(
          {place.row + fragment / numColumns() * instruction.rows, place.column + fragment % numColumns() * instruction.columns});
    }
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

  void loadMatrices(Value pointer, SmallVectorImpl<Value> &registers) {
    Type i32 = b.getI32Type();
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {i32, i32, i32, i32});
    Value loaded = NVVM::LdMatrixOp::create(b, type, pointer, 4, NVVM::MMALayout::row, NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
                                            NVVM::LdStMatrixEltType::B16);
    llvm::append_range(registers, b.unpack(loaded));
  }

  /// The fragments of 32 bytes of the reduction: four registers for each 16 rows of A, then two for each 8 of B.
  SmallVector<Value> loadFragments(Value slot, int64_t step) {
    SmallVector<Value> registers;
    Value a = b.offset(fragmentsA[step], slot), rhsRows = b.offset(fragmentsB[step], slot);
    for (int64_t i = 0; i < numRows(); ++i)
      loadMatrices(b.offset(a, i * instruction.rows * tile.depth), registers);
    for (int64_t i = 0; i < numColumns() / 2; ++i)
      loadMatrices(b.offset(rhsRows, i * 16 * tile.depth), registers);
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
    int64_t numSums = numRows() * numColumns() * Accumulator16x8::size;
    SmallVector<Value> carried(numSums, instruction.getZero(b));
    llvm::append_range(carried, loadFragments(slot, 0));
    // The slot that is read, and the one that is filled.
    carried.append({slot, b.i32((tile.stages - 1) * tile.getSlotBytes())});
    carried = b.loop(b.i32(0), arguments.depth, tile.depth, carried, [&](Value depth, ValueRange values) {
      SmallVector<Value> sums(values.take_front(numSums)), fragments(values.drop_front(numSums).drop_back(2));
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
        multiplyFragments(fragments, sums);
        fragments = next;
      }
      SmallVector<Value> results(sums);
      llvm::append_range(results, fragments);
      results.append({read, filled});
      return results;
    });
    NVVM::CpAsyncWaitGroupOp::create(b, 0u);
    carried.resize(numSums);
    return carried;
  }

  KernelBuilder &b;
  const MatmulKernel &kernel;
  const Tile &tile;
  MatmulArguments arguments;
  Instruction instruction;
  Swizzle swizzle;
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

  std::unique_ptr<MatmulPlan> plan(const MatmulKernel &kernel, const GPUArchitecture &architecture, StringRef name,
                                   std::string &obstacle) const override {
    obstacle = getObstacle(kernel, architecture);
    if (!obstacle.empty())
      return nullptr;
    ArrayRef<Tile> all = kernel.hasFloats() ? ArrayRef<Tile>(floatTiles) : ArrayRef<Tile>(tiles);
    return findCheapest<MmaSyncPlan>(all, kernel, architecture, name, obstacle);
  }

private:
  static std::string getObstacle(const MatmulKernel &kernel, const GPUArchitecture &architecture) {
    if (!architecture.hasAsyncCopy)
      return (architecture.chip + " has no cp.async").str();
    if (kernel.hasFloats() && !architecture.hasFloat8Mma)
      return (architecture.chip + " has no m16n8k32 of 8-bit floats").str();
    if (kernel.lhs.width == 8 && !architecture.hasByteMma)
      return (architecture.chip + " has no m16n8k32 of bytes").str();
    if (kernel.lhs.width == 1 && !architecture.hasBinaryMma)
      return (architecture.chip + " has no m16n8k256 of bits").str();
    return getSideObstacle(kernel, /*rowAlignment=*/16, /*takesFloats=*/true, /*takesWindows=*/true);
  }
};

} // namespace

const MatmulSchedule &getMmaSyncSchedule() {
  static const MmaSyncSchedule schedule;
  return schedule;
}

} // namespace mlir::lowbit
